"""Initial rows of tables are Keras's, and take the memory of the table alone."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ranking.features.table_initializer import TableNormal

ROOT = Path(__file__).parents[2]
ROWS, WIDTH = 1_000_000, 32
MEASURE = f"""
import tensorflow as tf
from ranking.features.table_initializer import TableNormal
from tools.machine import peak_memory
initializer = TableNormal(stddev=0.05, seed=1)
tf.Variable(initializer((7, {WIDTH})))
before = peak_memory()
table = tf.Variable(initializer(({ROWS}, {WIDTH})))
print(peak_memory() - before)
"""


@pytest.mark.parametrize("seed", [0, 7, 2**31 + 5])
@pytest.mark.parametrize("dtype", [None, "float32", "float16"])
def test_numbers_are_kerass_bit_for_bit(seed, dtype):
    kinds = TableNormal, keras.initializers.RandomNormal
    ours, theirs = (kind(mean=0.5, stddev=0.05, seed=seed)((13, 3), dtype) for kind in kinds)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_a_seed_of_its_own_comes_from_pythons_generator():
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        drawn.append([TableNormal()((5, 2)).numpy() for _ in range(2)])
    np.testing.assert_array_equal(*drawn)
    assert not np.any(drawn[0][0] == drawn[0][1])


def test_a_generators_state_moves_on():
    initializer = TableNormal(seed=keras.random.SeedGenerator(1))
    first, second = initializer((5, 2)), initializer((5, 2))
    assert not np.any(first.numpy() == second.numpy())


def test_configuration_round_trip():
    initializer = TableNormal(mean=0.5, stddev=0.05, seed=3)
    again = keras.initializers.deserialize(keras.initializers.serialize(initializer))
    assert isinstance(again, TableNormal)
    np.testing.assert_array_equal(again((5, 2)), initializer((5, 2)))


@pytest.mark.slow
def test_a_large_table_is_in_memory_once():
    run = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    table = 4 * ROWS * WIDTH
    assert table <= int(run.stdout) < 1.5 * table
