"""A table and a dense weight, and gradients for them as a model would give them."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tests.helpers.weights import numbers

ROWS, WIDTH = 13, 3
# Of rows 0 to 12; 4, 9 and 12 never come up, and some do more than once in a batch.
BATCHES = ([7, 2, 7, 0, 2, 7], [1, 2, 3], [11, 10, 8, 6, 5, 5], [7], [0, 0])


def weights() -> list[keras.Variable]:
    """A table `[13, 3]` and a dense weight `[5]`."""
    generator = np.random.default_rng(3)
    table = generator.normal(size=(ROWS, WIDTH)).astype(np.float32)
    return [keras.Variable(table, name="table"), keras.Variable(np.ones(5, np.float32))]


def gradients() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For every batch: ids `[n]`, the gradient of each `[n, 3]`, and that of the dense weight."""
    generator = np.random.default_rng(5)
    for batch in BATCHES:
        ids = np.array(batch, np.int64)
        rows = generator.normal(size=(len(ids), WIDTH)).astype(np.float32)
        yield ids, rows, generator.normal(size=5).astype(np.float32)


def train(
    optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]
) -> list[list[np.ndarray]]:
    """Applies the gradients of all batches -> weights and slots after each, table before dense."""
    optimizer.update_by_row(variables[:1])
    optimizer.build(variables)
    states = []
    for ids, rows, dense in gradients():
        optimizer.apply([tf.IndexedSlices(rows, ids, tf.constant([ROWS, WIDTH])), dense], variables)
        states.append(numbers([*variables, *optimizer.variables]))
    return states
