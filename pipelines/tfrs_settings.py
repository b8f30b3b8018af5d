"""Settings of the models that are built with tensorflow-recommenders."""

import dataclasses
from typing import Literal

from ranking.setting_rules import require, require_choices, require_sizes


@dataclasses.dataclass(frozen=True)
class TfrsSettings:
    """What both models share.

    Attributes:
        task: The label to predict; empty for the spec's first.
        history: How the vectors of behaviors become one: these models have no part for sequences.
        hidden_sizes: Hidden widths of the network on top.
        dropout: Share of every layer of that network, and of what it reads, that a training step
            drops.
        embedding_dropout: Share of the entries of embedded fields that a training step drops.
    """

    task: str = ""
    history: Literal["mean", "sum"] = "mean"
    hidden_sizes: tuple[int, ...] = (128, 64)
    dropout: float = 0.2
    embedding_dropout: float = 0.3

    def __post_init__(self) -> None:
        require_choices(self)
        require_sizes(self, "hidden_sizes")
        for name in ("dropout", "embedding_dropout"):
            share = getattr(self, name)
            require(0 <= share < 1, name, "at least 0 and below 1", share)


@dataclasses.dataclass(frozen=True)
class DcnSettings(TfrsSettings):
    """Settings of DCN-v2: cross layers, then the network on top.

    Attributes:
        cross_layers: Number of cross layers; each raises the degree of the interactions by one.
        projection: Rank of a cross layer's matrix; 0 for a full one.
    """

    cross_layers: int = 2
    projection: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "cross_layers")
        require(self.projection >= 0, "projection", "at least 0", self.projection)


@dataclasses.dataclass(frozen=True)
class DlrmSettings(TfrsSettings):
    """Settings of DLRM: scalar products of all pairs of fields, then the network on top.

    Attributes:
        width: Width that every field is brought to; a table of another width is projected.
        bottom_sizes: Hidden widths of the network that makes one such vector of all numbers.
    """

    width: int = 32
    bottom_sizes: tuple[int, ...] = (64,)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "width", "bottom_sizes")


@dataclasses.dataclass(frozen=True)
class TfrsTraining:
    """How they are trained: by default as the preset `fast` trains the models of the catalog.

    Attributes:
        optimizer: `adamw`, `adam` or `adagrad`.
        learning_rate: Step size, at its highest where it decays.
        learning_rate_decay: `constant`, or `cosine` down to zero over all epochs.
        weight_decay: AdamW's decay of all weights but embedding tables.
        batch_size: Impressions of one step, on average.
        epochs: Passes over the training split at most.
        negatives_per_positive: Candidates without a label that are kept for each with one, drawn
            anew in every epoch; `none` keeps all.
        patience: Epochs without a better validation session AUC before training stops; 0 never
            stops. The best epoch's weights are kept either way.
    """

    optimizer: Literal["adamw", "adam", "adagrad"] = "adamw"
    learning_rate: float = 2e-3
    learning_rate_decay: Literal["constant", "cosine"] = "cosine"
    weight_decay: float = 1e-2
    batch_size: int = 2048
    epochs: int = 6
    negatives_per_positive: float | None = None
    patience: int = 0

    def __post_init__(self) -> None:
        require_choices(self)
        require_sizes(self, "batch_size", "epochs")
        for name in ("patience", "weight_decay"):
            require(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        require(self.learning_rate > 0, "learning_rate", "above 0", self.learning_rate)
        ratio = self.negatives_per_positive
        require(ratio is None or ratio > 0, "negatives_per_positive", "above 0 or none", ratio)
