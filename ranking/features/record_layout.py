"""Which features a record has, and which fields each of them holds.

One session is one `tf.train.Example`. Numbers and row numbers of a section's fields share a list,
which keeps records small and parsing fast; what no number stands for has a list of its own:

| feature | holds |
|---|---|
| `<section>/int64`, `<section>/float32` | one value per element and field that models read |
| `<section>/metadata_int64`, `<section>/metadata_float32` | the same for metadata |
| `labels/int64` | one value per candidate and label, global labels last |
| `<section>/unknown` | texts of the ids in `<section>/int64` that their tables do not know |
| `<key>` | a text per element: text, text metadata, text ids of a hash table |
| `<key>/ragged_flat_values`, `<key>/ragged_row_lengths_0` | several ids per element |
| `<key>/unknown` | texts of those among them that their table does not know |

Value j of element i of W fields is number `i * W + j`. An id of a table that is `numbered` is its
row number; 0 says that it is missing, 1 that the table does not know it. Other values are raw.
Nothing here needs TensorFlow.
"""

import dataclasses
from collections.abc import Iterator

from ranking.features.session_columns import section_of
from ranking.features.spec import BEHAVIORS, CANDIDATES, LABELS, SESSION, FeatureSpec, Field, Table

FLAT_VALUES = "/ragged_flat_values"
ROW_LENGTHS = "/ragged_row_lengths_0"
UNKNOWN = "/unknown"

_NUMBERED_KINDS = ("values", "vocabulary", "integer_ids")


@dataclasses.dataclass(frozen=True)
class PackedFeature:
    """One list with the values of several fields.

    Attributes:
        key: Its name in records.
        section: `session`, `behaviors` or `candidates`; labels are with the candidates.
        dtype: `int64` or `float32`.
        fields: The fields, in the order of their values.
    """

    key: str
    section: str
    dtype: str
    fields: tuple[Field, ...]

    @property
    def width(self) -> int:
        """The number of values per element."""
        return len(self.fields)

    def place(self, key: str) -> int:
        """The number of a field among the fields, by its key."""
        return [field.key for field in self.fields].index(key)


@dataclasses.dataclass(frozen=True)
class RecordLayout:
    """All features of the records of a spec.

    Attributes:
        packed: Lists that fields share.
        texts: Fields with one text per element.
        ids: Fields with several ids per element.
    """

    packed: tuple[PackedFeature, ...]
    texts: tuple[Field, ...]
    ids: tuple[Field, ...]

    def inputs(self) -> "RecordLayout":
        """The features that models read: no labels, no metadata."""
        return RecordLayout(
            tuple(packed for packed in self.packed if packed.fields[0].is_input),
            tuple(field for field in self.texts if field.is_input),
            self.ids,
        )

    def sizes(self) -> "RecordLayout":
        """The fewest features that tell labels and the lengths of a session's sections."""
        packed = {feature.section: feature for feature in self.packed if feature.section != SESSION}
        packed[CANDIDATES] = self.labels
        if BEHAVIORS in packed:
            return RecordLayout(tuple(packed.values()), (), ())
        rest = [field for field in self.texts + self.ids if field.section == BEHAVIORS][:1]
        texts = tuple(field for field in rest if field.kind != "ids")
        ids = tuple(field for field in rest if field.kind == "ids")
        return RecordLayout((self.labels,), texts, ids)

    @property
    def labels(self) -> PackedFeature:
        """The feature of the labels."""
        return next(packed for packed in self.packed if packed.fields[0].section == LABELS)

    def keys_of(self, section: str) -> Iterator[str]:
        """The keys of a section, labels with the candidates, as `parse_records` returns them."""
        yield from (packed.key for packed in self.packed if packed.section == section)
        fields = self.texts + self.ids
        yield from (field.key for field in fields if field.section == section)


def record_layout(spec: FeatureSpec) -> RecordLayout:
    """Maps a spec to the features of its records, in the order of the spec's sections."""
    packed: dict[tuple[str, bool, str], list[Field]] = {}
    texts, ids = [], []
    for field in spec.record_fields:
        dtype = recorded_dtype(spec, field)
        if field.kind == "ids":
            ids.append(field)
        elif dtype == "string":
            texts.append(field)
        else:
            together = (field.section, field.kind == "metadata", dtype)
            packed.setdefault(together, []).append(field)
    features = tuple(_packed_feature(*together, fields) for together, fields in packed.items())
    return RecordLayout(features, tuple(texts), tuple(ids))


def is_numbered(table: Table) -> bool:
    """Whether records hold row numbers of the table, rather than raw values.

    They do where the rows are known once the spec is resolved. Buckets are not rows: who reads a
    record should get back what the source gave.
    """
    return table.kind in _NUMBERED_KINDS


def recorded_dtype(spec: FeatureSpec, field: Field) -> str:
    """Type of what records hold of a field."""
    if field.kind in ("id", "ids") and is_numbered(spec.table_of(field)):
        return "int64"
    return field.dtype


def _packed_feature(
    section: str, is_metadata: bool, dtype: str, fields: list[Field]
) -> PackedFeature:
    key = f"{section}/metadata_{dtype}" if is_metadata else f"{section}/{dtype}"
    return PackedFeature(key, section_of(fields[0]), dtype, tuple(fields))
