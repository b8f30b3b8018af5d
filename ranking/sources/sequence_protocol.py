"""How user sequences become sessions."""

import dataclasses

import numpy as np

from ranking.sources.options import Options
from ranking.sources.sequence_file import Integers, UserSequences
from ranking.sources.source_error import SourceError


@dataclasses.dataclass(frozen=True)
class SequenceProtocol:
    """Which users, which items of theirs and how many negatives make sessions.

    Attributes:
        test_share: Share of the users that become test.
        validation_share: Share of the other users that become validation.
        targets: Which items of train users are targets: `all` but the first, or the `last`.
        train_negatives: Drawn items per train session.
        test_negatives: Drawn items per test or validation session.
        negative_distribution: How train negatives are drawn: `uniform` or by `popularity`.
        amazon_negatives: Which items negatives of any split are drawn from: `all`, or those of the
            `same_category` as the target.
    """

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
        return cls(
            test_share=options.share("test_share", 0.1),
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

    def split_users(self, count: int, generator: np.random.Generator) -> dict[str, Integers]:
        """Maps the number of users to the users of each split, in random order.

        Raises:
            SourceError: If no user is left for train.
        """
        order = generator.permutation(count)
        test = _part(count, self.test_share)
        validation = _part(count - test, self.validation_share)
        if test + validation >= count:
            raise SourceError(
                f"{count} users are too few for test_share={self.test_share} and "
                f"validation_share={self.validation_share}: none is left for train."
            )
        parts = {
            "train": order[test + validation :],
            "validation": order[test : test + validation],
            "test": order[:test],
        }
        return {split: users for split, users in parts.items() if len(users)}

    def targets_of(
        self, sequences: UserSequences, split: str, users: Integers
    ) -> tuple[Integers, Integers]:
        """Maps the users of a split to their targets: a user and a position for each session."""
        lengths = sequences.lengths[users]
        if split == "train" and self.targets == "all":
            per_user = np.maximum(lengths - 1, 0)
            firsts = np.cumsum(per_user) - per_user
            positions = np.arange(per_user.sum()) - np.repeat(firsts, per_user) + 1
            return np.repeat(users, per_user), positions
        return users[lengths > 1], lengths[lengths > 1] - 1


def _part(count: int, share: float) -> int:
    return max(1, round(count * share)) if share else 0
