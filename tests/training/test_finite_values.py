"""Numbers that are not finite are found wherever they are."""

import keras
import numpy as np
import pytest

from ranking.training.finite_values import is_finite
from tests.helpers.logical_devices import two_replicas


@pytest.mark.parametrize("piece_size", [2**22, 6, 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_found(bad: float, piece_size: int) -> None:
    """In every row, for pieces that end with the last row and pieces that do not."""
    for rows in (5, 6):
        numbers = np.ones((rows, 3), np.float32)
        assert is_finite(keras.Variable(numbers).value, piece_size)
        for row in range(rows):
            numbers[:] = 1.0
            numbers[row, row % 3] = bad
            assert not is_finite(keras.Variable(numbers).value, piece_size)


def test_a_scalar_and_a_mirrored_variable_can_be_looked_at() -> None:
    assert not is_finite(keras.Variable(np.nan).value)
    with two_replicas().scope():
        variable = keras.Variable(np.array([[1.0], [np.inf], [2.0]], np.float32)).value
    assert not is_finite(variable, 1)
    variable.assign([[1.0], [3.0], [2.0]])
    assert is_finite(variable, 1)
