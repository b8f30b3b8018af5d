"""Ids to vectors: one embedding table per table of the spec."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from ranking.features.spec import FeatureSpec, Field
from ranking.features.table_initializer import TableNormal
from ranking.features.variable_rows import read_rows
from ranking.layers.length_mask import LengthMask
from ranking.layers.masked_pooling import MaskedPooling

# Rows start near zero, so an item that training hardly met says little instead of adding noise, and
# yet a few dozen steps of an adaptive optimizer (about its learning rate each) move a row visibly.
_DEVIATION = 0.05


@keras.saving.register_keras_serializable(package="ranking")
class EmbeddingTable(keras.layers.Embedding):
    """A `keras.layers.Embedding` that reads just the rows it is asked for.

    Keras reads the whole variable and gathers from that. While such a read is alive an update of
    some rows has to copy the whole table first; gathering from the variable itself spares that.

    Call arguments:
        inputs: Integer tensor `[...]` of row numbers.

    Returns:
        Float tensor `[..., width]`.

    Example:
    >>> EmbeddingTable(7, 3)(keras.ops.ones((2, 5), "int32")).shape
    TensorShape([2, 5, 3])
    """

    def call(self, inputs: Any) -> Any:
        return ops.cast(read_rows(self._embeddings.value, inputs), self.compute_dtype)


class EmbeddingTables:
    """Turns encoded fields into vectors, with one table for all fields that share it.

    Args:
        spec: A resolved spec.

    Attributes:
        layers: The tables by name.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self.layers = {
            table.name: EmbeddingTable(
                table.rows,
                table.width,
                embeddings_initializer=TableNormal(stddev=_DEVIATION),
                name=f"{table.name}_table",
            )
            for table in spec.tables.values()
        }

    def embed(self, field: Field, inputs: Mapping[str, Any]) -> Any:
        """An encoded field -> float tensor with one more axis, D wide.

        - an id `[...]`: its row of the table, `[..., D]`;
        - several ids or text `[..., M]` with lengths `[...]`: their rows pooled as the spec says,
          `[..., D]`; no ids give zeros;
        - a number `[...]`: `[..., 1]`.

        Args:
            field: An input field of the spec.
            inputs: Encoded batch, or `keras_inputs`, by key.

        Raises:
            ValueError: If the field is metadata or a label.
        """
        if not field.is_input:
            raise ValueError(
                f"`field` must be an input. Received: `{field.key}`, which is of kind {field.kind}."
            )
        values = inputs[field.key]
        if field.kind == "dense":
            return ops.expand_dims(values, -1)
        vectors = self.layers[self.spec.table_of(field).name](values)
        if not field.is_multivalued:
            return vectors
        mask = LengthMask()(inputs[field.length_key], values)
        return MaskedPooling(field.pool)(vectors, mask)
