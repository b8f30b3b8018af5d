"""The session table as flat columns, the form that everything in preparation works on."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.features.spec import BEHAVIORS, CANDIDATES, LABELS, SESSION, FeatureSpec, Field


@dataclasses.dataclass(frozen=True)
class SectionColumns:
    """One section of n sessions: a column per field with the elements of all sessions in a row.

    Attributes:
        offsets: int64 `[n + 1]`; session i owns the elements `offsets[i]:offsets[i + 1]`.
        columns: For each field's key, a column of `offsets[-1]` values.
    """

    offsets: np.ndarray
    columns: Mapping[str, pa.Array]

    @property
    def lengths(self) -> np.ndarray:
        """int64 `[n]`: the number of elements of each session."""
        return np.diff(self.offsets)


def session_columns(spec: FeatureSpec, batch: pa.RecordBatch) -> dict[str, SectionColumns]:
    """Maps a record batch to the sections `session`, `behaviors` and `candidates`.

    Labels are among the columns of `candidates`. Nothing is cut; null lists become empty ones.

    Args:
        spec: The spec that the batch's schema follows.
        batch: Sessions, in the schema of `ranking.sources.session_table.arrow_schema`.

    Raises:
        ValueError: If a column is missing.
    """
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    session = {field.key: _child(columns, field.name, field.name) for field in spec.session}
    behaviors = _child(columns, BEHAVIORS, BEHAVIORS)
    candidates = _child(columns, CANDIDATES, CANDIDATES)
    return {
        SESSION: SectionColumns(np.arange(batch.num_rows + 1), session),
        BEHAVIORS: _list_section(behaviors, spec.behaviors),
        CANDIDATES: _list_section(candidates, spec.candidates + spec.labels),
    }


def cut_columns(
    spec: FeatureSpec, sections: Mapping[str, SectionColumns]
) -> dict[str, SectionColumns]:
    """Maps sections to what records keep: the newest behaviors and the first of several ids."""
    behaviors = _newest(sections[BEHAVIORS], spec.behaviors_max_length)
    cut = {**sections, BEHAVIORS: behaviors}
    for name, section in cut.items():
        fields = spec.section(name)
        shortened = {field.key: _first(section.columns[field.key], field) for field in fields}
        cut[name] = dataclasses.replace(section, columns={**section.columns, **shortened})
    return cut


def with_columns(
    sections: Mapping[str, SectionColumns], columns: Mapping[str, pa.Array]
) -> dict[str, SectionColumns]:
    """Maps sections to the same with more columns of the candidates."""
    candidates = sections[CANDIDATES]
    columns = {**candidates.columns, **columns}
    return {**sections, CANDIDATES: dataclasses.replace(candidates, columns=columns)}


def section_of(field: Field) -> str:
    """The section whose columns hold the field: labels are with the candidates."""
    return CANDIDATES if field.section == LABELS else field.section


def list_offsets(lists: pa.Array) -> np.ndarray:
    """Maps n lists to int64 `[n + 1]` offsets into their flattened values; null is empty."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _list_section(lists: pa.Array, fields: tuple[Field, ...]) -> SectionColumns:
    structs = lists.flatten()
    members = [member.name for member in structs.type]
    children = dict(zip(members, structs.flatten(), strict=True))
    columns = {
        field.key: _child(children, field.name, f"{section_of(field)}.{field.name}")
        for field in fields
    }
    return SectionColumns(list_offsets(lists), columns)


def _child(columns: Mapping[str, pa.Array], name: str, path: str) -> pa.Array:
    if name not in columns:
        raise ValueError(
            f"The session table must have a column `{path}`. Received: {sorted(columns)}. "
            "Make the table with `ranking.sources.session_table`."
        )
    return columns[name]


def _newest(section: SectionColumns, max_length: int) -> SectionColumns:
    lengths = section.lengths
    if not (lengths > max_length).any():
        return section
    ends = np.repeat(section.offsets[1:], lengths)
    kept = pa.array(np.flatnonzero(np.arange(len(ends)) >= ends - max_length))
    offsets = np.concatenate([[0], np.cumsum(np.minimum(lengths, max_length))])
    columns = {key: column.take(kept) for key, column in section.columns.items()}
    return SectionColumns(offsets, columns)


def _first(column: pa.Array, field: Field) -> pa.Array:
    if field.kind != "ids":
        return column
    longest = pc.max(pc.list_value_length(column)).as_py() or 0
    max_length = field.max_length or longest
    return column if longest <= max_length else pc.list_slice(column, 0, max_length)
