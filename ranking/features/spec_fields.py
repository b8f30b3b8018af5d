"""The sections of a spec file to `Field` objects."""

from collections.abc import Mapping

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import (
    BEHAVIORS,
    CANDIDATES,
    LABELS,
    LEARNED,
    POOLINGS,
    SESSION,
    TRANSFORMS,
    Field,
    Table,
    Transform,
)
from ranking.features.spec_node import SpecNode

SEQUENCE, GLOBAL = "sequence", "global"

_NO_FIELDS = {BEHAVIORS: SEQUENCE, LABELS: GLOBAL}  # Keys of a section that are no fields.

_HOLDERS = ("table", "dense", "metadata", "label")
_KEYS = {
    "id": ("table", "optional"),
    "ids": ("table", "max_length", "pool", "optional"),
    "text": ("table", "tokens", "max_length", "pool", "optional"),
    "dense": ("dense", "transform", "default", "optional"),
    "metadata": ("metadata", "optional"),
    "label": ("label",),
}
_ALL_KEYS = ("table", "tokens", "max_length", "pool", *_KEYS["dense"], "metadata", "label")
_HINTS = {
    "pool": "Only several ids are pooled: add `max_length` to a `table` field, or remove `pool`.",
    "max_length": "Only `table` fields hold several ids; remove it.",
    "tokens": "Only `table` fields hold text; remove it.",
    "transform": "Only `dense` fields are transformed; remove it.",
    "default": "Only `dense` fields have a default, a missing id is unknown; remove it.",
    "optional": "A label is always there; remove it.",
}
_RESERVED = {
    "gate": "the gate in a request",
    "behaviors": "the behaviors column of the session table",
    "candidates": "the candidates column of the session table",
    "behaviors_length": "the number of behaviors",
    "candidates_length": "the number of candidates",
}


def read_fields(node: SpecNode, section: str, tables: Mapping[str, Table]) -> dict[str, Field]:
    """Maps a section to its fields in alphabetical order.

    Raises:
        SpecError: If a field breaks a rule.
    """
    fields = {}
    for name, field in sorted(node.mapping().items()):
        if name == _NO_FIELDS.get(section):
            continue
        field.check_name(name)
        fields[name] = _read_field(field, name, section, tables)
    return fields


def check_keys_differ(root: SpecNode, fields: Mapping[str, Mapping[str, Field]]) -> None:
    """Raises an error if two fields would have the same key in records, batches or the table."""
    owners = dict(_RESERVED)
    # Session comes last: its names can avoid the others, which carry their section's name.
    for section in (BEHAVIORS, CANDIDATES, LABELS, SESSION):
        for name, field in fields[section].items():
            node = root.mapping()[section].mapping()[name]
            if section == LABELS and name in fields[CANDIDATES]:
                raise node.key_error(
                    "must not share its name with a field of `candidates`: the session table holds "
                    "both side by side.",
                    "Rename one of them.",
                )
            for key in (field.key, field.length_key) if field.is_multivalued else (field.key,):
                if key in owners:
                    raise node.key_error(
                        f"must not take the key `{key}`, which belongs to {owners[key]}.",
                        "Rename the field.",
                    )
                owners[key] = f"`{section}.{name}`"


def _read_field(node: SpecNode, name: str, section: str, tables: Mapping[str, Table]) -> Field:
    node.check_keys(_ALL_KEYS, "a field")
    kind = _kind_of(node)
    node.check_keys(_KEYS[kind], f"a field of kind `{kind}`", _HINTS)
    if kind == "label" and section != LABELS:
        raise node.error("must not be a label here.", "Move it to the section `labels`.")
    if kind != "label" and section == LABELS:
        rule = f"must be a label. Received: a field of kind `{kind}`."
        raise node.error(rule, "Write `{label: binary}`, or move it to another section.")
    if kind in ("id", "ids", "text"):
        return _read_table_field(node, name, section, kind, tables)
    if kind == "dense":
        return _read_dense_field(node, name, section)
    if kind == "label":
        node.mapping()["label"].choice(("binary",))
        return Field(name, section, kind, "int64")
    dtype = node.mapping()["metadata"].choice(("string", "int64", "float32"))
    return Field(name, section, kind, dtype, optional=_is_optional(node))


def _kind_of(node: SpecNode) -> str:
    holder = node.single_key(_HOLDERS, "a field")
    if holder != "table":
        return holder
    if node.has("tokens"):
        return "text"
    return "ids" if node.has("max_length") else "id"


def _is_optional(node: SpecNode) -> bool:
    return node.has("optional") and node.mapping()["optional"].flag()


def _read_table_field(
    node: SpecNode, name: str, section: str, kind: str, tables: Mapping[str, Table]
) -> Field:
    keys = node.mapping()
    table_name = keys["table"].text()
    if table_name not in tables:
        raise keys["table"].error(
            f"must name a table of `tables`. Received: {table_name}.",
            did_you_mean(table_name, tables),
        )
    dtype = tables[table_name].dtype
    if kind == "text":
        keys["tokens"].choice(("whitespace",))
        if dtype != "string":
            raise keys["table"].error(
                f"must be a table of text, because tokens are. Received: {table_name}, of type "
                f"{dtype}.",
                "Name another table, or remove `tokens`.",
            )
    several = kind != "id"
    return Field(
        name,
        section,
        kind,
        dtype,
        table=table_name,
        max_length=node.required("max_length", "8").integer() if several else None,
        pool=keys["pool"].choice(POOLINGS) if "pool" in keys else "mean",
        optional=_is_optional(node),
    )


def _read_dense_field(node: SpecNode, name: str, section: str) -> Field:
    keys = node.mapping()
    if _is_optional(node) and "default" not in keys:
        rule = "must have a `default`, because it is optional and a model needs some number."
        raise node.error(rule, "Add `default: 0.0`, or remove `optional`.")
    dtype = keys["dense"].choice(("float32", "int64"))
    return Field(
        name,
        section,
        "dense",
        dtype,
        transforms=_read_transforms(keys["transform"]) if "transform" in keys else (),
        default=_read_default(keys["default"], dtype) if "default" in keys else None,
        optional=_is_optional(node),
    )


def _read_default(node: SpecNode, dtype: str) -> float:
    default = node.number()
    # Records hold the default of whole numbers, which have no NaN to stand for it.
    if dtype == "int64" and not (default.is_integer() and abs(default) < 2**63):
        raise node.error(
            f"must be a whole number within int64, as the field is. Received: {node.written}.",
            "Write a whole number, or make the field `dense: float32`.",
        )
    return default


def _read_transforms(node: SpecNode) -> tuple[Transform, ...]:
    """One step, or a list of them."""
    steps = node.sequence() if isinstance(node.content, list) else [node]
    transforms: list[Transform] = []
    for step in steps:
        transform = _read_transform(step)
        if transform.name == "standardize" and transform.name in (t.name for t in transforms):
            raise step.error("must not standardize a second time.", "Keep the last one.")
        transforms.append(transform)
    return tuple(transforms)


def _read_transform(node: SpecNode) -> Transform:
    if not isinstance(node.content, dict):
        name = node.choice(TRANSFORMS)
        if name == "log1p":
            return Transform(name)
        example = {"clip": "{clip: [0, 1]}", "standardize": "{standardize: learned}"}[name]
        raise node.error(f"must have arguments for `{name}`.", f"Write `{example}`.")
    node.check_keys(TRANSFORMS, "a transform")
    name = node.single_key(TRANSFORMS, "a transform")
    arguments = node.mapping()[name]
    if name == "log1p":
        raise arguments.error("must not have arguments.", "Write `log1p` alone.")
    if name == "clip":
        low, high = arguments.numbers(2, "low, high")
        if low >= high:
            rule = f"must have low below high. Received: [{low}, {high}]."
            raise arguments.error(rule, "Write the lower number first.")
        return Transform(name, (low, high))
    if arguments.content == LEARNED:
        return Transform(name)
    mean, deviation = arguments.numbers(2, "mean, deviation")
    if deviation <= 0:
        rule = f"must have a deviation above 0. Received: {deviation}."
        raise arguments.error(rule, "Write `learned`, or the standard deviation.")
    return Transform(name, (mean, deviation))
