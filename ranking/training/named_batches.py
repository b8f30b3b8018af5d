"""Evaluation batches that keep what users and sessions are called where no table knows their id."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ranking.features.dataset import evaluation_batches
from ranking.features.encoder import Batch, Encoder
from ranking.features.prepared_data import PreparedData
from ranking.features.record_layout import UNKNOWN, is_numbered, record_layout
from ranking.features.spec import SESSION, UNKNOWN_ID, FeatureSpec, Field, Table

_TEXTS = SESSION + UNKNOWN


def named_batches(
    data: PreparedData, encoder: Encoder, *, split: str, sessions_per_batch: int
) -> tf.data.Dataset:
    """The batches of `evaluation_batches`, with `<key>/unknown` `[B]` beside some of the ids.

    Those ids are the ones that play `session_id` or `user_id` and that records hold row numbers of.
    Encoded, all that the table does not know are one: without their texts, sessions of different
    users could not be told from those of one. The text is empty where the table knows the id, and
    where there is none.

    Raises:
        ValueError: As `evaluation_batches` does.
    """
    if any(_is_named(encoder.spec, field) for field in encoder.spec.session):
        data = dataclasses.replace(data, spec=_with_texts(data.spec))
        encoder = _NamingEncoder(encoder)
    return evaluation_batches(
        data, encoder, split=split, sessions_per_batch=sessions_per_batch, replicas=1
    )


class _NamingEncoder(Encoder):
    """An encoder, made of another one, whose batches of records have the texts too."""

    def __init__(self, encoder: Encoder) -> None:
        vars(self).update(vars(encoder))  # Its tables need not be read again.

    def encode_records(self, parsed: Mapping[str, Any]) -> Batch:
        return super().encode_records(parsed) | _unknown_texts(self.spec, parsed)


def _is_named(spec: FeatureSpec, field: Field) -> bool:
    """Whether a session field is an id, by row number, that sessions or users are called by."""
    names = (spec.roles.session_id, spec.roles.user_id)
    return field.name in names and _is_numbered_id(spec, field)


def _is_numbered_id(spec: FeatureSpec, field: Field) -> bool:
    return field.kind == "id" and is_numbered(spec.table_of(field))


def _with_texts(spec: FeatureSpec) -> FeatureSpec:
    """The spec to parse records with: their list of unknown texts is one more field of it."""
    table = Table(_TEXTS, 1, "hash_buckets", hash_buckets=1)
    field = Field(_TEXTS, SESSION, "ids", "string", table=table.name)
    return dataclasses.replace(
        spec, tables={**spec.tables, table.name: table}, session=(*spec.session, field)
    )


def _unknown_texts(spec: FeatureSpec, parsed: Mapping[str, Any]) -> Batch:
    """A session's texts are in the order of its fields, one for each id that is unknown."""
    key = f"{SESSION}/int64"
    packed = next(packed for packed in record_layout(spec).packed if packed.key == key)
    fields = [field for field in packed.fields if _is_numbered_id(spec, field)]
    numbers = tf.gather(parsed[key], [packed.place(field.key) for field in fields], axis=1)
    is_unknown = tf.equal(numbers, UNKNOWN_ID)
    places = tf.cumsum(tf.cast(is_unknown, tf.int32), axis=1, exclusive=True)
    texts = parsed[_TEXTS].to_tensor(shape=[None, len(fields)])
    of_fields = tf.where(is_unknown, tf.gather(texts, places, batch_dims=1), "")
    columns = zip(fields, tf.unstack(of_fields, axis=1), strict=True)
    return {field.key + UNKNOWN: texts for field, texts in columns if _is_named(spec, field)}
