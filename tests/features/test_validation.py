import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from ranking.features.spec import FeatureSpec, Roles
from ranking.features.validation import RecordError, validate_sessions
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

SPEC = small_spec()
ROWS = small_sessions(SPEC, 5, 0).to_pylist()
BAD = 3  # The session that the tests break.

Change = Callable[[dict[str, Any]], Any]


def _set(section: str, element: int, **values: Any) -> Change:
    def change(row: dict[str, Any]) -> None:
        row[section][element].update(values)

    return change


def _batch(change: Change, spec: FeatureSpec = SPEC) -> pa.RecordBatch:
    rows = copy.deepcopy(ROWS)
    behavior = {"item": "a", "topics": ["b"], "shop": None, "action": "click", "days_ago": 1.0}
    rows[BAD]["behaviors"] = [dict(behavior) for _ in range(3)]
    rows[BAD]["candidates"] = [dict(rows[0]["candidates"][0]) for _ in range(3)]
    change(rows[BAD])
    return pa.RecordBatch.from_pylist(rows, schema=_nullable(sessions_schema(spec)))


def _nullable(schema: pa.Schema) -> pa.Schema:
    """The schema with nulls allowed everywhere, as a careless source may hand over."""
    return pa.schema([pa.field(field.name, _open(field.type)) for field in schema])


def _open(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_open(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(member.name, _open(member.type)) for member in kind])
    return kind


CASES = [
    (_set("candidates", 2, click=2), "`labels_click` of candidate 2 must be 0 or 1", "2"),
    (_set("candidates", 0, order=None), "`labels_order` of candidate 0 must have a value", "null"),
    (lambda row: row.update(hour=24), "`hour` must be from 0 to 23 (table `hour`)", "24"),
    (lambda row: row.update(hour=-2), "`hour` must be from 0 to 23", "-2"),
    (
        _set("candidates", 1, popularity=math.nan),
        "`candidates_popularity` of candidate 1 must be a finite number",
        "nan",
    ),
    (
        _set("behaviors", 1, days_ago=math.inf),
        "`behaviors_days_ago` of behavior 1 must be a finite number",
        "inf",
    ),
    (
        _set("candidates", 1, price=-math.inf),
        "`candidates_price` of candidate 1 must be a finite number or NaN",
        "-inf",
    ),
    (
        _set("candidates", 1, price_level=math.nan),
        "`candidates_price_level` of candidate 1 must be a number",
        "nan",
    ),
    (lambda row: row.update(grade=None), "`grade` must have a value", "null"),
    (_set("behaviors", 2, item=None), "`behaviors_item` of behavior 2 must have a value", "null"),
    (
        _set("candidates", 1, topics=None),
        "`candidates_topics` of candidate 1 must have a value",
        "null",
    ),
    (
        _set("candidates", 1, topics=["a", None]),
        "`candidates_topics` of candidate 1 must hold no null",
        "null",
    ),
    (
        _set("candidates", 1, topics=["a", "b\nc"]),
        "`candidates_topics` of candidate 1 must hold no line break",
        r"'b\nc'",
    ),
    (
        _set("behaviors", 0, item="x\r"),
        "`behaviors_item` of behavior 0 must hold no line",
        r"'x\r'",
    ),
    (lambda row: row.update(candidates=[]), "`candidates` must hold at least one", "none"),
    (lambda row: row.update(candidates=None), "`candidates` must be a list", "null"),
    (lambda row: row.update(behaviors=None), "`behaviors` must be a list", "null"),
    (lambda row: row["behaviors"].insert(0, None), "`behaviors` must hold no null", "null"),
]


@pytest.mark.parametrize(("change", "rule", "received"), CASES, ids=[case[1] for case in CASES])
def test_a_broken_rule_is_reported_with_place_rule_and_value(
    change: Change, rule: str, received: str
) -> None:
    batch = _batch(change)
    with pytest.raises(RecordError) as failure:
        validate_sessions(SPEC, batch, where="logs/train", first_session=100)
    message = str(failure.value)
    assert message.startswith("logs/train, session 103 (session_id 'session-3'): ")
    assert rule in message
    assert f"Received: {received}. " in message
    with pytest.raises(RecordError, match="session 103 "):
        validate_sessions(SPEC, batch.slice(2), where="logs/train", first_session=102)


def test_a_label_is_not_said_to_be_optional() -> None:
    with pytest.raises(RecordError, match=r"`labels_order` .*Fill it in the source\.$"):
        validate_sessions(SPEC, _batch(_set("candidates", 0, order=None)), where="x")
    with pytest.raises(RecordError, match=r"`grade` .*add `optional: true` to the field"):
        validate_sessions(SPEC, _batch(lambda row: row.update(grade=None)), where="x")


def test_what_the_spec_allows_is_no_error() -> None:
    batch = small_sessions(SPEC, 23, 1)
    validate_sessions(SPEC, batch, where="logs/train")
    validate_sessions(SPEC, batch.slice(0, 0), where="logs/train")
    for change in (
        _set("candidates", 0, price=math.nan),
        _set("candidates", 0, price=None),
        _set("candidates", 0, click_probability=math.nan),
        _set("behaviors", 0, topics=[]),
        lambda row: row.update(spend=math.nan, hour=None, query="a\nb", behaviors=[]),
    ):
        validate_sessions(SPEC, _batch(change), where="logs/train")


@pytest.mark.parametrize("window", ["day", "request"])
@pytest.mark.parametrize("time", [1_700_000_000_000, -1_700_000_000_000])
def test_milliseconds_are_no_time_that_global_labels_go_by(window: str, time: int) -> None:
    spec = dataclasses.replace(SPEC, global_window=window)
    batch = _batch(lambda row: row.update(time=time))
    with pytest.raises(RecordError) as error:
        validate_sessions(spec, batch, where="x")
    message = str(error.value)
    assert f"`time` must be seconds since 1970. Received: {time}. Divide by 1000" in message
    assert "x, session 3 " in message
    for unconcerned in (None, "train"):
        validate_sessions(dataclasses.replace(SPEC, global_window=unconcerned), batch, where="x")


def test_without_the_role_the_session_is_named_by_its_number() -> None:
    spec = dataclasses.replace(SPEC, roles=Roles(item=("item",)))
    with pytest.raises(RecordError, match="^logs/test, session 3: `grade`"):
        validate_sessions(spec, _batch(lambda row: row.update(grade=None)), where="logs/test")


def test_a_missing_column_is_named() -> None:
    batch = small_sessions(SPEC, 2, 0)
    with pytest.raises(ValueError, match="must have a column `grade`"):
        validate_sessions(SPEC, batch.drop_columns(["grade"]), where="logs/train")
    rows = [row | {"behaviors": [{"item": "a"}]} for row in batch.to_pylist()]
    with pytest.raises(ValueError, match="must have a column `behaviors.action`"):
        validate_sessions(SPEC, pa.RecordBatch.from_pylist(rows), where="logs/train")
