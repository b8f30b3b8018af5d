"""How purchases with queries become search and recommendation sessions."""

import dataclasses

import numpy as np

from ranking.sources.options import Options
from ranking.sources.seeded_hash import hash_fractions
from ranking.sources.sequence_file import Integers, UserSequences
from ranking.sources.source_error import SourceError


@dataclasses.dataclass(frozen=True)
class AmazonSearchProtocol:
    """Which users are held out, which purchases are searches and what candidates there are.

    Attributes:
        test_share: Share of the users that become test.
        validation_share: Share of the users that become validation.
        search_share: Share of the purchases that become searches.
        cross_candidates: Chance with which a session shows a purchase that the user made in the
            other scenario.
        train_negatives: Candidates beside the target in a train session.
        test_negatives: The same in a test or validation session.
        pool_size: A purchase becomes a search if its query has at least so many items that the
            user did not buy.
    """

    test_share: float
    validation_share: float
    search_share: float
    cross_candidates: float
    train_negatives: int
    test_negatives: int
    pool_size: int

    @classmethod
    def read(cls, options: Options) -> "AmazonSearchProtocol":
        """Maps options to a protocol.

        Raises:
            SourceError: If an option's value is wrong.
        """
        protocol = cls(
            test_share=options.share("test_share", 0.15),
            validation_share=options.share("validation_share", 0.05),
            search_share=options.share("search_share", 0.5),
            cross_candidates=options.share("cross_candidates", 0.5),
            train_negatives=options.count("train_negatives", 9),
            test_negatives=options.count("test_negatives", 19),
            pool_size=options.count("pool_size", 20),
        )
        for name in ("train_negatives", "test_negatives"):
            if getattr(protocol, name) > protocol.pool_size:
                raise SourceError(
                    f"Option `{name}` must be at most `pool_size`, the items that a query has at "
                    f"least. Received: {name}={getattr(protocol, name)}, "
                    f"pool_size={protocol.pool_size}"
                )
        return protocol

    def negatives(self, split: str) -> int:
        """Number of candidates beside the target in a session of a split."""
        return self.train_negatives if split == "train" else self.test_negatives

    def split_users(self, purchases: UserSequences, seed: int) -> dict[str, Integers]:
        """Maps users with two purchases or more to splits, by a hash of seed and user.

        Raises:
            SourceError: If a split with a share above 0 would be empty.
        """
        fractions = hash_fractions(seed, (f"split {user}" for user in purchases.users))
        bounds = np.cumsum([self.test_share, self.validation_share])
        # With a history and a target, a user gives sessions.
        kept = np.flatnonzero(purchases.lengths > 1)
        parts = np.searchsorted(bounds, fractions[kept], side="right")
        shares = {"train": 1.0, "validation": self.validation_share, "test": self.test_share}
        numbers = {"test": 0, "validation": 1, "train": 2}
        users = {split: kept[parts == numbers[split]] for split, share in shares.items() if share}
        empty = [split for split, members in users.items() if not len(members)]
        if empty:
            raise SourceError(
                f"Splitting {len(kept)} users with two purchases or more leaves "
                f"{' and '.join(empty)} empty. Give more users, or other values of "
                "validation_share and test_share."
            )
        return users
