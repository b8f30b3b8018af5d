"""Adagrad by row, against loops from its formula and against Keras's."""

import keras
import numpy as np

from ranking.training.row_adagrad import RowAdagrad
from tests.helpers.table_updates import BATCHES, ROWS, WIDTH, gradients, train, weights

RATE, START, EPSILON = 0.1, 0.1, 1e-7


def test_rows_follow_the_formula() -> None:
    variables = weights()
    table, sums = variables[0].numpy().astype(np.float64), np.full((ROWS, WIDTH), START)
    states = train(RowAdagrad(RATE), variables)
    for (ids, rows, _), state in zip(gradients(), states, strict=True):
        for one in set(ids.tolist()):
            gradient = rows[ids == one].sum(axis=0)
            sums[one] += gradient**2
            table[one] -= RATE * gradient / np.sqrt(sums[one] + EPSILON)
        np.testing.assert_allclose(state[0], table, rtol=1e-5)
        np.testing.assert_allclose(state[4], sums, rtol=1e-5)


def test_absent_rows_keep_every_bit() -> None:
    states = train(RowAdagrad(RATE), weights())
    for old, new, batch in zip(states, states[1:], BATCHES[1:], strict=False):
        others = sorted(set(range(ROWS)) - set(batch))
        for place in (0, 4):
            np.testing.assert_array_equal(old[place][others], new[place][others])
            assert np.all(old[place][batch] != new[place][batch])


def test_dense_weights_are_kerass_bit_for_bit() -> None:
    ours, theirs = weights(), weights()
    train(RowAdagrad(RATE), ours)
    optimizer = keras.optimizers.Adagrad(RATE)
    for _, _, dense in gradients():
        optimizer.apply([dense], theirs[1:])
    np.testing.assert_array_equal(ours[1].numpy(), theirs[1].numpy())
