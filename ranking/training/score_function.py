"""From networks to the compiled function that evaluation calls."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from ranking.models.networks import RankingNetworks
from ranking.models.scoring import GATE, full_scores

Batch = Mapping[str, tf.Tensor]


def score_function(networks: RankingNetworks) -> Callable[[Batch], dict[str, tf.Tensor]]:
    """Networks -> function from an encoded batch to `{task: probabilities [B, C]}`.

    It reads the weights as they are when it is called. Batches may differ in size, and hold keys
    that no network reads, such as metadata.
    """
    # Without relaxed shapes every number of candidates or behaviors would be compiled anew.
    compiled = tf.function(lambda batch: full_scores(networks, batch), reduce_retracing=True)
    readers = [networks.score] if networks.gate is None else [networks.score, networks.gate]
    keys = sorted({tensor.name for reader in readers for tensor in reader.inputs} - {GATE})

    def score(batch: Batch) -> dict[str, tf.Tensor]:
        # Strings could not travel to a GPU.
        return compiled({key: batch[key] for key in keys})

    return score
