"""How user sequences become sessions."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ranking.sources.options import Options
from ranking.sources.sequence_file import Integers, UserSequences
from ranking.sources.source_error import SourceError

Booleans = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class SequenceSplit:
    """What a split has of the sequences.

    Attributes:
        users: Users, each once.
        ends: How many of each user's first items the split knows, its targets among them.
    """

    users: Integers
    ends: Integers


@dataclasses.dataclass(frozen=True)
class SequenceProtocol:
    """Which users, which items of theirs and how many negatives make sessions.

    Attributes:
        held_out: What train does not see: `users`, or the last `items` of every user.
        test_share: Share of the users that become test, 1 where items are held out.
        validation_share: Share of the other users that become validation; where items are held
            out, of all users, whose last item but one becomes validation.
        targets: Which items of train users are targets: `all` but the first, or the `last`.
        train_negatives: Drawn items per train session.
        test_negatives: Drawn items per test or validation session.
        negative_distribution: How train negatives are drawn: `uniform` or by `popularity`.
        amazon_negatives: Which items negatives of any split are drawn from: `all`, or those of the
            `same_category` as the target.
    """

    held_out: str
    test_share: float
    validation_share: float
    targets: str
    train_negatives: int
    test_negatives: int
    negative_distribution: str
    amazon_negatives: str

    @classmethod
    def read(cls, options: Options) -> "SequenceProtocol":
        """Maps options to a protocol.

        Raises:
            SourceError: If an option's value is wrong.
        """
        held_out = options.choice("held_out", ("users", "items"), "users")
        if held_out == "items" and options.text("test_share", ""):
            raise options.error("test_share", "left out with held_out=items: all users are test")
        return cls(
            held_out=held_out,
            test_share=options.share("test_share", 0.1) if held_out == "users" else 1.0,
            validation_share=options.share("validation_share", 0.05),
            targets=options.choice("targets", ("all", "last"), "all"),
            train_negatives=options.count("train_negatives", 8),
            test_negatives=options.count("test_negatives", 1),
            negative_distribution=options.choice(
                "negative_distribution", ("uniform", "popularity"), "uniform"
            ),
            amazon_negatives=options.choice("amazon_negatives", ("all", "same_category"), "all"),
        )

    def negatives(self, split: str) -> int:
        """Number of negatives per session of a split."""
        return self.train_negatives if split == "train" else self.test_negatives

    def split(self, lengths: Integers, generator: np.random.Generator) -> dict[str, SequenceSplit]:
        """Maps the number of items of each user to the splits that are not empty.

        Users of a split are in random order.

        Raises:
            SourceError: If no user is left for train.
        """
        order = generator.permutation(len(lengths))
        parts = self._split_items if self.held_out == "items" else self._split_users
        return {split: part for split, part in parts(lengths, order).items() if len(part.users)}

    def _split_users(self, lengths: Integers, order: Integers) -> dict[str, SequenceSplit]:
        count = len(order)
        test = _part(count, self.test_share)
        validation = _part(count - test, self.validation_share)
        if test + validation >= count:
            raise SourceError(
                f"{count} users are too few for test_share={self.test_share} and "
                f"validation_share={self.validation_share}: none is left for train."
            )
        users = {
            "train": order[test + validation :],
            "validation": order[test : test + validation],
            "test": order[:test],
        }
        return {split: SequenceSplit(chosen, lengths[chosen]) for split, chosen in users.items()}

    def _split_items(self, lengths: Integers, order: Integers) -> dict[str, SequenceSplit]:
        ends = lengths[order]
        is_drawn = np.arange(len(order)) < _part(len(order), self.validation_share)
        is_validation = is_drawn & (ends > 2)  # Else there is no history before the last but one.
        return {
            "train": SequenceSplit(order, ends - 1 - is_validation),
            "validation": SequenceSplit(order[is_validation], ends[is_validation] - 1),
            "test": SequenceSplit(order, ends),
        }

    def targets_of(self, split: str, part: SequenceSplit) -> tuple[Integers, Integers]:
        """Maps a split to its targets: a user and a position for each session."""
        users, ends = part.users, part.ends
        if split == "train" and self.targets == "all":
            per_user = np.maximum(ends - 1, 0)
            firsts = np.cumsum(per_user) - per_user
            positions = np.arange(per_user.sum()) - np.repeat(firsts, per_user) + 1
            return np.repeat(users, per_user), positions
        return users[ends > 1], ends[ends > 1] - 1


def are_known(sequences: UserSequences, parts: Mapping[str, SequenceSplit]) -> Booleans:
    """Which interactions are no target of another split than train: all that popularity counts."""
    ends = sequences.lengths
    for split, part in parts.items():
        if split != "train":
            ends[part.users] = np.minimum(ends[part.users], part.ends - 1)
    return sequences.positions < ends[sequences.owners]


def are_trained(sequences: UserSequences, train: SequenceSplit) -> Booleans:
    """Which interactions train sees, as a target or in a history."""
    ends = np.zeros(len(sequences.users), np.int64)
    ends[train.users] = train.ends
    return sequences.positions < ends[sequences.owners]


def _part(count: int, share: float) -> int:
    return max(1, round(count * share)) if share else 0
