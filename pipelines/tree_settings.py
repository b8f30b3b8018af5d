"""Settings of gradient-boosted trees."""

import dataclasses

from ranking.setting_rules import require, require_sizes


@dataclasses.dataclass(frozen=True)
class TreeSettings:
    """What the trees are.

    Attributes:
        trees: Trees at most.
        learning_rate: What a tree's correction is multiplied with.
        leaves: Leaves of a tree at most.
        smallest_leaf: Candidates that a leaf holds at least.
        l2: Penalty on the values of leaves.
        folds: Users are divided into so many folds; what is counted for a user is counted without
            the users of the same fold.
        task: The label to predict; empty for the spec's first.
    """

    trees: int = 200
    learning_rate: float = 0.1
    leaves: int = 31
    smallest_leaf: int = 200
    l2: float = 0.0
    folds: int = 10
    task: str = ""

    def __post_init__(self) -> None:
        require_sizes(self, "trees", "smallest_leaf")
        require(self.leaves >= 2, "leaves", "at least 2", self.leaves)
        require(self.folds >= 2, "folds", "at least 2", self.folds)
        require(self.l2 >= 0, "l2", "at least 0", self.l2)
        rate = self.learning_rate
        require(0 < rate <= 1, "learning_rate", "above 0 and at most 1", rate)


@dataclasses.dataclass(frozen=True)
class TreeTraining:
    """How the trees are trained.

    Attributes:
        negatives_per_positive: Candidates without a label that are kept for each with one, drawn
            once; `none` keeps all.
        trees_per_step: Trees between two looks at the validation split.
        patience: Trees without a better validation session AUC before training stops; 0 never
            stops.
    """

    negatives_per_positive: float | None = 4.0
    trees_per_step: int = 20
    patience: int = 60

    def __post_init__(self) -> None:
        require_sizes(self, "trees_per_step")
        require(self.patience >= 0, "patience", "at least 0", self.patience)
        ratio = self.negatives_per_positive
        require(ratio is None or ratio > 0, "negatives_per_positive", "above 0 or none", ratio)
