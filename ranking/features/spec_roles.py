"""The `roles` section of a spec file to `Roles`, checked against the fields that it names."""

import dataclasses
from collections.abc import Mapping

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import BEHAVIORS, CANDIDATES, LABELS, SESSION, Field, Roles
from ranking.features.spec_node import SpecNode

_KEYS = tuple(attribute.name for attribute in dataclasses.fields(Roles))
_WHY_TAKEN = {
    "item": "what describes an item is the same in every scenario",
    "query": "a query is kept apart",
    "scenario": "the scenario itself always belongs to them",
}
_Fields = Mapping[str, Mapping[str, Field]]


def read_roles(node: SpecNode, fields: _Fields) -> Roles:
    """Maps the `roles` section to roles; `fields` are the fields of each section by name.

    Raises:
        SpecError: If a role names a field that is missing or cannot play the part.
    """
    node.check_keys(_KEYS, "`roles`")
    item = node.required("item", "[item]")
    keys = node.mapping()
    return Roles(
        item=_read_item(item, fields),
        query=_read_query(keys["query"], fields) if "query" in keys else (),
        category=_read_category(keys["category"], item, fields) if "category" in keys else None,
        parent_category=_read_parent(keys, item, fields) if "parent_category" in keys else None,
        scenario=_read_scenario(keys, fields) if "scenario" in keys else None,
        session_id=_read_name_of(keys["session_id"], fields) if "session_id" in keys else None,
        user_id=_read_name_of(keys["user_id"], fields) if "user_id" in keys else None,
        time=_read_time(keys["time"], fields) if "time" in keys else None,
        popularity=_read_popularity(keys["popularity"], fields) if "popularity" in keys else None,
        oracle=_read_oracle(keys["oracle"], fields) if "oracle" in keys else {},
        segments=_read_segments(keys, fields) if "segments" in keys else (),
        scenario_features=_read_scenario_features(keys, fields),
    )


def _find(node: SpecNode, fields: _Fields, section: str) -> Field:
    """The field of `section` that the node names."""
    name = node.text()
    if name in fields[section]:
        return fields[section][name]
    raise node.error(
        f"must name a field of `{section}`. Received: {name}.", did_you_mean(name, fields[section])
    )


def _require(fits: bool, node: SpecNode, rule: str, field: Field) -> None:
    if not fits:
        raise node.error(
            f"must name {rule}. Received: {field.name}, of kind `{field.kind}` and type "
            f"{field.dtype}.",
            "Name another field, or change this one in its section.",
        )


def _read_item(node: SpecNode, fields: _Fields) -> tuple[str, ...]:
    names = node.distinct_texts()
    for position, (name, entry) in enumerate(names.items()):
        shown = _find(entry, fields, CANDIDATES)
        done = _find(entry, fields, BEHAVIORS)
        _require(shown.is_input and done.is_input, entry, "fields that models read", shown)
        if (shown.kind, shown.table, shown.pool) != (done.kind, done.table, done.pool):
            raise entry.error(
                "must be the same in `behaviors` and `candidates`: same kind, table and pool. "
                f"Received: {_described(done)} and {_described(shown)}.",
                f"Make them agree, or take `{name}` out of `item`.",
            )
        _require(position > 0 or shown.kind == "id", entry, "the item's id first", shown)
    return tuple(names)


def _described(field: Field) -> str:
    table = f" of table `{field.table}`" if field.table else ""
    pool = f" with pool `{field.pool}`" if field.is_multivalued else ""
    return f"`{field.kind}`{table}{pool}"


def _read_query(node: SpecNode, fields: _Fields) -> tuple[str, ...]:
    names = node.distinct_texts()
    for entry in names.values():
        field = _find(entry, fields, SESSION)
        _require(field.is_input, entry, "fields that models read", field)
    return tuple(names)


def _read_category(node: SpecNode, item: SpecNode, fields: _Fields) -> str:
    name = node.text()
    members = item.distinct_texts()
    if name not in members:
        raise node.error(
            f"must be one of `roles.item`. Received: {name}.", did_you_mean(name, members)
        )
    field = fields[CANDIDATES][name]
    _require(field.kind == "id", node, "a field with a single id", field)
    return name


def _read_parent(keys: Mapping[str, SpecNode], item: SpecNode, fields: _Fields) -> str:
    node = keys["parent_category"]
    name = _read_category(node, item, fields)
    if "category" not in keys:
        raise node.error(
            f"must come with `roles.category`, which it is the parent of. Received: {name} alone.",
            "Name the category too.",
        )
    if name == keys["category"].text():
        raise node.error(
            f"must be another field than `roles.category`. Received: {name} for both.",
            "Name the field with the category above it.",
        )
    return name


def _read_scenario(keys: Mapping[str, SpecNode], fields: _Fields) -> str:
    node = keys["scenario"]
    field = _find(node, fields, SESSION)
    _require(field.kind == "id", node, "a field with a single id", field)
    _check_dimension(node, field, keys)
    return field.name


def _read_name_of(node: SpecNode, fields: _Fields) -> str:
    field = _find(node, fields, SESSION)
    _require(field.kind in ("id", "metadata"), node, "metadata or a single id", field)
    return field.name


def _read_time(node: SpecNode, fields: _Fields) -> str:
    field = _find(node, fields, SESSION)
    # Not float32: at the seconds of today its neighbors are 128 apart.
    fits = field.kind in ("id", "metadata") and field.dtype == "int64"
    _require(fits, node, "metadata or a single id of type int64", field)
    return field.name


def _read_popularity(node: SpecNode, fields: _Fields) -> str:
    field = _find(node, fields, CANDIDATES)
    fits = field.kind in ("dense", "metadata") and field.dtype != "string"
    _require(fits, node, "a dense field or metadata that is a number", field)
    return field.name


def _read_oracle(node: SpecNode, fields: _Fields) -> dict[str, str]:
    oracle = {}
    for label, entry in sorted(node.mapping().items()):
        if label not in fields[LABELS]:
            raise entry.key_error(
                f"must be for a label. Received: {label}.", did_you_mean(label, fields[LABELS])
            )
        field = _find(entry, fields, CANDIDATES)
        fits = field.kind == "metadata" and field.dtype == "float32"
        _require(fits, entry, "metadata of type float32", field)
        oracle[label] = field.name
    return oracle


def _read_segments(keys: Mapping[str, SpecNode], fields: _Fields) -> tuple[str, ...]:
    names = keys["segments"].distinct_texts()
    for entry in names.values():
        field = _find(entry, fields, SESSION)
        # Not float32: there would be as many groups as sessions.
        fits = field.kind == "id" or (field.kind == "metadata" and field.dtype != "float32")
        _require(fits, entry, "a single id, or metadata of type string or int64", field)
        _check_dimension(entry, field, keys)
    return tuple(names)


def _check_dimension(node: SpecNode, field: Field, keys: Mapping[str, SpecNode]) -> None:
    """Refuses a name that evaluation already gives to other groups of sessions."""
    taken = {"history"} | ({"category"} & keys.keys())
    if field.name in taken:
        raise node.error(
            "must name a field that is not called like the groups that evaluation makes by itself. "
            f"Received: {field.name}.",
            "Rename the field in its section, and here.",
        )


def _read_scenario_features(keys: Mapping[str, SpecNode], fields: _Fields) -> tuple[str, ...]:
    """Keys of inputs that play no other part in what a scenario means."""
    if "scenario_features" not in keys:
        return ()
    node = keys["scenario_features"]
    names = node.distinct_texts()
    if "scenario" not in keys:
        raise node.error(
            "must come with `roles.scenario`, the scenario that they belong to. Received: "
            f"{', '.join(names)}.",
            "Name the scenario too.",
        )
    both = (*fields[SESSION].values(), *fields[CANDIDATES].values())
    inputs = {field.key: field for field in both if field.is_input}
    taken = _taken_keys(keys)
    for name, entry in names.items():
        if name not in inputs:
            key = f"{CANDIDATES}_{name}"
            raise entry.error(
                "must be the key of a `session` or `candidates` field that models read. Received: "
                f"{name}.",
                did_you_mean(key if key in inputs else name, [k for k in inputs if k not in taken]),
            )
        if name in taken:
            raise entry.error(
                f"must be another field than those of `roles.{taken[name]}`. Received: {name}.",
                f"Take it out: {_WHY_TAKEN[taken[name]]}.",
            )
    return tuple(names)


def _taken_keys(keys: Mapping[str, SpecNode]) -> dict[str, str]:
    """The keys of the fields of `item`, `query` and `scenario`, and the role of each."""
    items = keys["item"].distinct_texts()
    queries = keys["query"].distinct_texts() if "query" in keys else ()
    return {
        **{f"{CANDIDATES}_{name}": "item" for name in items},
        **dict.fromkeys(queries, "query"),
        keys["scenario"].text(): "scenario",
    }
