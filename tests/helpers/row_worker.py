"""A worker of two that updates a table with its share of the rows, many steps to a call.

TF_CONFIG says which; the one argument is the folder that gets `state-<index>.npz`.
"""

import os
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.training.cluster import read_cluster
from ranking.training.row_adamw import RowAdamW
from ranking.training.strategy import make_strategy
from tests.helpers.table_updates import ROWS, WIDTH, gradients, weights
from tests.helpers.weights import numbers


def main(folder: Path) -> None:
    """Trains, then writes weights and slots."""
    cluster = read_cluster(os.environ["TF_CONFIG"])
    strategy = make_strategy(cluster=cluster)
    with strategy.scope():
        variables = weights()
        optimizer = RowAdamW(0.1, weight_decay=0.5)
        optimizer.clip_norm = 2.0
        optimizer.update_by_row(variables[:1])
        optimizer.build(variables)

    def step(ids: tf.Tensor, rows: tf.Tensor, dense: tf.Tensor) -> None:
        table = tf.IndexedSlices(rows, ids, tf.constant([ROWS, WIDTH]))
        # What comes from a data set is on no device yet, unlike a gradient.
        optimizer.apply([table, tf.identity(dense)], variables)

    @tf.function
    def run(batches: tf.data.Iterator, steps: tf.Tensor) -> None:
        for _ in tf.range(steps):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            strategy.run(step, args=next(batches))

    shares = [_share(values, cluster.index) for values in gradients()]
    signature = tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in shares[0])
    batches = tf.data.Dataset.from_generator(lambda: iter(shares), output_signature=signature)
    parts = strategy.distribute_datasets_from_function(lambda _: batches)
    run(iter(parts), tf.constant(len(shares)))
    np.savez(folder / f"state-{cluster.index}.npz", *numbers([*variables, *optimizer.variables]))


def _share(values: tuple[np.ndarray, ...], worker: int) -> tuple[np.ndarray, ...]:
    """Every other pair of rows, and a part of the dense gradient that is not half of it."""
    ids, rows, dense = values
    here = np.arange(len(ids)) // 2 % 2 == worker
    return ids[here], rows[here], dense * np.float32((0.25, 0.75)[worker])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
