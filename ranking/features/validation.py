"""Checks of a session table, before it is written."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.features.session_columns import (
    SectionColumns,
    list_offsets,
    section_of,
    session_columns,
)
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec, Field

_LATEST_SECOND = 10**11  # In the year 5138; as milliseconds, in March 1973.
_ELEMENTS = {BEHAVIORS: "behavior", CANDIDATES: "candidate"}


class RecordError(ValueError):
    """A session that breaks a rule: which session, field and value, which rule, what to do."""


def validate_sessions(
    spec: FeatureSpec, batch: pa.RecordBatch, *, where: str, first_session: int = 0
) -> None:
    """Checks that all sessions of a batch can be learned from, as the spec describes them.

    Labels must be 0 or 1, raw values of `integer_ids` tables within the table, numbers finite (NaN
    is allowed where there is a default), values without line breaks where they go into a
    vocabulary, times in seconds where global labels go by them. Nothing but optional fields and
    numbers with a default may be null, and a session must have a candidate.

    Args:
        spec: The spec that the batch's schema follows.
        batch: Sessions, in the schema of `ranking.sources.session_table.arrow_schema`.
        where: What messages call the place that the batch comes from, for example `parquet/train`.
        first_session: Number of the batch's first session in that place, counted from 0.

    Raises:
        RecordError: For the first session that breaks the first broken rule.
        ValueError: If a column is missing.
    """
    sections = session_columns(spec, batch)
    _check_lists(batch, _Report(spec, sections, where, first_session))
    validate_columns(spec, sections, where=where, first_session=first_session)


def validate_columns(
    spec: FeatureSpec,
    sections: Mapping[str, SectionColumns],
    *,
    where: str,
    first_session: int = 0,
) -> None:
    """Checks what `validate_sessions` checks, in sessions that are flat columns already.

    Raises:
        RecordError: For the first session that breaks the first broken rule.
    """
    report = _Report(spec, sections, where, first_session)
    _check_candidates(report)
    for field in spec.fields:
        _check_field(spec, field, sections[section_of(field)].columns[field.key], report)
    for field in spec.global_labels:
        if field.key in sections[CANDIDATES].columns:  # Records have them, sources do not.
            _check_field(spec, field, sections[CANDIDATES].columns[field.key], report)


@dataclasses.dataclass(frozen=True)
class _Report:
    """Makes the error for an element that breaks a rule."""

    spec: FeatureSpec
    sections: Mapping[str, SectionColumns]
    where: str
    first_session: int

    def check(
        self,
        is_wrong: np.ndarray,
        field: Field,
        values: pa.Array,
        rule: str,
        remedy: str,
        *,
        owners: np.ndarray | None = None,
    ) -> None:
        """Raises an error if a value is wrong.

        Args:
            is_wrong: Boolean `[m]`.
            field: The field that the values are of.
            values: `[m]`.
            rule: What the values must be.
            remedy: What to do about one that is not.
            owners: int64 `[m]`, number of the element in the section that each value belongs to;
                the values are one per element where this is left out.
        """
        if not is_wrong.any():
            return
        at = int(np.argmax(is_wrong))
        received = repr(values[at].as_py()) if values[at].is_valid else "null"
        element = at if owners is None else int(owners[at])
        offsets = self.sections[section_of(field)].offsets
        session = int(np.searchsorted(offsets, element, "right")) - 1
        name = f"`{field.key}`"
        if section_of(field) != SESSION:
            name += f" of {_ELEMENTS[section_of(field)]} {element - int(offsets[session])}"
        raise self.error(session, name, rule, received, remedy)

    def error(self, session: int, name: str, rule: str, received: str, remedy: str) -> RecordError:
        role = self.spec.roles.session_id
        known = ""
        if role is not None:
            field = self.spec.field(SESSION, role)
            value = self.sections[SESSION].columns[field.key][session].as_py()
            known = f" ({field.name} {value!r})"
        number = self.first_session + session
        return RecordError(
            f"{self.where}, session {number}{known}: {name} must {rule}. Received: {received}. "
            f"{remedy}"
        )


def _check_lists(batch: pa.RecordBatch, report: _Report) -> None:
    """Checks that the two sections are there and without gaps."""
    for section in (BEHAVIORS, CANDIDATES):
        lists = batch.column(batch.schema.get_field_index(section))
        if lists.null_count:
            session = int(np.argmax(_mask(lists.is_null())))
            remedy = "Give an empty list where there is none."
            raise report.error(session, f"`{section}`", "be a list", "null", remedy)
        elements = lists.flatten()
        if elements.null_count:
            element = int(np.argmax(_mask(elements.is_null())))
            session = int(np.searchsorted(list_offsets(lists), element, "right")) - 1
            remedy = "Leave missing elements out of the list."
            raise report.error(session, f"`{section}`", "hold no null", "null", remedy)


def _check_candidates(report: _Report) -> None:
    empty = report.sections[CANDIDATES].lengths == 0
    if empty.any():
        remedy = "Leave out sessions in which nothing was shown."
        session = int(np.argmax(empty))
        raise report.error(session, "`candidates`", "hold at least one candidate", "none", remedy)


def _check_field(spec: FeatureSpec, field: Field, column: pa.Array, report: _Report) -> None:
    may_be_null = field.optional or field.default is not None
    if column.null_count and not may_be_null:
        remedy = "Fill it in the source."
        if field.kind != "label":
            remedy = "Fill it in the source, or add `optional: true` to the field in the spec."
        report.check(_mask(column.is_null()), field, column, "have a value", remedy)
    owners = None
    if field.kind == "ids":
        owners = np.repeat(np.arange(len(column)), np.diff(list_offsets(column)))
        column = column.flatten()
        remedy = "Leave missing ids out of the list."
        is_null = _mask(column.is_null())
        report.check(is_null, field, column, "hold no null", remedy, owners=owners)
    for is_wrong, rule, remedy in _rules(spec, field, column):
        report.check(is_wrong, field, column, rule, remedy, owners=owners)


_Rules = list[tuple[np.ndarray, str, str]]


def _rules(spec: FeatureSpec, field: Field, column: pa.Array) -> _Rules:
    check = _CHECKS.get(field.kind)
    rules = [] if check is None else check(spec, field, column)
    goes_by_time = spec.global_window not in (None, "train")
    if goes_by_time and (field.section, field.name) == (SESSION, spec.roles.time):
        rules = [*rules, *_time_rules(column)]
    return rules


def _time_rules(column: pa.Array) -> _Rules:
    values = _values(column)
    # In milliseconds, a day of global labels would be 86 seconds long, and nothing would tell.
    is_wrong = (values < -_LATEST_SECOND) | (values > _LATEST_SECOND)
    remedy = "Divide by 1000 if these are milliseconds."
    return [(is_wrong, "be seconds since 1970", remedy)]


def _label_rules(spec: FeatureSpec, field: Field, column: pa.Array) -> _Rules:
    values = _values(column)
    is_wrong = (values != 0) & (values != 1)
    return [(is_wrong, "be 0 or 1", "Map the label to 0 and 1 in the source.")]


def _dense_rules(spec: FeatureSpec, field: Field, column: pa.Array) -> _Rules:
    if field.dtype != "float32":
        return []
    values = _values(column)
    if field.default is not None:
        remedy = "Correct it in the source, or make it NaN to get the default."
        return [(np.isinf(values), "be a finite number or NaN", remedy)]
    remedy = "Correct it in the source, or add a `default` to the field in the spec."
    return [(~np.isfinite(values), "be a finite number", remedy)]


def _id_rules(spec: FeatureSpec, field: Field, column: pa.Array) -> _Rules:
    table = spec.table_of(field)
    if table.kind == "integer_ids":
        values = _values(column)
        rule = f"be from 0 to {table.integer_ids - 1} (table `{table.name}`)"
        remedy = f"Correct it in the source, or raise `integer_ids` of table `{table.name}`."
        return [((values < 0) | (values >= table.integer_ids), rule, remedy)]
    if table.kind == "bucketize":
        remedy = "Correct it in the source, or make the field optional and the value null."
        return [(np.isnan(_values(column)), "be a number", remedy)]
    if table.kind == "vocabulary" and table.dtype == "string":
        rule = "hold no line break: a vocabulary has one value per line"
        return [(_has_line_break(column), rule, "Replace line breaks in the source.")]
    return []


_CHECKS: dict[str, Callable[[FeatureSpec, Field, pa.Array], _Rules]] = {
    "label": _label_rules,
    "dense": _dense_rules,
    "id": _id_rules,
    "ids": _id_rules,
}


def _has_line_break(column: pa.Array) -> np.ndarray:
    # Looking at the bytes of all values at once is many times faster than looking at each.
    data = column.buffers()[2]
    text = b"" if data is None else data.to_pybytes()
    if b"\n" not in text and b"\r" not in text:
        return np.zeros(len(column), bool)
    return _mask(pc.fill_null(pc.match_substring_regex(column, "[\r\n]"), False))


def _mask(values: Any) -> np.ndarray:
    """A boolean Arrow array as a NumPy one."""
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)


def _values(column: pa.Array) -> np.ndarray:
    """A column as NumPy, null as 0, a number that no rule forbids."""
    filled = column.fill_null(0) if column.null_count else column
    return np.asarray(filled.to_numpy(zero_copy_only=False))
