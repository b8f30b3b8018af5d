"""Parsed records to dense batches, padded with zeros."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from ranking.features.record_layout import PackedFeature, is_numbered, record_layout
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec, Field

Encode = Callable[[Field, tf.Tensor], Any]


def padded_records(
    spec: FeatureSpec, parsed: Mapping[str, Any], encode: Encode
) -> dict[str, tf.Tensor]:
    """Maps what `records.parse_records` returned to a dense, padded batch by field key.

    Single values become `[B]`, `[B, T]` and `[B, C]`, several ids `[B, M]`, `[B, T, M]` and
    `[B, C, M]`. Every width is at least 1; padding is empty text or 0. Labels become float32. Added
    are the int32 lengths `behaviors_length [B]`, `candidates_length [B]` and, for several ids,
    `<key>_length` of shape `[B]`, `[B, T]` or `[B, C]`.

    Args:
        spec: The spec of the records.
        parsed: Values by feature.
        encode: Maps a field and values of it to what is padded, of the same shape, or, for text,
            ragged in one more dimension. Values come without padding, those of all sessions one
            after the other, and together with those of other fields that are of the same kind and,
            unless records hold their row numbers, of the same table.
    """
    layout = record_layout(spec)
    batch: dict[str, tf.Tensor] = {}
    for section in (SESSION, BEHAVIORS, CANDIDATES):
        keys = [key for key in layout.keys_of(section) if key in parsed]
        if not keys:
            continue
        places = None if section == SESSION else _Places(parsed[keys[0]])
        if places is not None:
            batch[f"{section}_length"] = places.lengths
        for packed in layout.packed:
            if packed.key in keys:
                batch |= _columns(spec, packed, parsed[packed.key], encode, places)
        for field in layout.texts:
            if field.key in keys:
                batch |= _texts(field, parsed[field.key], encode, places)
        for field in layout.ids:
            if field.key in keys:
                batch |= _several_ids(field, parsed[field.key], encode)
    return batch


def padded(value: Any) -> Any:
    """A ragged tensor as a dense one whose every ragged width is at least 1."""
    if not isinstance(value, tf.RaggedTensor):
        return value
    lengths = [value.row_lengths(axis=1)]
    if value.ragged_rank == 2:
        lengths.append(value.values.row_lengths())
    widths = [tf.maximum(tf.reduce_max(each), 1) for each in lengths]
    inner = value.flat_values.shape[1:].as_list()
    dense = value.to_tensor(shape=tf.stack([-1, *widths, *inner]))
    return tf.ensure_shape(dense, [None] * (1 + len(widths)) + inner)


class _Places:
    """Where the elements of a section stand once each session has a row of its own.

    Args:
        value: Any ragged tensor `[B, (n), ...]` of the section.
    """

    def __init__(self, value: tf.RaggedTensor) -> None:
        lengths = value.row_lengths()
        self.lengths = tf.cast(lengths, tf.int32)
        self._splits = value.row_splits
        self._width = tf.maximum(tf.reduce_max(lengths), 1)

    def padded(self, values: tf.Tensor) -> tf.Tensor:
        """Values `[N, ...]` of all elements one after the other -> `[B, max n, ...]`."""
        inner = values.shape[1:].as_list()
        dense = tf.raw_ops.RaggedTensorToTensor(
            shape=tf.stack([-1, self._width, *inner]),
            values=values,
            default_value=tf.zeros([], values.dtype),
            row_partition_tensors=[self._splits],
            row_partition_types=["ROW_SPLITS"],
        )
        return tf.ensure_shape(dense, [None, None, *inner])


def _columns(
    spec: FeatureSpec, packed: PackedFeature, value: Any, encode: Encode, places: _Places | None
) -> dict[str, tf.Tensor]:
    """The fields of a packed feature. What is encoded alike is encoded and padded together."""
    batch: dict[str, tf.Tensor] = {}
    values = value if places is None else value.values
    for fields, chosen in _alike(spec, packed, values):
        encoded = encode(fields[0], chosen)
        if fields[0].kind == "label":
            encoded = tf.cast(encoded, tf.float32)
        dense = encoded if places is None else places.padded(encoded)
        columns = tf.unstack(dense, len(fields), axis=-1)
        batch |= {field.key: column for field, column in zip(fields, columns, strict=True)}
    return batch


def _alike(
    spec: FeatureSpec, packed: PackedFeature, values: tf.Tensor
) -> Iterator[tuple[list[Field], tf.Tensor]]:
    """Values `[N, W]` of a packed feature -> the fields that are encoded alike, and their columns.

    There is but one group in most specs, and no copy then.
    """
    groups: dict[object, list[Field]] = {}
    for field in packed.fields:
        of_table = field.kind == "id" and not is_numbered(spec.table_of(field))
        groups.setdefault((field.kind, field.table if of_table else None), []).append(field)
    for fields in groups.values():
        columns = [packed.place(field.key) for field in fields]
        yield (fields, values if len(groups) == 1 else tf.gather(values, columns, axis=-1))


def _texts(
    field: Field, value: Any, encode: Encode, places: _Places | None
) -> dict[str, tf.Tensor]:
    """A field with one text per element, which may be several ids once encoded."""
    encoded = encode(field, value if places is None else value.values)
    batch = {field.key: encoded}
    if isinstance(encoded, tf.RaggedTensor):
        batch[field.key] = encoded.to_tensor(shape=[None, field.max_length])
        batch[field.length_key] = tf.cast(encoded.row_lengths(), tf.int32)
    return batch if places is None else {key: places.padded(each) for key, each in batch.items()}


def _several_ids(field: Field, value: Any, encode: Encode) -> dict[str, tf.Tensor]:
    lengths = value.row_lengths(axis=value.ragged_rank)
    ids = value.with_flat_values(encode(field, value.flat_values))
    return {field.key: padded(ids), field.length_key: tf.cast(padded(lengths), tf.int32)}
