"""Keras variables as NumPy arrays."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def numbers(variables: Iterable[Any]) -> list[np.ndarray]:
    """A copy of the numbers of each variable, mirrored or not."""
    return [np.array(variable.value.numpy()) for variable in variables]
