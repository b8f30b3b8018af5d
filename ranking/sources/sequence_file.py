"""Reads user sequences."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ranking.did_you_mean import did_you_mean
from ranking.sources.source_error import SourceError

Integers = npt.NDArray[np.int64]
_ENDING = "_item2attributes.json"


@dataclasses.dataclass(frozen=True)
class UserSequences:
    """What users did, in flat arrays: users and items are numbers in order of appearance.

    Attributes:
        users: User ids.
        items: Item ids.
        sequence: The items of all users, user by user, each oldest first.
        offsets: Where each user's part of `sequence` starts, and the end.
    """

    users: Sequence[str]
    items: Sequence[str]
    sequence: Integers
    offsets: Integers

    @property
    def lengths(self) -> Integers:
        """Number of items of each user."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Integers:
        """The user of each element of `sequence`."""
        return np.repeat(np.arange(len(self.users)), self.lengths)

    @property
    def positions(self) -> Integers:
        """The place of each element of `sequence` in its user's sequence, from 0."""
        return np.arange(len(self.sequence)) - self.offsets[self.owners]

    def items_at(self, users: Integers, positions: Integers) -> Integers:
        """The items at positions of users' sequences, from 0; both `[S]`."""
        return self.sequence[self.offsets[users] + positions]


def find_sequence_file(path: Path, name: str) -> Path:
    """Maps an input to the file of sequences: the file itself, or `<name>.txt` in a folder.

    Raises:
        SourceError: If there is no such file, or if a folder has several and no name is given.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise SourceError(f"{path} does not exist. Give a file of user sequences, or its folder.")
    names = sorted(file.name.removesuffix(_ENDING) for file in path.glob(f"*{_ENDING}"))
    if not name and len(names) != 1:
        raise SourceError(
            f"{path} must hold one set, or option `name` must say which. "
            f"Received: {', '.join(names) or 'no set'} (by the files `<name>{_ENDING}`)."
        )
    file = path / f"{name or names[0]}.txt"
    if not file.is_file():
        raise SourceError(f"There is no file {file}. {did_you_mean(file.stem, names)}")
    return file


def attributes_file(path: Path) -> Path:
    """Maps the file of sequences to the file of item attributes beside it."""
    return path.with_name(path.stem + _ENDING)


def read_sequence_file(path: Path) -> UserSequences:
    """Maps lines `user item item ...`, oldest item first, separated by blanks, to flat arrays.

    Raises:
        SourceError: If a line has no item, an item twice, or a user that an earlier line had.
    """
    numbers: dict[str, int] = {}
    users, parts = [], []
    for user, items in _lines(path):
        users.append(user)
        parts.append([numbers.setdefault(item, len(numbers)) for item in items])
    if not parts:
        raise SourceError(f"{path} is empty. It must hold one user per line.")
    return UserSequences(
        users=users,
        items=list(numbers),
        sequence=np.fromiter(chain.from_iterable(parts), np.int64),
        offsets=np.cumsum([0, *map(len, parts)], dtype=np.int64),
    )


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    line_of: dict[str, int] = {}
    for number, line in _numbered_lines(path):
        user, *items = line.split() or [""]
        place = f"{path}, line {number}"
        if not items:
            raise SourceError(
                f"{place} must be `user item item ...`. Received: {line.rstrip()!r}. "
                "Remove the line, or give the user's items."
            )
        if len(set(items)) < len(items):
            twice = next(item for item in items if items.count(item) > 1)
            raise SourceError(
                f"{place}: a user must have an item once. Received: item `{twice}` twice. "
                "Keep one of them, the same one for every user."
            )
        if user in line_of:
            raise SourceError(
                f"{place}: a user must have one line. Received: user `{user}` of line "
                f"{line_of[user]} again. Join the two in time order."
            )
        line_of[user] = number
        yield user, items


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8") as lines:
        try:
            yield from enumerate(lines, start=1)
        except UnicodeDecodeError as error:
            raise SourceError(f"{path} must be text in UTF-8. Received: {error}") from error
