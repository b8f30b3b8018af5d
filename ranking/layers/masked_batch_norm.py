"""Batch normalization that leaves padding out."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="ranking")
class MaskedBatchNorm(keras.layers.BatchNormalization):
    """Normalizes over the positions that `mask` names: `(..., D)` -> `(..., D)`.

    It computes what its base class computes. The base class also hangs the mask on its output,
    for every layer that follows to see or to warn about; here masks are passed by name only.

    Example:
    >>> import numpy as np
    >>> norm = MaskedBatchNorm(epsilon=1e-7)
    >>> mask = np.array([True, True, False])
    >>> inputs = np.array([[1.0], [3.0], [50.0]])
    >>> norm(inputs, mask=mask, training=True).numpy()[:2].round(3).tolist()
    [[-1.0], [1.0]]
    """

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None
