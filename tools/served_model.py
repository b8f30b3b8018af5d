"""What a client knows of a model on a server, whichever protocol it speaks."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

Tensors = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ServedTensor:
    """An input or a result of a signature.

    Attributes:
        dtype: Its type, as NumPy names it; `object` for strings.
        rank: Its number of dimensions.
    """

    dtype: np.dtype
    rank: int


@dataclasses.dataclass(frozen=True)
class ServedSignature:
    """What a signature takes and gives, by name."""

    inputs: Mapping[str, ServedTensor]
    outputs: Mapping[str, ServedTensor]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a server answered.

    Attributes:
        outputs: The results by name.
        version: The version of the model that gave them.
    """

    outputs: Tensors
    version: int


class ServedModel(Protocol):
    """A model on a server. Every method raises `ServingError` where the server does not answer."""

    def signatures(self) -> Mapping[str, ServedSignature]:
        """The signatures of the version that the server would take now, by name."""

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], version: int | None = None
    ) -> Prediction:
        """Named inputs -> named results of a signature, of that version of the model or, without
        one, of the version that the server takes."""


def served_tensor(dtype: str, rank: int) -> ServedTensor:
    """A tensor of a signature; types are named as in TensorFlow's messages, such as DT_STRING."""
    import tensorflow as tf

    return ServedTensor(
        np.dtype(tf.dtypes.as_dtype(dtype.removeprefix("DT_").lower()).as_numpy_dtype), rank
    )
