"""What the optimizers share that update embedding tables by row."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from ranking.features.variable_rows import read_rows
from ranking.training.replica_sums import sum_over_replicas


class RowUpdates:
    """Makes a Keras optimizer update of a table the rows that a batch has read, and no others.

    Keras's adaptive optimizers rewrite a table and its slots as a whole at every step, so that a
    step costs what the table does. Here it costs what the batch does: rows of the table and of its
    slots are gathered from the variables, and scattered back to them. Nothing may read a table or a
    slot as a whole within a step: while such a read is alive, a scatter copies the whole first.

    Gradients come from each replica and are added up over all of them. To be named before the
    optimizer it changes, as in `class X(RowUpdates, keras.optimizers.Y)`.

    Attributes:
        clip_norm: Largest norm of all gradients together, over all replicas; a longer one is scaled
            down to it. `None` for any length.
    """

    clip_norm: float | None = None
    _table_keys: frozenset[Any] = frozenset()

    def update_by_row(self, tables: Iterable[keras.Variable]) -> None:
        """Names the weights to update by row; to be called before the optimizer is built.

        They are left out of weight decay, which would change every row at every step.
        """
        tables = list(tables)
        self._table_keys = frozenset(self._var_key(table) for table in tables)  # type: ignore[attr-defined]
        self.exclude_from_weight_decay(var_list=tables)  # type: ignore[attr-defined]

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Updates variables by the gradients of this replica and of all others."""
        gradients = sum_over_replicas(grads)
        if self.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        super().apply(gradients, trainable_variables)  # type: ignore[misc]

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars  # They are sums already; Keras would add them up once more.

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates `variable`: by row if it is a table, as Keras does otherwise."""
        is_table = self._var_key(variable) in self._table_keys  # type: ignore[attr-defined]
        if is_table and isinstance(gradient, tf.IndexedSlices):
            rate = tf.cast(learning_rate, gradient.dtype)
            self.update_rows(variable, gradient.indices, gradient.values, rate)
        else:
            self.update_dense(variable, tf.convert_to_tensor(gradient), learning_rate)

    def update_dense(self, variable: Any, gradient: Any, rate: Any) -> None:
        """Updates a weight that is no table, as Keras does unless the optimizer says otherwise."""
        super().update_step(gradient, variable, rate)  # type: ignore[misc]

    def update_rows(self, table: tf.Variable, ids: Any, gradients: Any, rate: Any) -> None:
        """Updates rows of `table`.

        Args:
            table: A weight that `update_by_row` named.
            ids: Integer tensor `[n]` of distinct rows.
            gradients: Float tensor `[n, width]`, the gradient of each of them.
            rate: Learning rate.
        """
        raise NotImplementedError


def move_rows(table: tf.Variable, ids: Any, changes: Any) -> None:
    """Takes `changes` `[n, width]` off rows `ids` of `table`, which are distinct.

    A processor reads and writes rows in a fraction of the time that `scatter_sub` takes.
    """
    table.scatter_update(tf.IndexedSlices(read_rows(table, ids) - changes, ids))
