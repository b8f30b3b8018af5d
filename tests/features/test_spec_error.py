"""Every rule of the format: breaking it is one error with file, line, field, rule and remedy."""

import json
import pickle
import re

import pytest

from ranking.features.spec_reader import SpecError, parse_spec
from tests.helpers.whole_spec import WHOLE, edited


def refusal(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "some.yaml")
    return caught.value


# Text to replace in WHOLE, its replacement, the line of the error and words of its message.
BAD = [
    # Keys.
    ("{table: level}", "{tabel: level}", 28, ["level.tabel", "Did you mean `table` or"]),
    ("transform: [log", "transfrom: [log", 29, ["unknown key `transfrom`", "`transform`?"]),
    ("labels:\n", "lables:\n", 32, ["`lables`", "no key of a spec", "`tables` or `labels`?"]),
    ("hash_buckets: 11", "hash_bucket: 11", 7, ["`hash_bucket`", "mean `hash_buckets`"]),
    ("  category: brand", "  categry: brand", 38, ["`roles.categry`", "`category` or"]),
    ("{max_length: 19}", "{max_lenght: 19}", 19, ["sequence.max_lenght", "`max_length`?"]),
    ("{max_length: 19}", "{max_length: 19, keep: newest}", 19, ["sequence.keep", "no key of"]),
    ("  order: {label", "  click: {label", 34, ["`labels.click`", "twice", "line 33"]),
    ("{label: binary}\n  o", "{label: binary, label: binary}\n  o", 33, ["click.label", "twice"]),
    ("  order: {label", "  no: {label", 34, ["`labels`", "no,", "boolean", 'quotes ("no")']),
    ("  order: {label", "  7: {label", 34, ["`labels`", "keys that are text", "7"]),
    ("  order: {label", "  ? [a]\n  : {label", 34, ["`labels`", "a list or a mapping as a key"]),
    # Missing keys.
    ("name: whole\n", "", 1, ["The spec", "must have `name`", "Add `name:"]),
    ("  sequence: {max_length: 19}\n", "", 18, ["`behaviors`", "must have `sequence`"]),
    ("{max_length: 19}", "{}", 19, ["behaviors.sequence", "must have `max_length`"]),
    ("{width: 2, integer_ids: 13}", "{integer_ids: 13}", 8, ["tables.day", "must have `width`"]),
    ("  item: [item, brand, tags]\n", "", 35, ["`roles`", "must have `item`"]),
    ("whitespace, max_length: 3", "whitespace", 16, ["session.query", "must have `max_length`"]),
    ("  order: {label: binary}\n", "  order: {}\n", 34, ["labels.order", "exactly one of"]),
    # Types.
    ("name: whole", "name: 7", 1, ["`name`", "must be text", "Received: 7"]),
    ("name: whole", "name: ", 1, ["`name`", "must be text", "nothing"]),
    ("name: whole", "name: Whole", 1, ["lowercase", "'Whole'", "to `whole`"]),
    ("width: 7", 'width: "7"', 3, ["tables.item.width", "whole number", "quotes: 7"]),
    ("width: 7", "width: 7.0", 3, ["tables.item.width", "whole number", "7.0"]),
    ("width: 7", "width: 0", 3, ["tables.item.width", "from 1", "Received: 0"]),
    ("width: 7", "width: -7", 3, ["tables.item.width", "from 1", "Received: -7"]),
    ("width: 7", "width: true", 3, ["tables.item.width", "Received: true"]),
    ("width: 7", "width: 010", 3, ["tables.item.width", "010", "another base"]),
    ("width: 7", "width: 0x10", 3, ["tables.item.width", "another base"]),
    ("width: 7", "width: 1_000", 3, ["tables.item.width", "1_000"]),
    ("width: 7", "width: [7]", 3, ["tables.item.width", "Received: a list"]),
    ("width: 7", "width: 99999999999999999999", 3, ["tables.item.width", "from 1 to 2147483645"]),
    ("width: 7", "width: " + "9" * 5000, 3, ["tables.item.width", "whole number"]),
    ("integer_ids: 13", "integer_ids: -13", 8, ["tables.day.integer_ids", "from 1"]),
    ("hash_buckets: 11", "hash_buckets: 0", 7, ["tables.term.hash_buckets", "from 1"]),
    ("min_count: 2", "min_count: 0", 3, ["tables.item.min_count", "from 1"]),
    ("max_length: 19", "max_length: 0", 19, ["sequence.max_length", "from 1"]),
    ("default: 1e+1", 'default: "1e-3"', 17, ["session.age.default", "must be a number"]),
    ("default: 1e+1", "default: .nan", 17, ["session.age.default", "special number"]),
    ("default: 1e+1", "default: 1e39", 17, ["session.age.default", "float32"]),
    ("default: 1e+1", "default: 0.5", 17,
     ["session.age.default", "whole number within int64", "Received: 0.5.", "`dense: float32`"]),
    ("default: 1e+1", "default: 1e19", 17, ["session.age.default", "within int64"]),
    ("default: 1e+1", "default: 1:30", 17, ["session.age.default", "1:30"]),
    ("default: 1e+1, optional: true", "optional: true", 17, ["must have a `default`"]),
    ("{table: day, optional: true}", "{table: day, optional: yes}", 15, ["true or false"]),
    ("{table: day, optional: true}", '{table: day, optional: "true"}', 15, ["without quotes"]),
    ("  session_id: {metadata: string}", "  session_id: metadata", 11, ["must be a mapping"]),
    ("  item: [item, brand, tags]", "  item: item", 36, ["roles.item", "list", "Write [item]"]),
    ("labels:\n  click: {label: binary}\n  order: {label: binary}", "labels: {}", 32,
     ["at least one label"]),
    ("[day, kind]", "[]", 45, ["roles.segments", "must not be an empty list"]),
    # Global labels.
    ("  order: {label", "  global: {window: week}\n  order: {label", 34,
     ["labels.global.window", "`day`, `train`, `request`", "Received: week"]),
    ("  order: {label", "  global: {window: dya}\n  order: {label", 34, ["mean `day`"]),
    ("  order: {label", "  global: {}\n  order: {label", 34, ["labels.global", "`window`"]),
    ("  order: {label", "  global: day\n  order: {label", 34, ["labels.global", "a mapping"]),
    ("  order: {label", "  global: {days: 1}\n  order: {label", 34, ["labels.global.days"]),
    ("  order: {label", "  global: {label: binary}\n  order: {label", 34,
     ["labels.global.label", "rename a label of that name"]),
    ("labels:\n  click: {label: binary}\n  order: {label: binary}",
     "labels:\n  global: {window: day}", 32, ["at least one label"]),
    ("click: {label: binary}\n  order", "global: {window: day}\n  click_global: {label: binary}\n"
     "  click: {label: binary}\n  order", 33, ["name `click_global`", "`labels.click_global`"]),
    # Tables.
    ("hash_buckets: 11, ", "", 7, ["tables.term", "exactly one of", "none of them"]),
    ("hash_buckets: 11", "hash_buckets: 11, values: [a]", 7, ["one of", "`hash_buckets`, `va"]),
    ("{width: 2, integer_ids: 13}", "{width: 2, integer_ids: 13, min_count: 2}", 8,
     ["tables.day.min_count", "`integer_ids` table", "Remove it"]),
    ("brands.txt", "lerned", 4, ["tables.brand.vocabulary", "`learned` or a file", "lerned"]),
    ("brands.txt", "brands.txt, min_count: 2", 4, ["tables.brand.min_count", "vocabulary file"]),
    ("dtype: int64", "dtype: int32", 4, ["tables.brand.dtype", "`string`, `int64`", "`int64`?"]),
    ("integer_ids: 13", "integer_ids: 13, dtype: string", 8, ["tables.day.dtype", "`int64`"]),
    ("[1999, -3]", "[1999, -3], dtype: string", 6, ["tables.year.dtype", "must be `int64`"]),
    ("min_count: 2", "size: -1", 3, ["tables.item.size", "from 0"]),
    ("min_count: 2", "sha256: abc", 3, ["tables.item.sha256", "64 hexadecimal"]),
    ("[1999, -3]", "[]", 6, ["tables.year.values", "empty list"]),
    ("[1999, -3]", "[1999, 1999]", 6, ["tables.year.values[1]", "repeat the value 1999"]),
    ("[1999, -3]", '[1999, "3"]', 6, ["tables.year.values[1]", "same type as the first"]),
    ("[1999, -3]", "[1999, 2.5]", 6, ["tables.year.values[1]", "2.5", "bucketize"]),
    ("[1999, -3]", "[1999, 9999999999999999999]", 6, ["tables.year.values[1]", "whole number"]),
    ("[a, b, \"18-24\"]", "[a, a]", 5, ["tables.kind.values[1]", "repeat the value a"]),
    ("[a, b, \"18-24\"]", "[a, yes]", 5, ["tables.kind.values[1]", "boolean", '"yes"']),
    ("[a, b, \"18-24\"]", "[a, 2024-01-01]", 5, ["tables.kind.values[1]", "a date"]),
    ("[a, b, \"18-24\"]", "[a, 3]", 5, ["tables.kind.values[1]", "same type"]),
    ("[a, b, \"18-24\"]", "[a, true]", 5, ["tables.kind.values[1]", "true"]),
    ("[a, b, \"18-24\"]", '[a, ""]', 5, ["tables.kind.values[1]", "must be text"]),
    ("[a, b, \"18-24\"]", '[a, "b\\nc"]', 5, ["tables.kind.values[1]", "line break"]),
    ("[a, b, \"18-24\"]", '[a, "\\ud800"]', 5, ["tables.kind.values[1]", "surrogate"]),
    ("[-1, 0.5, 1e+3]", "[-1, 0.5, 0.5]", 9, ["bucketize[2]", "greater", "0.5 after 0.5"]),
    ("[-1, 0.5, 1e+3]", "[-1, 0.5, 0.50000000001]", 9, ["bucketize[2]", "as float32"]),
    ("[-1, 0.5, 1e+3]", "[5, 1]", 9, ["bucketize[1]", "greater"]),
    ("[-1, 0.5, 1e+3]", "[5, .inf]", 9, ["bucketize[1]", "must be a number"]),
    ("  level: {width", "  Level: {width", 9, ["tables.Level", "lowercase", "`level`"]),
    ("  level: {table: level}\n", "", 9, ["tables.level", "no field names this table"]),
    ("{table: level}", "{table: lvel}", 28, ["candidates.level.table", "lvel", "`level`?"]),
    # Fields.
    ("{table: level}", "{table: level, dense: float32}", 28, ["one of", "`table`, `dense`"]),
    ("{table: level}", "{}", 28, ["candidates.level", "none of them"]),
    ("{table: level}", "{table: level, pool: mean}", 28, ["level.pool", "add `max_length`"]),
    ("{table: level}", "{table: level, transform: log1p}", 28, ["level.transform", "Only `dense`"]),
    ("{table: level}", "{table: level, default: 0.0}", 28, ["level.default", "Only `dense`"]),
    ("{metadata: float32}", "{metadata: float32, transform: log1p}", 31, ["Only `dense`"]),
    ("{metadata: float32}", "{metadata: float64}", 31, ["truth.metadata", "`float32`?"]),
    ("{metadata: float32}", "{metadata: float32, max_length: 3}", 31, ["Only `table`"]),
    ("{dense: int64", "{dense: string", 17, ["session.age.dense", "`float32`, `int64`"]),
    ("pool: max", "pool: avg", 16, ["session.query.pool", "`mean`, `sum`, `max`", "avg"]),
    ("whitespace", "blanks", 16, ["session.query.tokens", "`whitespace`"]),
    ("{table: term, tok", "{table: day, tok", 16, ["session.query.table", "a table of text"]),
    ("{table: level}", "{label: binary}", 28, ["candidates.level", "section `labels`"]),
    ("  order: {label: binary}", "  order: {dense: float32}", 34, ["labels.order", "`dense`"]),
    ("  order: {label: binary}", "  order: {label: count}", 34, ["order.label", "`binary`"]),
    ("  order: {label: binary}", "  order: {label: binary, optional: true}", 34, ["always there"]),
    ("  level: {table", "  Level-x: {table", 28, ["candidates.Level-x", "lowercase", "`level_x`"]),
    ("  level: {table", "  2level: {table", 28, ["candidates.2level", "`level`"]),
    ("  level: {table", "  lével: {table", 28, ["candidates.lével", "lowercase"]),
    # Keys of fields that would meet.
    ("  age: {dense", "  behaviors_item: {dense", 17, ["key `behaviors_item`", "`behaviors.item`"]),
    ("  age: {dense", "  query_length: {dense", 17, ["key `query_length`", "`session.query`"]),
    ("  age: {dense", "  candidates_tags_length: {dense", 17, ["`candidates.tags`"]),
    ("  age: {dense", "  labels_click: {dense", 17, ["`labels.click`"]),
    ("  age: {dense", "  gate: {dense", 17, ["key `gate`", "the gate in a request"]),
    ("  age: {dense", "  behaviors_length: {dense", 17, ["number of behaviors"]),
    ("  age: {dense", "  candidates_length: {dense", 17, ["number of candidates"]),
    ("  age: {dense", "  candidates: {dense", 17, ["column of the session table"]),
    ("  level: {table", "  length: {table", 28, ["key `candidates_length`"]),
    ("  level: {table", "  tags_length: {table", 28, ["key `candidates_tags_length`"]),
    ("  level: {table", "  click: {table", 33, ["labels.click", "share its name"]),
    # Transforms.
    ("[log1p, {clip: [0, 5]}", "[log2, {clip: [0, 5]}", 29, ["transform[0]", "`log1p`", "log2"]),
    ("{clip: [0, 5]}", "{clap: [0, 5]}", 29, ["transform[1].clap", "`clip`?"]),
    ("{clip: [0, 5]}", "{clip: [5, 0]}", 29, ["transform[1].clip", "low below high"]),
    ("{clip: [0, 5]}", "{clip: [5, 5]}", 29, ["transform[1].clip", "low below high"]),
    ("{clip: [0, 5]}", "{clip: [0]}", 29, ["transform[1].clip", "[low, high]"]),
    ("{clip: [0, 5]}", "{clip: 5}", 29, ["transform[1].clip", "[low, high]"]),
    ("{clip: [0, 5]}", "{clip: [0, x]}", 29, ["transform[1].clip[1]", "must be a number"]),
    ("{clip: [0, 5]}", "clip", 29, ["transform[1]", "arguments for `clip`"]),
    ("{clip: [0, 5]}", "{log1p: [0]}", 29, ["transform[1].log1p", "`log1p` alone"]),
    ("{clip: [0, 5]}", "{clip: [0, 5], log1p: 0}", 29, ["transform[1]", "exactly one of"]),
    ("{clip: [0, 5]}", "{standardize: learned}", 29, ["transform[2]", "a second time"]),
    ("{clip: [0, 5]}", "standardize", 29, ["arguments for `standardize`"]),
    ("[1, 2.5]", "[1, 0]", 30, ["transform.standardize", "deviation above 0"]),
    ("[1, 2.5]", "lerned", 30, ["transform.standardize", "[mean, deviation]"]),
    ("transform: {standardize: [1, 2.5]}", "transform: []", 30, ["score.transform", "empty list"]),
    # Roles.
    ("[item, brand, tags]", "[item, brnd]", 36, ["roles.item[1]", "`candidates`", "`brand`?"]),
    ("[item, brand, tags]", "[item, price]", 36, ["roles.item[1]", "field of `behaviors`"]),
    ("[item, brand, tags]", "[item, item]", 36, ["roles.item[1]", "repeat `item`"]),
    ("[item, brand, tags]", "[tags, item]", 36, ["roles.item[0]", "id first"]),
    ("brand: {table: brand}\n  tags: {table: term, max_length: 5, pool: sum}\n  level",
     "brand: {table: item}\n  tags: {table: term, max_length: 5, pool: sum}\n  level",
     36, ["roles.item[1]", "same kind, table and pool", "`brand`", "`item`"]),
    ("tags: {table: term, max_length: 5, pool: sum}\n  level", "tags: {table: term}\n  level",
     36, ["roles.item[2]", "`ids` of table `term` with pool `sum` and `id` of table `term`"]),
    ("tags: {table: term, max_length: 5, pool: sum}\n  level",
     "tags: {table: term, max_length: 5}\n  level", 36, ["roles.item[2]", "pool `mean`"]),
    ("category: brand", "category: tags", 38, ["roles.category", "single id", "`ids`"]),
    ("category: brand", "category: level", 38, ["roles.category", "one of `roles.item`"]),
    (
        "  category: brand",
        "  parent_category: brand",
        38,
        ["roles.parent_category", "must come with `roles.category`"],
    ),
    (
        "category: brand",
        "category: brand\n  parent_category: brand",
        39,
        ["roles.parent_category", "another field", "Received: brand for both"],
    ),
    (
        "category: brand",
        "category: brand\n  parent_category: tags",
        39,
        ["roles.parent_category", "single id", "`ids`"],
    ),
    (
        "category: brand",
        "category: brand\n  parent_category: level",
        39,
        ["roles.parent_category", "one of `roles.item`"],
    ),
    ("query: [query]", "query: [user_id]", 37, ["roles.query[0]", "models read", "`metadata`"]),
    ("query: [query]", "query: [querry]", 37, ["roles.query[0]", "`session`", "`query`?"]),
    ("query: [query]", "query: query", 37, ["roles.query", "must be a list"]),
    ("scenario: kind", "scenario: user_id", 39, ["roles.scenario", "single id"]),
    ("scenario: kind", "scenario: level", 39, ["roles.scenario", "field of `session`"]),
    ("  session_id: session_id", "  session_id: age", 40, ["roles.session_id", "metadata or"]),
    ("  user_id: user_id", "  user_id: query", 41, ["roles.user_id", "metadata or a single id"]),
    ("  time: time", "  time: user_id", 42, ["roles.time", "of type int64", "string"]),
    ("  time: {metadata: int64}", "  time: {metadata: float32}", 42,
     ["roles.time", "of type int64. Received: time, of kind `metadata` and type float32"]),
    ("popularity: score", "popularity: level", 43, ["roles.popularity", "dense field or metadata"]),
    ("popularity: score", "popularity: sco", 43, ["roles.popularity", "`score`?"]),
    ("{click: truth}", "{clik: truth}", 44, ["roles.oracle.clik", "a label", "`click`?"]),
    ("{click: truth}", "{click: score}", 44, ["roles.oracle.click", "metadata of type float32"]),
    ("{click: truth}", "{click: trut}", 44, ["roles.oracle.click", "`truth`?"]),
    ("{click: truth}", "[truth]", 44, ["roles.oracle", "must be a mapping"]),
    ("[day, kind]", "[day, kid]", 45, ["roles.segments[1]", "`session`", "`kind`?"]),
    ("[day, kind]", "[day, day]", 45, ["roles.segments[1]", "repeat `day`"]),
    ("[day, kind]", "[day, age]", 45,
     ["roles.segments[1]", "a single id, or metadata of type string or int64. Received: age, of"]),
    ("[day, kind]", "[query]", 45, ["roles.segments[0]", "a single id, or", "kind `text`"]),
    ("[day, kind]", "[day]\n  scenario_features: [agee]", 46,
     ["roles.scenario_features[0]", "Received: agee", "`age`?"]),
    ("[day, kind]", "[day]\n  scenario_features: [age, price]", 46,
     ["roles.scenario_features[1]", "key of a `session` or `candid", "mean `candidates_price`"]),
    ("[day, kind]", "[day]\n  scenario_features: [behaviors_year]", 46, ["`candidates` field"]),
    ("[day, kind]", "[day]\n  scenario_features: [user_id]", 46, ["that models read"]),
    ("[day, kind]", "[day]\n  scenario_features: [age, age]", 46, ["repeat `age`"]),
    ("[day, kind]", "[day]\n  scenario_features: age", 46, ["Write [age]"]),
    ("[day, kind]", "[day]\n  scenario_features: [candidates_brand]", 46,
     ["than those of `roles.item`", "the same in every scenario"]),
    ("[day, kind]", "[day]\n  scenario_features: [query]", 46, ["`roles.query`", "kept apart"]),
    ("[day, kind]", "[day]\n  scenario_features: [kind]", 46,
     ["`roles.scenario`", "always belongs to them"]),
    # YAML that is not read.
    ("{table: level}", "&a {table: level}", 28, ["candidates.level", "anchors and aliases"]),
    ("{table: level}", "*a", 28, ["candidates.level", "anchors and aliases"]),
    ("{table: level}", "{<<: {table: level}}", 28, ["candidates.level", "merge key"]),
    ("{table: level}", "!!map {table: level}", 28, ["candidates.level", "tags"]),
    ("{table: level}", "{table: !!str level}", 28, ["candidates.level.table", "tags"]),
    ("{table: level}", "{table: level", 29, ["The spec", "valid YAML"]),
    ("  level: {table: level}", "\tlevel: {table: level}", 28, ["valid YAML"]),
    ("name: whole", "name: \x07", 1, ["valid YAML", "forbids"]),
    ("name: whole", 'name: "\\q"', 1, ["valid YAML"]),
    ("{table: level}", "[" * 30 + "]" * 30, 28, ["nested too deeply"]),
    ("labels:\n", "---\nlabels:\n", 32, ["The spec", "one document"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "words"), BAD, ids=[f"{b[1][:40]!r}" for b in BAD])
def test_a_bad_spec_is_one_error_with_line_and_remedy(
    old: str, new: str, line: int, words: list[str]
) -> None:
    error = refusal(edited(old, new))
    message = str(error)
    for word in words:
        assert word in message
    assert message.startswith(f"some.yaml:{line}: ")
    assert (error.file, error.line) == ("some.yaml", line)
    assert error.rule.endswith(".")
    assert re.search(r"[.?)]$", error.remedy), error.remedy


_GLOBAL = edited("  order: {label", "  global: {window: day}\n  order: {label")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  user_id: user_id\n", "", ["come with `roles.user_id`", "Add `user_id` to `roles`"]),
        ("  time: time\n", "", ["come with `roles.time`", "here `day`", "remove `global`"]),
        ("  truth:", "  order_global: {dense: int64}\n  truth:", ["`candidates.order_global`"]),
        ("  age:", "  labels_click_global: {dense: int64}\n  age:", ["`session.labels_click_gl"]),
    ],
)
def test_global_labels_say_what_they_need(old: str, new: str, words: list[str]) -> None:
    error = refusal(edited(old, new, _GLOBAL))
    assert error.field == "labels.global"
    assert error.line == 34 + new.count("\n")
    for word in words:
        assert word in str(error)


def test_the_whole_split_needs_no_time() -> None:
    text = edited("  time: time\n", "", _GLOBAL).replace("window: day", "window: train")
    assert parse_spec(text, "some.yaml").global_window == "train"


def test_scenario_features_need_a_scenario() -> None:
    text = edited("[day, kind]", "[day]\n  scenario_features: [age]")
    error = refusal(edited("  scenario: kind\n", "", text))
    assert (error.line, error.field) == (45, "roles.scenario_features")
    assert "must come with `roles.scenario`" in str(error)


@pytest.mark.parametrize("name", ["history", "category"])
def test_segments_are_not_called_like_other_groups(name: str) -> None:
    text = edited("  day: {table: day,", f"  {name}: {{table: day,")
    as_segment = edited("[day, kind]", f"[kind, {name}]", text)
    as_scenario = edited(
        "scenario: kind", f"scenario: {name}", edited("[day, kind]", "[kind]", text)
    )
    for wrong, line, field in (
        (as_segment, 45, "roles.segments[1]"),
        (as_scenario, 39, "roles.scenario"),
    ):
        error = refusal(wrong)
        assert (error.line, error.field) == (line, field)
        assert f"that evaluation makes by itself. Received: {name}. Rename" in str(error)


def test_a_segment_may_be_called_category_without_that_role() -> None:
    text = edited("  day: {table: day,", "  category: {table: day,")
    text = edited("[day, kind]", "[category]", edited("  category: brand\n", "", text))
    assert parse_spec(text, "some.yaml").roles.segments == ("category",)


@pytest.mark.parametrize(
    "key", ["name", "tables", *"session behaviors candidates".split(), "roles"]
)
def test_every_top_level_key_is_required(key: str) -> None:
    document = parse_spec(WHOLE, "whole.yaml").to_document()
    del document[key]
    assert key in str(refusal(json.dumps(document)))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "[]", "just words", "7", "null"])
def test_a_file_without_a_mapping_is_refused(text: str) -> None:
    assert str(refusal(text)).startswith("some.yaml")


def test_empty_tables_are_refused() -> None:
    error = refusal(re.sub(r"tables:\n(  .*\n)+", "tables: {}\n", WHOLE))
    assert (error.field, error.line) == ("tables", 2)
    assert "at least one table" in str(error)


def test_an_error_survives_pickling() -> None:
    error = refusal(edited("width: 7", "width: 0"))
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.line == error.line
