"""Random encoded batches of a model spec as a data set, whole or in parts for replicas."""

from typing import Any

import numpy as np
import tensorflow as tf

from ranking.features.spec import FeatureSpec
from tests.helpers.model_spec import encoded_batch


def batch_dataset(
    spec: FeatureSpec, batches: int, *, sessions: int = 6, parts: int = 1
) -> tf.data.Dataset:
    """`batches` random batches, each in `parts` equal parts that follow each other."""
    drawn = [_typed(encoded_batch(spec, seed, sessions=sessions)) for seed in range(batches)]
    size = sessions // parts
    pieces = [
        {key: value[part * size : (part + 1) * size] for key, value in batch.items()}
        for batch in drawn
        for part in range(parts)
    ]
    stacked = {key: np.stack([piece[key] for piece in pieces]) for key in pieces[0]}
    return tf.data.Dataset.from_tensor_slices(stacked)


def _typed(batch: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.astype(str) if value.dtype == object else value for key, value in batch.items()
    }
