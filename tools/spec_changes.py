"""What differs between two specs, and whom it concerns."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ranking.features.spec import LABELS, SECTIONS, FeatureSpec, Field, Table, Transform


@dataclasses.dataclass(frozen=True)
class SpecChange:
    """One difference between two specs.

    Attributes:
        place: Where it is, for example `candidates.price.default`.
        before: What it was; empty where there was nothing.
        after: What it is; empty where there is nothing any more.
        server: What who sends requests has to do, or empty.
        trainer: What who prepares data has to do, or empty.
        checkpoint: What becomes of trained weights, or empty where they still fit.
    """

    place: str
    before: str
    after: str
    server: str = ""
    trainer: str = ""
    checkpoint: str = ""


Effect = tuple[str, str, str]  # On server, trainer, checkpoint.

_PREPARE, _TRAIN, _EVALUATE = "prepare again", "train again", "evaluate again"
_REQUESTS: Effect = ("change the requests", _PREPARE, _TRAIN)
_ANSWERS: Effect = ("other scores are answered", _PREPARE, _TRAIN)
_VALUES: Effect = ("", _PREPARE, _TRAIN)
_WEIGHTS: Effect = ("", "", _TRAIN)
_SCORES: Effect = ("", "", "fits, but scores otherwise")
_RECORDS: Effect = ("", _PREPARE, "")
_REPORTS: Effect = ("", _EVALUATE, "")
_NOBODY: Effect = ("", "", "")

# Attribute -> whom its change concerns. What only names a thing is compared by that name.
# Records hold row numbers of `values`, `vocabulary` and `integer_ids` tables, else raw values.
TABLE_EFFECTS: dict[str, Effect] = {
    "name": _NOBODY,
    "width": _WEIGHTS,
    "kind": _VALUES,
    "dtype": _REQUESTS,
    "values": _VALUES,
    "vocabulary": _VALUES,
    "min_count": _VALUES,
    "hash_buckets": _WEIGHTS,
    "integer_ids": _VALUES,
    "bucketize": _WEIGHTS,
    "size": _VALUES,
    "sha256": _VALUES,
}
FIELD_EFFECTS: dict[str, Effect] = {
    "name": _NOBODY,
    "section": _NOBODY,
    "kind": _REQUESTS,
    "dtype": _REQUESTS,
    "table": _VALUES,
    "max_length": ("", _PREPARE, _SCORES[2]),
    "pool": _SCORES,
    "transforms": _WEIGHTS,
    "default": _SCORES,
    "optional": ("look at missing values", _PREPARE, ""),
}
ROLE_EFFECTS: dict[str, Effect] = {
    "item": _WEIGHTS,
    "query": ("look at the signatures", "", _TRAIN),
    "category": _WEIGHTS,
    "parent_category": _WEIGHTS,
    "scenario": _WEIGHTS,
    "scenario_features": _WEIGHTS,
    "session_id": _REPORTS,
    "user_id": _RECORDS,
    "time": _RECORDS,
    "popularity": _REPORTS,
    "oracle": _REPORTS,
    "segments": _REPORTS,
}
SPEC_EFFECTS: dict[str, Effect] = {
    "name": _NOBODY,
    "behaviors_max_length": ("look at how many to send", _PREPARE, _TRAIN),
    "global_window": _VALUES,
}
_PARTS = ("tables", "session", "behaviors", "candidates", "labels", "roles")


def spec_changes(before: FeatureSpec, after: FeatureSpec) -> list[SpecChange]:
    """Two specs -> their differences: the spec itself, tables, fields by section, roles.

    Every attribute of a spec, a table, a field and the roles is compared.
    """
    own = [each.name for each in dataclasses.fields(FeatureSpec) if each.name not in _PARTS]
    return [
        *_attributes("spec", own, before, after, SPEC_EFFECTS),
        *_members("tables", before.tables, after.tables),
        *(
            change
            for section in SECTIONS
            for change in _members(
                section, _by_name(before.section(section)), _by_name(after.section(section))
            )
        ),
        *_attributes("roles", list(ROLE_EFFECTS), before.roles, after.roles, ROLE_EFFECTS),
    ]


def _by_name(fields: tuple[Field, ...]) -> dict[str, Field]:
    return {field.name: field for field in fields}


def _members(
    place: str, before: Mapping[str, Table | Field], after: Mapping[str, Table | Field]
) -> Iterator[SpecChange]:
    """The differences of the tables of a spec, or of the fields of a section."""
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        there = old or new
        if old is None or new is None:
            yield SpecChange(f"{place}.{name}", _kind(old), _kind(new), *_presence_effect(there))
        elif not any(isinstance(each, Table) or each.is_input for each in (old, new)):
            names = list(FIELD_EFFECTS)
            effect = _ANSWERS if place == LABELS else _RECORDS
            yield from _attributes(f"{place}.{name}", names, old, new, dict.fromkeys(names, effect))
        else:
            effects = _field_effects(old) if isinstance(old, Field) else TABLE_EFFECTS
            yield from _attributes(f"{place}.{name}", list(effects), old, new, effects)


def _field_effects(field: Field) -> Mapping[str, Effect]:
    # Where a number is missing, records hold NaN, or the default where the type has no NaN.
    if field.dtype == "int64":
        return {**FIELD_EFFECTS, "default": ("", _PREPARE, _SCORES[2])}
    return FIELD_EFFECTS


def _presence_effect(member: Any) -> Effect:
    """Whom it concerns that a table or a field came or went."""
    if isinstance(member, Table):
        return _VALUES
    if member.section == LABELS:
        return _ANSWERS
    return _REQUESTS if member.is_input else _RECORDS


def _attributes(
    place: str, names: list[str], before: Any, after: Any, effects: Mapping[str, Effect]
) -> Iterator[SpecChange]:
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield SpecChange(f"{place}.{name}", _text(old), _text(new), *effects[name])


def _kind(member: Any) -> str:
    return "" if member is None else str(member.kind)


def _text(value: Any) -> str:
    """A value in few words."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Transform):
        return f"{value.name}({', '.join(f'{each:g}' for each in value.arguments)})"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return str(value)
