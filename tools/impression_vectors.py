"""Encoded batches to one row per impression, on the Keras that tensorflow-recommenders needs."""

from collections.abc import Mapping

import tensorflow as tf
import tf_keras

from ranking.features.spec import BEHAVIORS, CANDIDATES, FeatureSpec, Field

Batch = Mapping[str, tf.Tensor]

_DEVIATION = 0.05


class ImpressionVectors(tf_keras.layers.Layer):  # type: ignore[misc]
    """Maps an encoded batch to vectors and numbers of its N impressions, padding left out.

    Every field with a table becomes a vector as wide as the table; fields that share a table share
    its rows. Several ids of a field are pooled as the spec says, vectors and numbers of behaviors
    as `history` says; what a session has is repeated for each of its impressions.

    Args:
        spec: A resolved spec.
        history: `mean` or `sum` over the behaviors; zeros for an empty history.
        dropout: Share of the vectors' entries that is dropped in training.

    Call arguments:
        batch: Tensors by key, with `behaviors_length` and `candidates_length`.

    Returns:
        The vectors, a list of `[N, width]`, and the numbers `[N, D]`; N counts the candidates of
        one session after the other.
    """

    def __init__(self, spec: FeatureSpec, *, history: str, dropout: float) -> None:
        super().__init__(name="impression_vectors")
        self._spec = spec
        self._history = history
        self._inputs = [field for field in spec.fields if field.is_input]
        self._tables = {
            table.name: tf_keras.layers.Embedding(
                table.rows,
                table.width,
                embeddings_initializer=tf_keras.initializers.RandomNormal(stddev=_DEVIATION),
                name=f"{table.name}_table",
            )
            for table in spec.tables.values()
        }
        self._dropout = tf_keras.layers.Dropout(dropout)

    @property
    def num_numbers(self) -> int:
        """D: how many fields are numbers."""
        return sum(field.kind == "dense" for field in self._inputs)

    @property
    def keys(self) -> list[str]:
        """What is read of a batch."""
        lengths = [field.length_key for field in self._inputs if field.is_multivalued]
        return [*(field.key for field in self._inputs), *lengths, *_LENGTHS.values()]

    def call(self, batch: Batch, training: bool = False) -> tuple[list[tf.Tensor], tf.Tensor]:
        """See the class."""
        present = tf.where(present_candidates(batch))
        vectors, numbers = [], []
        for field in self._inputs:
            if field.kind == "dense":
                value = tf.expand_dims(batch[field.key], -1)
                numbers.append(self._of_impressions(field, value, batch, present))
            else:
                value = self._embedded(field, batch)
                vector = self._of_impressions(field, value, batch, present)
                vectors.append(self._dropout(vector, training=training))
        none = tf.zeros([tf.shape(present)[0], 0])
        return vectors, tf.concat([*numbers, none], axis=1)

    def _embedded(self, field: Field, batch: Batch) -> tf.Tensor:
        vectors = self._tables[self._spec.table_of(field).name](batch[field.key])
        if not field.is_multivalued:
            return vectors
        return _pooled(vectors, batch[field.length_key], field.pool)

    def _of_impressions(
        self, field: Field, values: tf.Tensor, batch: Batch, present: tf.Tensor
    ) -> tf.Tensor:
        """Values of a session `[B, D]`, its behaviors or its candidates `[B, ?, D]` -> `[N, D]`."""
        if field.section == CANDIDATES:
            return tf.gather_nd(values, present)
        if field.section == BEHAVIORS:
            values = _pooled(values, batch[_LENGTHS[BEHAVIORS]], self._history)
        return tf.gather(values, present[:, 0])


_LENGTHS = {section: f"{section}_length" for section in (BEHAVIORS, CANDIDATES)}


def present_candidates(batch: Batch) -> tf.Tensor:
    """Which places of a batch hold a candidate: bool `[B, C]`."""
    lengths = batch[_LENGTHS[CANDIDATES]]
    return tf.sequence_mask(lengths, tf.maximum(tf.reduce_max(lengths), 0))


def _pooled(vectors: tf.Tensor, lengths: tf.Tensor, pool: str) -> tf.Tensor:
    """The first `lengths` `[...]` of vectors `[..., M, D]` to one, zeros where there is none."""
    mask = tf.sequence_mask(lengths, tf.shape(vectors)[-2])[..., None]
    if pool == "max":
        largest = tf.reduce_max(tf.where(mask, vectors, vectors.dtype.min), axis=-2)
        return tf.where(lengths[..., None] > 0, largest, 0.0)
    total = tf.reduce_sum(tf.where(mask, vectors, 0.0), axis=-2)
    if pool == "sum":
        return total
    return total / tf.maximum(tf.cast(lengths, total.dtype), 1.0)[..., None]
