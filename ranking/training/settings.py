"""How a training run goes."""

import dataclasses
from typing import Literal

from ranking.setting_rules import require, require_choices


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training run; the values here are the AW-MoE paper's (section IV-D) where it
    gives one.

    Attributes:
        optimizer: `adamw`; `adagrad`; `sgd`, whose result does not depend on the number of
            replicas beyond rounding.
        learning_rate: Step size, at its highest where it decays.
        learning_rate_decay: `constant`, or `cosine` down to zero over the run.
        weight_decay: AdamW's decay of dense weights. Embedding tables are never decayed: a decayed
            table changes in every row at every step, seen or not.
        clip_norm: Largest norm of the gradient of all weights together, over all replicas; a longer
            one is scaled down to it. `none` for any length.
        batch_size: Impressions of one step over all replicas, on average: sessions differ in length
            and stay whole.
        batch_parts: Parts of a batch that a CPU computes side by side, best as many as it has
            cores while those are few; 1 elsewhere. The result changes by rounding, and in what is
            drawn or normalized within a part: dropout, in-batch negatives, batch statistics.
        epochs: Passes over the training split at most.
        negatives_per_positive: Shown but unlabeled candidates kept for each positive, drawn anew in
            every epoch; `none` keeps all candidates.
        batch_by_size: Whether sessions of like size share a batch, which saves padding and costs
            accuracy: a batch of users with short histories is no fair sample, least of all for a
            model that normalizes over it. For long histories.
        patience: Epochs without a better validation session AUC before training stops; 0 never
            stops, best with `cosine`: most of the gain may come when the rate is low. The best
            epoch's weights are kept either way.
        precision: Arithmetic of the layers; weights stay float32.
        xla: Compile the step. Batches are padded to few shapes then.
        steps_per_call: Steps in one call of the compiled loop; progress shows after each.
        checkpoint_steps: Steps between checkpoints beside the one after each epoch; 0 for none.
        shuffle_buffer: Records the session shuffle holds at once.
        deterministic: Whether batches come in the same order in every run, so that on CPUs equal
            runs have equal results and a stopped one continues as if it had not been; GPUs add up
            gradients of table rows in any order. Otherwise what is ready first comes first.
        cache: `memory` keeps the encoded batches of the first epoch and only changes their order
            in later ones; `none` reads and mixes sessions anew in every epoch.
    """

    optimizer: Literal["adamw", "adagrad", "sgd"] = "adamw"
    learning_rate: float = 1e-4
    learning_rate_decay: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 1e-2
    clip_norm: float | None = None
    batch_size: int = 1024
    batch_parts: int = 1
    epochs: int = 1
    negatives_per_positive: float | None = 1.0
    batch_by_size: bool = False
    patience: int = 0
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    xla: bool = False
    steps_per_call: int = 50
    checkpoint_steps: int = 0
    shuffle_buffer: int = 65536
    deterministic: bool = True
    cache: Literal["none", "memory"] = "none"

    def __post_init__(self) -> None:
        require_choices(self)
        for name in ("batch_size", "batch_parts", "epochs", "steps_per_call", "shuffle_buffer"):
            require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("patience", "checkpoint_steps", "weight_decay"):
            require(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        require(self.learning_rate > 0, "learning_rate", "above 0", self.learning_rate)
        norm = self.clip_norm
        require(norm is None or norm > 0, "clip_norm", "above 0 or none", norm)
        ratio = self.negatives_per_positive
        require(ratio is None or ratio > 0, "negatives_per_positive", "above 0 or none", ratio)
        is_whole = self.batch_parts == 1 or not self.xla
        rule = "1 with xla, which computes parts one after the other"
        require(is_whole, "batch_parts", rule, self.batch_parts)
        is_drawn_anew = self.cache != "none" and ratio is not None
        rule = "none where negatives are drawn anew in every epoch (negatives_per_positive)"
        require(not is_drawn_anew, "cache", rule, self.cache)


PRESETS = {
    "paper": TrainingSettings(),
    "fast": TrainingSettings(
        learning_rate=2e-3,
        learning_rate_decay="cosine",
        batch_size=2048,
        epochs=6,
        negatives_per_positive=None,
    ),
}
"""Named starting points: the paper's, and one that reaches a good model within minutes."""
