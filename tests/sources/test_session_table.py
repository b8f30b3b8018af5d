import pyarrow as pa
import pytest

from ranking.sources.session_table import arrow_schema, conform
from ranking.sources.source_error import SourceError
from tests.helpers.specs import shop_session, shop_spec

SPEC = shop_spec()
SCHEMA = arrow_schema(SPEC)


def _batch(*rows):
    return pa.RecordBatch.from_pylist(list(rows))


def _replace(batch, name, array):
    return batch.set_column(batch.schema.get_field_index(name), name, array)


def test_schema_has_a_column_per_session_field_and_two_lists_of_structs():
    assert SCHEMA.names == ["query", "session_id", "time", "user_id", "behaviors", "candidates"]
    assert SCHEMA.field("query").nullable and not SCHEMA.field("time").nullable
    candidate = SCHEMA.field("candidates").type.value_type
    assert [field.name for field in candidate] == ["item", "price", "tags", "click"]
    assert [str(field.type) for field in candidate] == [
        "string",
        "float",
        "list<item: int64 not null>",
        "int64",
    ]
    assert [field.nullable for field in candidate] == [False, True, False, False]


def test_rows_survive_and_extra_columns_are_dropped():
    rows = [shop_session(number) for number in range(5)]
    extra = [{**row, "extra": 1} for row in rows]
    extra[0]["candidates"][0]["more"] = 2.0
    conformed = conform(_batch(*extra), SCHEMA, "x")
    del extra[0]["candidates"][0]["more"]
    assert conformed.schema.equals(SCHEMA)
    assert conformed.to_pylist() == rows


def test_conforming_twice_changes_nothing():
    once = conform(_batch(*(shop_session(n) for n in range(4))), SCHEMA, "x")
    assert conform(once, SCHEMA, "x").equals(once)


def test_a_slice_of_a_table_conforms_to_its_own_rows():
    rows = [shop_session(number) for number in range(7)]
    assert conform(_batch(*rows).slice(2, 3), SCHEMA, "x").to_pylist() == rows[2:5]


def test_other_writers_types_are_cast():
    batch = _batch(shop_session(1), shop_session(2))
    struct = pa.struct(
        [
            ("item", pa.dictionary(pa.int32(), pa.string())),
            ("price", pa.float64()),
            ("tags", pa.large_list(pa.int16())),
            ("click", pa.bool_()),
        ]
    )
    candidates = pa.array(
        [[{"item": "a", "price": 0.5, "tags": [3], "click": True}], []], pa.large_list(struct)
    )
    batch = _replace(batch, "candidates", candidates)
    batch = _replace(batch, "user_id", pa.array([17, 19]))
    batch = _replace(batch, "session_id", pa.array(["a", "b"]).dictionary_encode())
    conformed = conform(batch, SCHEMA, "x")
    assert conformed.schema.equals(SCHEMA)
    assert conformed["user_id"].to_pylist() == ["17", "19"]
    assert conformed["session_id"].to_pylist() == ["a", "b"]
    assert conformed["candidates"].to_pylist() == [
        [{"item": "a", "price": 0.5, "tags": [3], "click": 1}],
        [],
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_timestamps_become_seconds(unit):
    times = pa.array([86400], pa.timestamp("s", "UTC")).cast(pa.timestamp(unit, "UTC"))
    conformed = conform(_replace(_batch(shop_session(1)), "time", times), SCHEMA, "x")
    assert conformed["time"].to_pylist() == [86400]


def test_missing_optional_column_is_null():
    batch = _batch(shop_session(1)).drop_columns(["query"])
    assert conform(batch, SCHEMA, "x")["query"].to_pylist() == [None]


def test_null_behaviors_are_an_empty_history():
    batch = _batch({**shop_session(2), "behaviors": None}, shop_session(4))
    assert conform(batch, SCHEMA, "x")["behaviors"].to_pylist() == [
        [],
        shop_session(4)["behaviors"],
    ]


def test_missing_number_with_a_default_stays_null():
    row = shop_session(1)
    row["candidates"][1]["price"] = None
    prices = [
        entry["price"] for entry in conform(_batch(row), SCHEMA, "x").to_pylist()[0]["candidates"]
    ]
    assert prices == [0.0, None]


def test_missing_column_names_file_path_type_and_near_names():
    row = shop_session(1)
    for candidate in row["candidates"]:
        candidate["clik"] = candidate.pop("click")
    with pytest.raises(SourceError) as error:
        conform(_batch(row), SCHEMA, "train.parquet")
    message = str(error.value)
    assert "`candidates.click` is missing in train.parquet" in message
    assert "int64" in message and "Did you mean `clik`?" in message


def test_a_default_stands_for_missing_values_alone():
    row = shop_session(1)
    for candidate in row["candidates"]:
        candidate["prices"] = candidate.pop("price")
    with pytest.raises(SourceError) as error:
        conform(_batch(row), SCHEMA, "train.parquet")
    assert str(error.value) == (
        "Column `candidates.price` is missing in train.parquet; the feature spec asks for float. "
        "Did you mean `prices`? Add or rename the column, or change the field in the spec "
        "(`optional: true`, or leave it out)."
    )


def test_an_optional_column_that_must_have_values_cannot_be_absent():
    schema = pa.schema([SCHEMA.field("query").with_nullable(False)])
    with pytest.raises(SourceError, match="`query` is missing in x"):
        conform(_batch(shop_session(1)).drop_columns(["query"]), schema, "x")


def test_what_can_never_be_optional_is_not_said_to_be():
    row = shop_session(1)
    del row["candidates"][0]["click"]
    with pytest.raises(SourceError, match=r"`candidates.click`.*null in row 0\. Fill it\.$"):
        conform(_batch(row), SCHEMA, "x")
    del row["candidates"][1]["click"]
    with pytest.raises(SourceError, match=r"`candidates.click` is missing.*rename the column\.$"):
        conform(_batch(row), SCHEMA, "x")
    row = shop_session(1)
    row["candidates"][1]["tags"] = [None]
    with pytest.raises(SourceError, match=r"`candidates.tags`.*Fill it\.$"):
        conform(_batch(row), SCHEMA, "x")
    row = {**shop_session(1), "time": None}
    with pytest.raises(SourceError, match=r"`time`.*`optional: true` in the feature spec\.$"):
        conform(_batch(row), SCHEMA, "x")


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("time", pa.array(["noon"]), "`time` in a.parquet must be int64. Received: string"),
        ("time", pa.array([1.5]), "`time` in a.parquet must be int64"),
        ("session_id", pa.array([1.5]), "`session_id` in a.parquet must be string"),
        ("behaviors", pa.array(["b1"]), "`behaviors` in a.parquet must be a list of structs"),
        ("behaviors", pa.array([["b1"]]), "`behaviors` in a.parquet must be a struct"),
    ],
)
def test_wrong_type_names_column_and_both_types(name, array, words):
    with pytest.raises(SourceError) as error:
        conform(_replace(_batch(shop_session(1)), name, array), SCHEMA, "a.parquet")
    assert words in str(error.value)


def test_forbidden_null_names_its_row_at_any_depth():
    rows = [shop_session(number) for number in range(5)]
    rows[3]["candidates"][1]["tags"] = [4, None]
    with pytest.raises(SourceError, match=r"`candidates.tags`.*null in row 103"):
        conform(_batch(*rows), SCHEMA, "x", first_row=100)
    rows[3]["candidates"][1] = {**rows[3]["candidates"][1], "tags": [4], "item": None}
    with pytest.raises(SourceError, match=r"`candidates.item`.*null in row 3"):
        conform(_batch(*rows), SCHEMA, "x")
    rows[3] = {**shop_session(3), "time": None}
    with pytest.raises(SourceError, match=r"`time`.*null in row 3"):
        conform(_batch(*rows), SCHEMA, "x")


def _mislabeled(values, kind):
    """Bytes that say they are text, as some writers write them."""
    data = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(data), data.buffers()).cast(kind)


_TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]


@pytest.mark.parametrize("kind", _TEXTS, ids=str)
def test_text_that_is_not_utf8_names_its_row_and_bytes(kind):
    queries = _mislabeled([None, "日本".encode(), b"caf\xe9"], kind)
    batch = _replace(_batch(*(shop_session(number) for number in range(3))), "query", queries)
    with pytest.raises(SourceError) as error:
        conform(batch, SCHEMA, "a.parquet", first_row=100)
    assert str(error.value) == (
        "Column `query` in a.parquet must be text in UTF-8. Received: b'caf\\xe9' in row 102. "
        "Write the column again in UTF-8."
    )
    assert conform(batch.slice(0, 2), SCHEMA, "a.parquet")["query"].to_pylist() == [None, "日本"]


def test_text_that_is_not_utf8_is_found_at_any_depth():
    batch = _batch(shop_session(1), shop_session(4))
    lists = batch["candidates"]
    items = _mislabeled([b"\xff" for _ in lists.values], pa.string())
    members = [
        items if f.name == "item" else lists.values.field(f.name) for f in lists.type.value_type
    ]
    structs = pa.StructArray.from_arrays(members, fields=list(lists.type.value_type))
    broken = pa.ListArray.from_arrays(lists.offsets, structs)
    with pytest.raises(SourceError, match=r"`candidates\.item`.*UTF-8.*in row 0"):
        conform(_replace(batch, "candidates", broken), SCHEMA, "x")


def test_bytes_in_utf8_become_text():
    batch = _replace(_batch(shop_session(1)), "query", pa.array(["é".encode()], pa.binary()))
    assert conform(batch, SCHEMA, "x")["query"].to_pylist() == ["é"]
