"""The network that scores impressions where there are no experts."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from ranking.layers.mlp import Mlp


def feed_forward_logits(
    impressions: Any, candidates_mask: Any, *, hidden_sizes: Sequence[int], batch_norm: bool
) -> Any:
    """Impression vectors `[B, C, D]` -> logits `[B, C]`, by a network like one expert of AW-MoE.

    It is not like one with `batch_norm`, which normalizes every hidden layer: what AW-MoE's experts
    read is normalized once, before the first layer (`expert_batch_norm`).
    """
    network = Mlp(hidden_sizes, 1, batch_norm=batch_norm, name="feed_forward.network")
    return ops.cast(ops.squeeze(network(impressions, candidates_mask), axis=-1), "float32")
