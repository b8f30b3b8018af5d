"""From networks to the compiled function that evaluation calls."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from ranking.models.networks import RankingNetworks
from ranking.models.scoring import GatedScores

Batch = Mapping[str, tf.Tensor]


def score_function(networks: RankingNetworks) -> Callable[[Batch], dict[str, tf.Tensor]]:
    """Networks -> function from an encoded batch to `{task: probabilities [B, C]}`.

    A model with experts adds `gate`, as `GatedScores` does. The function reads the weights as they
    are when it is called. Batches may differ in size, and hold keys that no network reads, such as
    metadata.
    """
    scores = GatedScores(networks)
    # Without relaxed shapes every number of candidates or behaviors would be compiled anew.
    compiled = tf.function(scores, reduce_retracing=True)
    keys = scores.keys

    def score(batch: Batch) -> dict[str, tf.Tensor]:
        # Strings could not travel to a GPU.
        return compiled({key: batch[key] for key in keys})

    return score
