"""Gradient descent by row, against a loop from its formula."""

import numpy as np

from ranking.training.row_sgd import RowSGD
from tests.helpers.table_updates import BATCHES, ROWS, gradients, train, weights


def test_rows_follow_the_formula() -> None:
    variables = weights()
    before = variables[0].numpy()
    table, dense = before.astype(np.float64), np.ones(5)
    states = train(RowSGD(0.1), variables)
    for (ids, rows, gradient), state in zip(gradients(), states, strict=True):
        for one, row in zip(ids, rows, strict=True):
            table[one] -= 0.1 * row
        dense -= 0.1 * gradient
        np.testing.assert_allclose(state[0], table, rtol=1e-5)
        np.testing.assert_allclose(state[1], dense, rtol=1e-5)
    absent = sorted(set(range(ROWS)) - {one for batch in BATCHES for one in batch})
    np.testing.assert_array_equal(states[-1][0][absent], before[absent])
