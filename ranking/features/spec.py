"""The feature spec: every field of a session, named once.

`spec_reader.read_spec` makes these objects from a file; everything else reads them. They need
nothing but the standard library, so tools that only look at a spec start at once.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

SESSION, BEHAVIORS, CANDIDATES, LABELS = "session", "behaviors", "candidates", "labels"
SECTIONS = (SESSION, BEHAVIORS, CANDIDATES, LABELS)

PADDING_ID = 0
UNKNOWN_ID = 1
RESERVED_IDS = 2  # padding and unknown come first in every table

TABLE_KINDS = ("values", "vocabulary", "hash_buckets", "integer_ids", "bucketize")
FIELD_KINDS = ("id", "ids", "text", "dense", "metadata", "label")
TRANSFORMS = ("log1p", "clip", "standardize")
POOLINGS = ("mean", "sum", "max")
WINDOWS = ("day", "train", "request")
LEARNED = "learned"

# YAML forbids these characters, or takes them for line breaks; JSON escapes say the same.
_UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclasses.dataclass(frozen=True)
class Table:
    """An embedding table: how raw values become row numbers, and how wide a row is.

    Attributes:
        name: What fields call it.
        width: Length of a row's vector.
        kind: Where ids come from, one of `TABLE_KINDS`; the attribute of that name has the detail.
        dtype: Type of the raw values: `string`, `int64` or (`bucketize` only) `float32`.
        values: The values, listed in the spec.
        vocabulary: `learned` (counted in the training split at preparation) or a file with one
            value per line.
        min_count: A learned vocabulary keeps values seen at least this often.
        hash_buckets: Number of buckets that raw values are hashed into.
        integer_ids: Raw values are whole numbers from 0 up to, not including, this number.
        bucketize: Increasing boundaries; a number becomes the count of boundaries at or below it.
        size: Number of vocabulary entries; `None` until preparation has written the vocabulary.
        sha256: Checksum of the vocabulary file; `None` until preparation.
    """

    name: str
    width: int
    kind: str
    dtype: str = "string"
    values: tuple[str | int, ...] = ()
    vocabulary: str | None = None
    min_count: int = 1
    hash_buckets: int = 0
    integer_ids: int = 0
    bucketize: tuple[float, ...] = ()
    size: int | None = None
    sha256: str | None = None

    @property
    def is_resolved(self) -> bool:
        """Whether the number of rows is known."""
        return self.kind != "vocabulary" or self.size is not None

    @property
    def rows(self) -> int:
        """Number of rows, padding and unknown included.

        Raises:
            ValueError: If the vocabulary has not been written yet.
        """
        if not self.is_resolved:
            raise ValueError(
                f"Table `{self.name}` has a vocabulary that is not written yet, so its number of "
                "rows is unknown. Prepare data with this spec and use the prepared folder's spec."
            )
        entries = {
            "values": len(self.values),
            "vocabulary": self.size or 0,
            "hash_buckets": self.hash_buckets,
            "integer_ids": self.integer_ids,
            "bucketize": len(self.bucketize) + 1,
        }
        return RESERVED_IDS + entries[self.kind]


@dataclasses.dataclass(frozen=True)
class Transform:
    """One step on a number. `arguments` is `(low, high)` for clip and `(mean, deviation)` for
    standardize; a standardize without arguments is learned at preparation."""

    name: str
    arguments: tuple[float, ...] = ()

    @property
    def is_resolved(self) -> bool:
        """Whether the arguments are known."""
        return self.name != "standardize" or bool(self.arguments)


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of one section.

    Attributes:
        name: Its name within the section.
        section: One of `SECTIONS`.
        kind: One of `FIELD_KINDS`: a single id, several ids that are pooled, text that is split
            into tokens, a number, metadata (kept for evaluation, never seen by a model), a label.
        dtype: Type of the raw value: `string`, `int64` or `float32`.
        table: Name of the embedding table of `id`, `ids` and `text` fields.
        max_length: Most ids kept of an `ids` or `text` field; the first are kept.
        pool: How several vectors become one, one of `POOLINGS`.
        transforms: Steps on a `dense` field, in order.
        default: What a missing number becomes; `None` makes a missing number an error.
        optional: Whether a record may lack the field. A missing id is the unknown id, missing
            ids or text are an empty list.
    """

    name: str
    section: str
    kind: str
    dtype: str
    table: str | None = None
    max_length: int | None = None
    pool: str = "mean"
    transforms: tuple[Transform, ...] = ()
    default: float | None = None
    optional: bool = False

    @property
    def key(self) -> str:
        """The field's name in records, batches and signatures, for example `candidates_price`."""
        return self.name if self.section == SESSION else f"{self.section}_{self.name}"

    @property
    def length_key(self) -> str:
        """The name of the lengths that go with an `ids` or `text` field."""
        return f"{self.key}_length"

    @property
    def is_input(self) -> bool:
        """Whether models read the field."""
        return self.kind not in ("metadata", "label")

    @property
    def is_multivalued(self) -> bool:
        """Whether one value holds several ids once encoded."""
        return self.kind in ("ids", "text")


@dataclasses.dataclass(frozen=True)
class Roles:
    """Which fields play which part. Names are names within the section that the role implies.

    Attributes:
        item: Fields that behaviors and candidates share and that describe an item, its id first.
        query: Session fields that say what the user asked for; empty where there is no query.
        category: One of `item`: splits users into category-new and category-old, gates
            Category-MoE.
        parent_category: One of `item`: the category above `category`.
        scenario: Session field that names the surface.
        session_id: Session field that names the session in messages; no two have the same id.
        user_id: Session field that names the user.
        time: Session field that orders sessions, in seconds.
        popularity: Candidate field that ranks by popularity, the simplest reference.
        oracle: For a label, the candidate metadata that holds its true probability (simulated
            data only).
        segments: Session fields whose values evaluation reports apart, beside the scenario.
        scenario_features: Keys of session and candidate fields that say something else in every
            scenario; see `scenario_fields`.
    """

    item: tuple[str, ...]
    query: tuple[str, ...] = ()
    category: str | None = None
    parent_category: str | None = None
    scenario: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    time: str | None = None
    popularity: str | None = None
    oracle: Mapping[str, str] = dataclasses.field(default_factory=dict)
    segments: tuple[str, ...] = ()
    scenario_features: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """Every field of a session, the tables they use and the parts they play.

    Fields and tables are in alphabetical order, so two files that differ in order, comments or
    layout alone have the same fingerprint.

    Attributes:
        global_window: How long a label counts in all scenarios, one of `WINDOWS`; `None` where
            there are no global labels. See `global_labels.GlobalLabels`.
    """

    name: str
    tables: Mapping[str, Table]
    session: tuple[Field, ...]
    behaviors: tuple[Field, ...]
    behaviors_max_length: int
    candidates: tuple[Field, ...]
    labels: tuple[Field, ...]
    roles: Roles
    global_window: str | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields that a source gives: session, behaviors, candidates, labels."""
        return self.session + self.behaviors + self.candidates + self.labels

    @property
    def global_labels(self) -> tuple[Field, ...]:
        """One label `<task>_global` per task, derived at preparation; none without a window."""
        if self.global_window is None:
            return ()
        return tuple(
            dataclasses.replace(label, name=global_name(label.name)) for label in self.labels
        )

    @property
    def record_fields(self) -> tuple[Field, ...]:
        """All fields of a record: those that a source gives and the global labels."""
        return self.fields + self.global_labels

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the labels, one task each."""
        return tuple(label.name for label in self.labels)

    @property
    def is_resolved(self) -> bool:
        """Whether all vocabularies and statistics are known, so that a model can be built."""
        transforms = (step for field in self.fields for step in field.transforms)
        return all(table.is_resolved for table in self.tables.values()) and all(
            step.is_resolved for step in transforms
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def section(self, name: str) -> tuple[Field, ...]:
        """The fields of the section `name`."""
        return {
            SESSION: self.session,
            BEHAVIORS: self.behaviors,
            CANDIDATES: self.candidates,
            LABELS: self.labels,
        }[name]

    def field(self, section: str, name: str) -> Field:
        """The field `name` of `section`.

        Raises:
            KeyError: If the section has no such field.
        """
        for field in self.section(section):
            if field.name == name:
                return field
        raise KeyError(f"Section `{section}` of spec `{self.name}` has no field `{name}`.")

    def table_of(self, field: Field) -> Table:
        """The table of an `id`, `ids` or `text` field.

        Raises:
            KeyError: If the field has no table.
        """
        if field.table is None:
            raise KeyError(f"Field `{field.key}` has no table.")
        return self.tables[field.table]

    def to_document(self) -> dict[str, Any]:
        """The nested form that a spec file holds, defaults left out."""
        sections: dict[str, Any] = {
            name: {field.name: _field_document(field) for field in self.section(name)}
            for name in SECTIONS
        }
        sections[BEHAVIORS]["sequence"] = {"max_length": self.behaviors_max_length}
        if self.global_window is not None:
            sections[LABELS]["global"] = {"window": self.global_window}
        tables = {name: _table_document(table) for name, table in self.tables.items()}
        return {"name": self.name, "tables": tables, **sections, "roles": _plain(self.roles)}

    def to_json(self) -> str:
        """Canonical JSON: keys sorted, no blanks, readable by `spec_reader.read_spec`."""
        text = json.dumps(
            self.to_document(),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
        return _UNSAFE_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def global_name(task: str) -> str:
    """Maps a task to the name of its global label, for example `click_global`."""
    return f"{task}_global"


def _plain(item: Any) -> dict[str, Any]:
    """A dataclass as a dictionary without the attributes that have their default value."""
    plain = {}
    for attribute in dataclasses.fields(item):
        value = getattr(item, attribute.name)
        if attribute.default_factory is not dataclasses.MISSING:
            default = attribute.default_factory()
        else:
            default = attribute.default
        if value != default:
            plain[attribute.name] = _json_value(value)
    return plain


def _json_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _table_document(table: Table) -> dict[str, Any]:
    document = _plain(table)
    del document["name"], document["kind"]
    return document


def _field_document(field: Field) -> dict[str, Any]:
    document = _plain(field)
    for key in ("name", "section", "kind", "dtype", "transforms"):
        document.pop(key, None)
    if field.kind in ("dense", "metadata"):
        document[field.kind] = field.dtype
    elif field.kind == "label":
        document["label"] = "binary"
    elif field.kind == "text":
        document["tokens"] = "whitespace"
    if field.transforms:
        document["transform"] = [_transform_document(step) for step in field.transforms]
    return document


def _transform_document(step: Transform) -> Any:
    if step.arguments:
        return {step.name: list(step.arguments)}
    return {step.name: LEARNED} if step.name == "standardize" else step.name
