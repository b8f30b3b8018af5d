"""The yardsticks: models from outside with programs of their own, and the settings these take."""

import dataclasses
from typing import Any

from pipelines.tfrs_settings import DcnSettings, DlrmSettings, TfrsTraining
from pipelines.tree_settings import TreeSettings, TreeTraining


@dataclasses.dataclass(frozen=True)
class Yardstick:
    """A model from outside.

    Attributes:
        summary: What it is, in a few words.
        settings: What is trained, a dataclass of defaults.
        training: How it is trained, a dataclass of defaults.
        budget: Settings of the training that mean to it what they mean to the catalog's models, so
            that a comparison gives it the same.
    """

    summary: str
    settings: Any
    training: Any
    budget: frozenset[str] = frozenset()


_BUDGET = frozenset(
    {
        "learning_rate",
        "learning_rate_decay",
        "weight_decay",
        "batch_size",
        "epochs",
        "negatives_per_positive",
        "patience",
    }
)

YARDSTICKS = {
    "gbdt": Yardstick(
        "gradient-boosted trees on counting features", TreeSettings(), TreeTraining()
    ),
    "tfrs_dcn": Yardstick(
        "DCN-v2 from tensorflow-recommenders", DcnSettings(), TfrsTraining(), _BUDGET
    ),
    "tfrs_dlrm": Yardstick(
        "DLRM from tensorflow-recommenders", DlrmSettings(), TfrsTraining(), _BUDGET
    ),
}
"""All yardsticks by name."""
