import dataclasses

import pyarrow as pa

from ranking.features.session_columns import session_columns
from ranking.features.session_keys import NO_ID, session_keys
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

SPEC = small_spec()


def _keys(*ids: str) -> list[int]:
    rows = small_sessions(SPEC, len(ids), 0).to_pylist()
    rows = [row | {"session_id": name} for row, name in zip(rows, ids, strict=True)]
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(SPEC))
    return session_keys(SPEC, session_columns(SPEC, batch)).tolist()


def test_keys_are_equal_where_ids_are() -> None:
    one, other, again, missing = _keys("a", "söt", "a", "")
    assert one == again != other
    assert missing == NO_ID not in (one, other)


def test_without_the_role_no_session_has_an_id() -> None:
    spec = dataclasses.replace(SPEC, roles=dataclasses.replace(SPEC.roles, session_id=None))
    sections = session_columns(spec, small_sessions(spec, 3, 0))
    assert session_keys(spec, sections).tolist() == [NO_ID] * 3
