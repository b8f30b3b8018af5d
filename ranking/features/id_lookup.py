"""Raw values to row numbers of one embedding table."""

from pathlib import Path

import tensorflow as tf

from ranking.features.missing_values import missing_value
from ranking.features.spec import RESERVED_IDS, SESSION, UNKNOWN_ID, Field, Table
from ranking.features.vocabulary_file import find_vocabulary

_DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}


class IdLookup:
    """Maps raw values of any shape to int32 row numbers of the same shape.

    A value that is missing (`""`, -1, NaN) or that the table does not know becomes `UNKNOWN_ID`.
    Looking up never gives the padding row; who knows the lengths puts that in.

    Args:
        table: The table, resolved.
        vocabulary_folder: Where `<table>.txt` is, for a table with a vocabulary.

    Raises:
        ValueError: If the vocabulary file is missing or is not the one that the spec names.
    """

    def __init__(self, table: Table, vocabulary_folder: Path) -> None:
        self.table = table
        self.resource: tf.lookup.StaticHashTable | None = None
        if table.kind in ("values", "vocabulary"):
            initializer = (
                _listed_values(table)
                if table.kind == "values"
                else _vocabulary_file(table, find_vocabulary(table, vocabulary_folder))
            )
            self.resource = tf.lookup.StaticHashTable(initializer, default_value=UNKNOWN_ID)

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        if self.resource is not None:
            return tf.cast(self.resource.lookup(values), tf.int32)
        if self.table.kind == "hash_buckets":
            return self._hashed(values)
        if self.table.kind == "integer_ids":
            return self._in_range(values)
        return self._bucketized(values)

    def _hashed(self, values: tf.Tensor) -> tf.Tensor:
        text = values if values.dtype == tf.string else tf.strings.as_string(values)
        buckets = tf.strings.to_hash_bucket_fast(text, self.table.hash_buckets)
        ids = tf.cast(buckets, tf.int32) + RESERVED_IDS
        missing = missing_value(Field(self.table.name, SESSION, "id", self.table.dtype))
        return tf.where(values == missing, UNKNOWN_ID, ids)

    def _in_range(self, values: tf.Tensor) -> tf.Tensor:
        is_known = (values >= 0) & (values < self.table.integer_ids)
        return tf.cast(tf.where(is_known, values + RESERVED_IDS, UNKNOWN_ID), tf.int32)

    def _bucketized(self, values: tf.Tensor) -> tf.Tensor:
        buckets = tf.raw_ops.Bucketize(input=values, boundaries=list(self.table.bucketize))
        return tf.where(tf.math.is_nan(values), UNKNOWN_ID, buckets + RESERVED_IDS)


def _listed_values(table: Table) -> tf.lookup.KeyValueTensorInitializer:
    ids = range(RESERVED_IDS, RESERVED_IDS + len(table.values))
    return tf.lookup.KeyValueTensorInitializer(
        tf.constant(table.values, _DTYPES[table.dtype]), tf.constant(list(ids), tf.int64)
    )


def _vocabulary_file(table: Table, path: Path) -> tf.lookup.TextFileInitializer:
    # Only the whole-line form keeps a string that has a tab in it; numbers are read from a column.
    is_text = table.dtype == "string"
    return tf.lookup.TextFileInitializer(
        str(path),
        key_dtype=_DTYPES[table.dtype],
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE if is_text else 0,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
        value_index_offset=RESERVED_IDS,
    )
