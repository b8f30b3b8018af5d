"""Settings that all models of several scenarios share."""

import dataclasses
from typing import Literal

from ranking.backbones.backbone_settings import BackboneSettings
from ranking.setting_rules import require, require_choices, require_sizes


@dataclasses.dataclass(frozen=True)
class MultiScenarioSettings(BackboneSettings):
    """Settings of the input network of USR, and of the base models that it is compared with.

    Attributes:
        tasks: The labels to predict; none for all labels of the spec.
        embedding_size: Width of the vectors of items, query, scenarios and user interests (d).
        feature_size: Width of the vector of every other feature.
        append_item: Whether the networks that predict read item and query beside the interest.
        dropout: Share of what these networks read that a training step drops.
        embedding_dropout: Share of the entries of item vectors that a training step drops.
        sequence_layers: Layers of the behavior sequence transformer.
        sequence_heads: Attention heads of each of them.
        sequence_output: What becomes the user's interest: the `target` item's position, the `mean`
            of all positions, or all of them in a row (`concat`).
        sequence_position: What tells positions apart: their `index` from the newest on, or the
            `time_difference` in `sequence_time`.
        sequence_position_merge: Whether position vectors are added, or put beside (`concat`).
        sequence_feed_forward_size: Hidden width of the transformer's feed-forward networks; `none`
            for `embedding_size`.
        sequence_time: The behavior field with the time difference.
        scenario_balanced: Whether each scenario's mean counts the same in the loss, however many
            rows it has; without it every row counts the same.
    """

    tasks: tuple[str, ...] = ()
    embedding_size: int = 32
    feature_size: int = 8
    append_item: bool = True
    dropout: float = 0.0
    embedding_dropout: float = 0.0
    sequence_layers: int = 1
    sequence_heads: int = 4
    sequence_output: Literal["target", "concat", "mean"] = "target"
    sequence_position: Literal["index", "time_difference"] = "index"
    sequence_position_merge: Literal["add", "concat"] = "add"
    sequence_feed_forward_size: int | None = None
    sequence_time: str = ""
    scenario_balanced: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choices(self)
        require_sizes(self, "embedding_size", "feature_size", "sequence_layers", "sequence_heads")
        if self.sequence_feed_forward_size is not None:
            require_sizes(self, "sequence_feed_forward_size")
        for name in ("dropout", "embedding_dropout"):
            share = getattr(self, name)
            require(0 <= share < 1, name, "at least 0 and below 1", share)
        size, heads = self.embedding_size, self.sequence_heads
        require(
            size % heads == 0, "sequence_heads", f"a divisor of `embedding_size`, {size}", heads
        )
        needs_time = self.sequence_position == "time_difference"
        require(
            bool(self.sequence_time) == needs_time,
            "sequence_time",
            "given where `sequence_position` is time_difference, and only there",
            self.sequence_time,
        )
