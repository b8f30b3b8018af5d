"""A value of a spec file with its place, and the checks that turn it into a typed value."""

import dataclasses
import math
import re
import struct
from collections.abc import Collection, Mapping

from ranking.did_you_mean import did_you_mean, near_names
from ranking.features.spec_error import SpecError

# Ids are int32, and a table has two rows beside its entries.
LARGEST_COUNT = 2**31 - 3

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NO_HINTS: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True)
class Misread:
    """An unquoted word that YAML readers do not agree to call text, for example `no` or `010`."""

    reading: str


Scalar = None | bool | int | float | str | Misread


@dataclasses.dataclass(frozen=True)
class SpecNode:
    """One value of a spec file. Every method gives a checked value or raises `SpecError`.

    Attributes:
        content: The value: a scalar, a list of nodes or a dictionary of nodes.
        file: The spec file.
        line: Line of the value; for a list or a mapping the line of its key.
        key_line: Line of its key.
        path: Keys that lead to it, joined by dots.
        written: The value as it stands in the file, for messages.
    """

    content: "Scalar | list[SpecNode] | dict[str, SpecNode]"
    file: str
    line: int
    key_line: int
    path: str
    written: str

    def error(self, rule: str, remedy: str) -> SpecError:
        """The error that says `rule` about this value."""
        return SpecError(self.file, self.line, self.path, rule, remedy)

    def key_error(self, rule: str, remedy: str) -> SpecError:
        """The error that says `rule` about this value's key."""
        return SpecError(self.file, self.key_line, self.path, rule, remedy)

    def mapping(self) -> "dict[str, SpecNode]":
        """The value as a mapping from keys to nodes."""
        if isinstance(self.content, dict):
            return self.content
        raise self._wrong("must be a mapping", "Write `key: value` lines, or {key: value}.")

    def sequence(self) -> "list[SpecNode]":
        """The value as a list that is not empty."""
        if not isinstance(self.content, list):
            raise self._wrong("must be a list", f"Write [{self.written}].")
        if not self.content:
            raise self.error("must not be an empty list.", "List something or remove the key.")
        return self.content

    def has(self, key: str) -> bool:
        """Whether the mapping has `key`."""
        return key in self.mapping()

    def required(self, key: str, example: str) -> "SpecNode":
        """The value of `key`; `example` is what to write where it is missing."""
        if not self.has(key):
            raise self.error(f"must have `{key}`, which is missing.", f"Add `{key}: {example}`.")
        return self.mapping()[key]

    def check_keys(
        self, allowed: Collection[str], owner: str, hints: Mapping[str, str] = _NO_HINTS
    ) -> None:
        """Raises an error for the first key that is not allowed; `hints` are remedies by key."""
        for key, node in self.mapping().items():
            if key not in allowed:
                remedy = hints.get(key) or did_you_mean(key, allowed)
                raise node.key_error(f"is no key of {owner}: unknown key `{key}`.", remedy)

    def single_key(self, choices: Collection[str], owner: str) -> str:
        """The one key of `choices` that the mapping has."""
        present = [key for key in self.mapping() if key in choices]
        rule = f"must have exactly one of {_listed(choices)}: it is what makes {owner}."
        if not present:
            raise self.error(f"{rule} Received: none of them.", "Add one.")
        if len(present) > 1:
            second = self.mapping()[present[1]]
            raise SpecError(
                self.file,
                second.key_line,
                self.path,
                f"{rule} Received: {_listed(present)}.",
                "Keep one; use two names where both are wanted.",
            )
        return present[0]

    def check_name(self, name: str) -> None:
        """Raises an error unless `name`, this node's key or value, can name things."""
        if not _NAME.fullmatch(name):
            usable = re.sub(r"[^a-z0-9_]+", "_", name.lower()).lstrip("_0123456789")
            raise self.key_error(
                "must be named in lowercase letters, digits and underscores, a letter first. "
                f"Received: {name!r}.",
                f"Rename it, for example to `{usable or 'x'}`.",
            )

    def text(self) -> str:
        """The value as text that is not empty."""
        if isinstance(self.content, str) and self.content:
            if any("\ud800" <= letter <= "\udfff" for letter in self.content):
                raise self.error("must be valid Unicode.", "Remove the lone surrogate.")
            return self.content
        raise self._wrong("must be text", f'Put it in quotes: "{self.written}".')

    def choice(self, choices: Collection[str]) -> str:
        """The value as one of `choices`."""
        if isinstance(self.content, str) and self.content in choices:
            return self.content
        near = near_names(self.written, choices)
        remedy = did_you_mean(self.written, choices) if near else "Write one of them."
        raise self._wrong(f"must be one of {_listed(choices)}", remedy)

    def flag(self) -> bool:
        """The value as true or false."""
        if isinstance(self.content, bool):
            return self.content
        raise self._wrong("must be true or false", "Write true or false, without quotes.")

    def integer(self, minimum: int = 1, maximum: int = LARGEST_COUNT) -> int:
        """The value as a whole number from `minimum` to `maximum`."""
        rule = f"must be a whole number from {minimum} to {maximum}"
        if isinstance(self.content, bool) or not isinstance(self.content, int):
            raise self._wrong(rule, self._number_remedy())
        if not minimum <= self.content <= maximum:
            raise self._wrong(rule, "Write a number in this range.")
        return self.content

    def number(self) -> float:
        """The value as a finite number that float32 can hold."""
        if isinstance(self.content, bool) or not isinstance(self.content, int | float):
            raise self._wrong("must be a number", self._number_remedy())
        if not math.isfinite(as_float32(self.content)):
            raise self._wrong("must be a finite number within float32", "Write a smaller number.")
        return (
            float(self.content) + 0.0
        )  # Adding 0.0 turns -0.0 into 0.0: one number, one spelling.

    def numbers(self, count: int, names: str) -> tuple[float, ...]:
        """The value as a list of `count` numbers, which messages call `names`."""
        if not isinstance(self.content, list) or len(self.content) != count:
            raise self._wrong(f"must be a list of {count} numbers, [{names}]", f"Write [{names}].")
        return tuple(node.number() for node in self.content)

    def distinct_texts(self) -> "dict[str, SpecNode]":
        """The value as a list of different texts, each with its node."""
        texts: dict[str, SpecNode] = {}
        for node in self.sequence():
            text = node.text()
            if text in texts:
                raise node.error(f"must not repeat `{text}`.", "Remove the second one.")
            texts[text] = node
        return texts

    def _number_remedy(self) -> str:
        if isinstance(self.content, str) and re.fullmatch(r"\s*[-+]?[\d.]+\s*", self.content):
            return f"Remove the quotes: {self.content.strip()}."
        return "Write a plain decimal number."

    def _wrong(self, rule: str, remedy: str) -> SpecError:
        if self.content is None:
            return self.error(f"{rule}. Received: nothing.", "Write a value or remove the key.")
        reading = self.content.reading if isinstance(self.content, Misread) else ""
        note = f", which YAML reads as {reading}" if reading else ""
        return self.error(f"{rule}. Received: {self.written}{note}.", remedy)


def as_float32(number: float) -> float:
    """The float32 nearest to `number`, infinite where it is out of range."""
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
