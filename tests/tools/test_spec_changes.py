"""Every attribute of a spec is compared, and it is said whom a change concerns."""

import dataclasses
from typing import Any

import pytest

from ranking.features.spec import FeatureSpec, Field, Roles, Table, Transform
from tests.helpers.small_spec import small_spec
from tools.spec_changes import (
    FIELD_EFFECTS,
    ROLE_EFFECTS,
    SPEC_EFFECTS,
    TABLE_EFFECTS,
    SpecChange,
    spec_changes,
)

SPEC = small_spec()


def _names(class_: type) -> set[str]:
    return {each.name for each in dataclasses.fields(class_)}


def _with_field(section: str, name: str, **changes: Any) -> FeatureSpec:
    fields = tuple(
        dataclasses.replace(field, **changes) if field.name == name else field
        for field in SPEC.section(section)
    )
    return dataclasses.replace(SPEC, **{section: fields})


def _with_table(name: str, **changes: Any) -> FeatureSpec:
    table = dataclasses.replace(SPEC.tables[name], **changes)
    return dataclasses.replace(SPEC, tables={**SPEC.tables, name: table})


def _one(after: FeatureSpec) -> tuple[str, ...]:
    (change,) = spec_changes(SPEC, after)
    return dataclasses.astuple(change)


def test_every_attribute_has_its_effect() -> None:
    assert set(TABLE_EFFECTS) == _names(Table)
    assert set(FIELD_EFFECTS) == _names(Field)
    assert set(ROLE_EFFECTS) == _names(Roles)
    parts = {"tables", "session", "behaviors", "candidates", "labels", "roles"}
    assert set(SPEC_EFFECTS) == _names(FeatureSpec) - parts


def test_a_spec_does_not_differ_from_itself() -> None:
    assert spec_changes(SPEC, small_spec()) == []


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (
            _with_field("candidates", "price", default=7.0),
            ("candidates.price.default", "0.0", "7.0", "", "", "fits, but scores otherwise"),
        ),
        (
            _with_field("session", "visits", default=3.0),  # A whole number, which has no NaN.
            (
                "session.visits.default",
                "",
                "3.0",
                "",
                "prepare again",
                "fits, but scores otherwise",
            ),
        ),
        (
            _with_field("session", "visits", transforms=(Transform("clip", (0.0, 9.0)),)),
            ("session.visits.transforms", "clip(0, 5)", "clip(0, 9)", "", "", "train again"),
        ),
        (
            _with_field("session", "visits", dtype="float32"),
            (
                "session.visits.dtype",
                "int64",
                "float32",
                "change the requests",
                "prepare again",
                "train again",
            ),
        ),
        (
            _with_field("session", "trust", optional=False),  # Metadata.
            ("session.trust.optional", "True", "False", "", "prepare again", ""),
        ),
        (
            _with_table("action", values=("click", "cart", "order")),
            (
                "tables.action.values",
                "click, order",
                "click, cart, order",
                "",
                "prepare again",
                "train again",
            ),
        ),
        (
            _with_table("hour", integer_ids=23),
            ("tables.hour.integer_ids", "24", "23", "", "prepare again", "train again"),
        ),
        (
            _with_table("item", size=7),
            ("tables.item.size", "", "7", "", "prepare again", "train again"),
        ),
        (
            _with_table("item", sha256="0c" * 32),
            ("tables.item.sha256", "", "0c" * 32, "", "prepare again", "train again"),
        ),
        (
            _with_table("item", width=5),
            ("tables.item.width", "3", "5", "", "", "train again"),
        ),
        (
            dataclasses.replace(SPEC, behaviors_max_length=50),
            (
                "spec.behaviors_max_length",
                "11",
                "50",
                "look at how many to send",
                "prepare again",
                "train again",
            ),
        ),
        (
            dataclasses.replace(SPEC, roles=dataclasses.replace(SPEC.roles, segments=())),
            ("roles.segments", "city", "", "", "evaluate again", ""),
        ),
        (
            dataclasses.replace(SPEC, name="other"),
            ("spec.name", "small", "other", "", "", ""),
        ),
    ],
)
def test_a_change_is_named_with_whom_it_concerns(
    after: FeatureSpec, expected: tuple[str, ...]
) -> None:
    assert _one(after) == expected


def test_fields_and_tables_that_come_and_go() -> None:
    def without(section: str, name: str) -> FeatureSpec:
        kept = tuple(field for field in SPEC.section(section) if field.name != name)
        return dataclasses.replace(SPEC, **{section: kept})

    changed = "change the requests", "prepare again", "train again"
    assert _one(without("session", "hour")) == ("session.hour", "id", "", *changed)
    (change,) = spec_changes(without("session", "hour"), SPEC)
    assert change == SpecChange("session.hour", "", "id", *changed)
    assert _one(without("session", "trust")) == (
        "session.trust",
        "metadata",
        "",
        "",
        "prepare again",
        "",
    )
    assert _one(without("labels", "order"))[3] == "other scores are answered"
    tables = {name: table for name, table in SPEC.tables.items() if name != "hour"}
    assert _one(dataclasses.replace(SPEC, tables=tables))[:3] == (
        "tables.hour",
        "integer_ids",
        "",
    )


def test_metadata_that_becomes_an_input_changes_requests() -> None:
    (change,) = spec_changes(SPEC, _with_field("session", "trust", kind="dense"))
    assert change.place == "session.trust.kind"
    assert change.server == "change the requests"
