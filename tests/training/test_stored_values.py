"""Values out of a checkpoint: all of them, by both ways of writing them, on every replica."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.training.stored_values import restore_values
from tests.helpers.logical_devices import two_replicas

SHAPES = [(11, 3), (5,), ()]


def _state(start: float, shapes=SHAPES) -> dict[str, list[tf.Variable]]:
    values = [np.full(shape, start + at, np.float32) for at, shape in enumerate(shapes)]
    variables = [keras.Variable(value).value for value in values]
    return {"model": variables, "optimizer": [keras.Variable(7 * int(start), dtype="int64").value]}


def _written(folder: Path) -> str:
    return tf.train.Checkpoint(**_state(1.0)).write(str(folder / "variables"))


@pytest.mark.parametrize("in_place_size", [2**24, 4])
@pytest.mark.parametrize("replicas", [1, 2])
def test_values_come_back(tmp_path: Path, replicas: int, in_place_size: int) -> None:
    prefix = _written(tmp_path)
    strategy = two_replicas() if replicas == 2 else tf.distribute.get_strategy()
    with strategy.scope():
        state = _state(5.0)
    restore_values(prefix, state, in_place_size)
    for variable, value in zip(state["model"], (1.0, 2.0, 3.0), strict=True):
        for part in strategy.experimental_local_results(variable):
            np.testing.assert_array_equal(part.numpy(), np.full(variable.shape, value))
    assert state["optimizer"][0].numpy() == 7


def test_a_part_of_the_lists_can_be_restored(tmp_path: Path) -> None:
    state = _state(5.0)
    restore_values(_written(tmp_path), {"model": state["model"][:2]})
    assert [float(tf.reduce_max(each)) for each in state["model"]] == [1.0, 2.0, 7.0]


def test_another_shape_is_refused(tmp_path: Path) -> None:
    state = _state(5.0, [(11, 3), (6,), ()])
    with pytest.raises(ValueError, match=r"must have the shape \(6,\). Received: \(5,\)"):
        restore_values(_written(tmp_path), state)


def test_a_missing_variable_is_refused(tmp_path: Path) -> None:
    state = _state(5.0, [*SHAPES, (2,)])
    with pytest.raises(tf.errors.NotFoundError, match="model/3"):
        restore_values(_written(tmp_path), state)


def test_another_type_is_refused(tmp_path: Path) -> None:
    state = _state(5.0) | {"optimizer": [keras.Variable(1.0).value]}
    with pytest.raises(tf.errors.InvalidArgumentError, match="optimizer/0"):
        restore_values(_written(tmp_path), state)
