"""AdamW by row, against loops from its formula and against Keras's."""

import keras
import numpy as np
import tensorflow as tf

from ranking.training.row_adamw import RowAdamW
from tests.helpers.table_updates import BATCHES, ROWS, WIDTH, gradients, train, weights
from tests.helpers.weights import numbers

RATE, DECAY, BETA_1, BETA_2, EPSILON = 0.1, 0.5, 0.9, 0.999, 1e-7


def test_rows_follow_the_formula() -> None:
    variables = weights()
    table = variables[0].numpy().astype(np.float64)
    first, second = np.zeros((ROWS, WIDTH)), np.zeros((ROWS, WIDTH))
    states = train(RowAdamW(RATE, weight_decay=DECAY), variables)
    for step, ((ids, rows, _), state) in enumerate(zip(gradients(), states, strict=True), start=1):
        for one in set(ids.tolist()):
            gradient = rows[ids == one].sum(axis=0)
            first[one] = BETA_1 * first[one] + (1 - BETA_1) * gradient
            second[one] = BETA_2 * second[one] + (1 - BETA_2) * gradient**2
            mean, square = first[one] / (1 - BETA_1**step), second[one] / (1 - BETA_2**step)
            # Keras adds epsilon before the correction of the bias.
            epsilon = EPSILON / np.sqrt(1 - BETA_2**step)
            table[one] -= RATE * mean / (np.sqrt(square) + epsilon)
        np.testing.assert_allclose(state[0], table, rtol=1e-5)
        np.testing.assert_allclose(state[4], first, rtol=1e-5)
        np.testing.assert_allclose(state[5], second, rtol=1e-4)


def test_absent_rows_keep_every_bit() -> None:
    variables = weights()
    before = variables[0].numpy()
    states = train(RowAdamW(RATE, weight_decay=DECAY), variables)
    absent = sorted(set(range(ROWS)) - {one for batch in BATCHES for one in batch})
    assert absent == [4, 9, 12]
    np.testing.assert_array_equal(states[-1][0][absent], before[absent])
    for old, new, batch in zip(states, states[1:], BATCHES[1:], strict=False):
        others = sorted(set(range(ROWS)) - set(batch))
        for place in (0, 4, 5):
            np.testing.assert_array_equal(old[place][others], new[place][others])
            assert np.all(old[place][batch] != new[place][batch])


def test_every_row_in_every_batch_is_kerass_adam() -> None:
    generator = np.random.default_rng(1)
    ours, theirs = weights(), weights()
    optimizers = (RowAdamW(RATE, weight_decay=DECAY), keras.optimizers.AdamW(RATE, DECAY))
    optimizers[0].update_by_row(ours[:1])
    optimizers[1].exclude_from_weight_decay(var_list=theirs[:1])
    for _ in range(5):
        ids = generator.permutation(ROWS)
        table, dense = generator.normal(size=(ROWS, WIDTH)), generator.normal(size=5)
        table, dense = table.astype(np.float32), dense.astype(np.float32)
        rows = tf.IndexedSlices(table[ids], ids, tf.constant([ROWS, WIDTH]))
        optimizers[0].apply([rows, dense], ours)
        optimizers[1].apply([table, dense], theirs)
    for mine, his in zip(numbers(ours), numbers(theirs), strict=True):
        np.testing.assert_allclose(mine, his, atol=5e-5 * RATE)
    slots = (numbers(optimizer.variables) for optimizer in optimizers)
    for mine, his in zip(*slots, strict=True):
        np.testing.assert_allclose(mine, his, rtol=2e-5, atol=1e-9)


def test_dense_weights_are_kerass_up_to_rounding() -> None:
    """Of 1 - 0.999 too, which single precision knows to five digits."""
    ours, theirs = weights(), weights()
    train(RowAdamW(RATE, weight_decay=DECAY), ours)
    optimizer = keras.optimizers.AdamW(RATE, DECAY)
    for _, _, dense in gradients():
        optimizer.apply([dense], theirs[1:])
    np.testing.assert_allclose(ours[1].numpy(), theirs[1].numpy(), atol=5e-5 * RATE)


def test_dense_weights_follow_the_formula() -> None:
    variables = weights()
    dense = variables[1].numpy().astype(np.float64)
    first, second = np.zeros(5), np.zeros(5)
    states = train(RowAdamW(RATE, weight_decay=DECAY), variables)
    for step, (row, state) in enumerate(zip(gradients(), states, strict=True), start=1):
        gradient = row[2]
        first = BETA_1 * first + (1 - BETA_1) * gradient
        second = BETA_2 * second + (1 - BETA_2) * gradient.astype(np.float64) ** 2
        mean, square = first / (1 - BETA_1**step), second / (1 - BETA_2**step)
        dense -= RATE * DECAY * dense
        dense -= RATE * mean / (np.sqrt(square) + EPSILON / np.sqrt(1 - BETA_2**step))
        np.testing.assert_allclose(state[1], dense, rtol=1e-5)


def test_slots_are_where_kerass_are() -> None:
    """So that the optimizer's variables mean the same in a checkpoint."""
    ours, theirs = RowAdamW(RATE, weight_decay=DECAY), keras.optimizers.AdamW(RATE, DECAY)
    variables = weights()
    for optimizer in (ours, theirs):
        optimizer.build(variables)
    names = [
        [variable.path.split("/", 1)[1] for variable in optimizer.variables]
        for optimizer in (ours, theirs)
    ]
    assert names[0] == names[1]
