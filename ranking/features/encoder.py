"""Raw values to what models read: ids, numbers, lengths. The same in training and in serving."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from ranking.did_you_mean import did_you_mean
from ranking.features.id_lookup import IdLookup
from ranking.features.positions import clip_lengths, keep_newest, valid_positions
from ranking.features.record_layout import is_numbered
from ranking.features.record_padding import padded_records
from ranking.features.spec import (
    BEHAVIORS,
    CANDIDATES,
    LABELS,
    SECTIONS,
    SESSION,
    UNKNOWN_ID,
    FeatureSpec,
    Field,
)
from ranking.features.text import split_text
from ranking.features.transforms import transformed

Batch = dict[str, tf.Tensor]
RawBatch = Mapping[str, Any]
_LookUp = Callable[[Field, tf.Tensor], tf.Tensor]


class Encoder:
    """Maps a raw batch to an encoded batch with the same keys.

    - ids become int32 row numbers of their table;
    - several ids and text become int32 `[..., M]` with int32 lengths, the first `max_length` kept;
    - numbers become float32 with their transforms applied, NaN becoming the default (without a
      default a NaN stays one: it is an error that must not pass for a value);
    - section lengths, metadata and labels stay as they are;
    - behaviors beyond the spec's `max_length` are cut, the newest stay;
    - positions beyond the lengths become 0, whatever they held.

    Text is lowercased (Unicode) and split at ASCII white space. A row's encoding depends on no
    other row. A batch may hold some sections only; a section comes with its length.

    Args:
        spec: A resolved spec.
        vocabulary_folder: Folder of the vocabulary files, one `<table>.txt` each.

    Raises:
        ValueError: If the spec is not resolved, or if a vocabulary file is missing or differs from
            the one that the spec was resolved with.
    """

    def __init__(self, spec: FeatureSpec, vocabulary_folder: str | Path) -> None:
        if not spec.is_resolved:
            raise ValueError(
                f"`spec` must be resolved: spec `{spec.name}` has vocabularies or statistics that "
                "are not filled in yet. Prepare data with it and use the prepared folder's spec."
            )
        self.spec = spec
        self._lookups = {
            table.name: IdLookup(table, Path(vocabulary_folder)) for table in spec.tables.values()
        }
        self._fields = {section: spec.section(section) for section in SECTIONS}
        self._fields[LABELS] += spec.global_labels
        self._keys = _batch_keys(spec)

    @property
    def lookup_tables(self) -> list[tf.lookup.StaticHashTable]:
        """The hash tables that an export has to track."""
        lookups = self._lookups.values()
        return [lookup.resource for lookup in lookups if lookup.resource is not None]

    def __call__(self, raw: RawBatch) -> Batch:
        """Encodes a raw batch.

        Raises:
            ValueError: If `raw` has a key that the spec does not know, or lacks a length.
        """
        self._check_keys(raw)
        encoded: Batch = {}
        for section in SECTIONS:
            fields = [field for field in self._fields[section] if field.key in raw]
            values: Batch = {}
            for field in fields:
                values |= _values(field, raw)
            if section in (SESSION, LABELS):
                encoded |= _encode_fields(fields, values, self._look_up, None)
            elif fields:
                encoded |= self._encode_sequence(section, fields, values, raw)
        return encoded

    def encode_records(self, parsed: Mapping[str, Any]) -> Batch:
        """Encodes what `records.parse_records` returned: the same batch as of the raw values.

        Records hold row numbers where raw values come as ids of most tables, so nothing need be
        looked up. Nothing can be checked either: the records must be of this very spec, and whoever
        reads those of another folder compares the fingerprints first.
        """
        batch = padded_records(self.spec, parsed, self._recorded)
        # Numbers are transformed where they stand in a request too: the last bit of a logarithm
        # depends on its place in the vector registers.
        for section in (SESSION, BEHAVIORS, CANDIDATES):
            fields = [field for field in self._fields[section] if field.key in batch]
            fields = [field for field in fields if field.kind == "dense"]
            if fields:
                length = batch.get(f"{section}_length")
                mask = None
                if length is not None:
                    mask = valid_positions(length, tf.shape(batch[fields[0].key])[1])
                batch |= _encode_fields(fields, batch, self._look_up, mask)
        return batch

    def _encode_sequence(
        self, section: str, fields: list[Field], values: Batch, raw: RawBatch
    ) -> Batch:
        key = f"{section}_length"
        lengths = clip_lengths(_tensor(key, raw, "int32"), tf.shape(values[fields[0].key])[1])
        if section == BEHAVIORS:
            values = keep_newest(values, lengths, self.spec.behaviors_max_length)
            lengths = tf.minimum(lengths, self.spec.behaviors_max_length)
        mask = valid_positions(lengths, tf.shape(values[fields[0].key])[1])
        return {key: lengths, **_encode_fields(fields, values, self._look_up, mask)}

    def _look_up(self, field: Field, values: tf.Tensor) -> tf.Tensor:
        return self._lookups[self.spec.table_of(field).name](values)

    def _recorded(self, field: Field, values: tf.Tensor) -> Any:
        """Values of a field as records hold them, none missing at the end -> rows, or words.

        Ids are row numbers, where 0 is missing, or raw values. Whatever is no id stays.
        """
        if field.kind == "text":
            return _words(field, values, self._look_up)
        if field.kind not in ("id", "ids"):
            return values
        if not is_numbered(self.spec.table_of(field)):
            return self._look_up(field, values)
        return tf.maximum(tf.cast(values, tf.int32), UNKNOWN_ID)

    def _check_keys(self, raw: RawBatch) -> None:
        for key in raw:
            if key not in self._keys:
                raise ValueError(
                    f"Every key of a raw batch must be one of spec `{self.spec.name}`. "
                    f"Received: `{key}`. {did_you_mean(key, self._keys)}"
                )


def _batch_keys(spec: FeatureSpec) -> frozenset[str]:
    lengths = {field.length_key for field in spec.fields if field.is_multivalued}
    keys = {field.key for field in spec.record_fields}
    return frozenset(keys | lengths | {f"{section}_length" for section in (BEHAVIORS, CANDIDATES)})


def _encode_fields(
    fields: list[Field], values: Batch, look_up: _LookUp, mask: tf.Tensor | None
) -> Batch:
    encoded: Batch = {}
    for field in fields:
        value = values[field.key]
        if field.kind == "id":
            encoded[field.key] = _masked(look_up(field, value), mask)
        elif field.kind == "ids":
            encoded |= _encode_ids(field, value, values[field.length_key], look_up, mask)
        elif field.kind == "text":
            encoded |= _encode_text(field, value, look_up, mask)
        elif field.kind == "dense":
            encoded[field.key] = _masked(transformed(field, value), mask)
        else:
            encoded[field.key] = value
    return encoded


def _encode_ids(
    field: Field, values: tf.Tensor, lengths: tf.Tensor, look_up: _LookUp, mask: tf.Tensor | None
) -> Batch:
    values = values[..., : field.max_length]
    width = tf.shape(values)[-1]
    lengths = _masked(clip_lengths(lengths, width), mask)
    ids = _masked(look_up(field, values), valid_positions(lengths, width))
    return {field.key: ids, field.length_key: lengths}


def _encode_text(field: Field, text: tf.Tensor, look_up: _LookUp, mask: tf.Tensor | None) -> Batch:
    ids = _words(field, tf.reshape(text, [-1]), look_up)
    padded = ids.to_tensor(shape=[None, field.max_length])
    lengths = _masked(tf.reshape(ids.row_lengths(), tf.shape(text)), mask)
    shape = tf.concat([tf.shape(text), [field.max_length]], axis=0)
    padded = _masked(tf.reshape(padded, shape), None if mask is None else mask[..., None])
    return {field.key: padded, field.length_key: tf.cast(lengths, tf.int32)}


def _words(field: Field, text: tf.Tensor, look_up: _LookUp) -> tf.RaggedTensor:
    """Texts `[N]` -> rows of their words, ragged `[N, (M)]`."""
    tokens = split_text(text)[:, : field.max_length]
    return tokens.with_values(look_up(field, tokens.values))


def _values(field: Field, raw: RawBatch) -> Batch:
    """The field's tensors; labels come as float32, whatever their raw type is."""
    if field.kind == "label":
        return {field.key: tf.convert_to_tensor(raw[field.key])}
    values = {field.key: _tensor(field.key, raw, field.dtype)}
    if field.kind == "ids":
        values[field.length_key] = _tensor(field.length_key, raw, "int32")
    return values


def _tensor(key: str, raw: RawBatch, dtype: str) -> tf.Tensor:
    if key not in raw:
        raise ValueError(f"A raw batch must have `{key}` beside its values. Received: {list(raw)}")
    try:
        return tf.convert_to_tensor(raw[key], dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{key}` of a raw batch must be {dtype}. Received: {error}") from error


def _masked(values: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """`values` with 0 where `mask` is False."""
    return values if mask is None else tf.where(mask, values, tf.zeros([], values.dtype))
