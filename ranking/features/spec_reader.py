"""Spec files to `FeatureSpec`. Strict: what is not understood is an error, never ignored."""

import os
from collections.abc import Mapping

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import BEHAVIORS, LABELS, SECTIONS, FeatureSpec, Field
from ranking.features.spec_document import read_document
from ranking.features.spec_error import SpecError
from ranking.features.spec_fields import SEQUENCE, check_keys_differ, read_fields
from ranking.features.spec_global import check_global_labels, read_global_window
from ranking.features.spec_node import SpecNode
from ranking.features.spec_roles import read_roles
from ranking.features.spec_tables import read_tables

__all__ = ["SpecError", "parse_spec", "read_spec"]

_KEYS = ("name", "tables", *SECTIONS, "roles")


def read_spec(path: str | os.PathLike[str]) -> FeatureSpec:
    """Maps a spec file, YAML or the canonical JSON of `FeatureSpec.to_json`, to its spec.

    Raises:
        SpecError: If there is no such file, or it breaks a rule of feature_specs/README.md.
    """
    file = os.fspath(path)
    return parse_spec(_read_text(file), file)


def parse_spec(text: str, file: str) -> FeatureSpec:
    """Maps the text of a spec file to its spec; messages call it `file`.

    Raises:
        SpecError: If the text breaks a rule.

    Example:
        >>> spec = parse_spec('''
        ... name: smallest
        ... tables: {item: {width: 8, integer_ids: 100}}
        ... session: {}
        ... behaviors: {sequence: {max_length: 20}, item: {table: item}}
        ... candidates: {item: {table: item}}
        ... labels: {click: {label: binary}}
        ... roles: {item: [item]}
        ... ''', "smallest.yaml")
        >>> spec.tasks, spec.table_of(spec.field("candidates", "item")).rows
        (('click',), 102)
        >>> parse_spec(spec.to_json(), "smallest.json") == spec
        True
    """
    root = read_document(text, file)
    root.check_keys(_KEYS, "a spec")
    name = root.required("name", "my_spec")
    name.check_name(name.text())
    tables = read_tables(root.required("tables", "{item: {width: 16, vocabulary: learned}}"))
    fields = {
        section: read_fields(root.required(section, "{...}"), section, tables)
        for section in SECTIONS
    }
    max_length = _read_max_length(root.mapping()[BEHAVIORS])
    if not fields[LABELS]:
        rule = "must hold at least one label: it is what a model learns."
        raise root.mapping()[LABELS].error(rule, "Add `click: {label: binary}`.")
    check_keys_differ(root, fields)
    _check_tables_used(root.mapping()["tables"], fields)
    roles = read_roles(root.required("roles", "{item: [item]}"), fields)
    window = read_global_window(root.mapping()[LABELS])
    if window is not None:
        check_global_labels(root.mapping()[LABELS], window, fields, roles)
    session, behaviors, candidates, labels = (tuple(fields[s].values()) for s in SECTIONS)
    return FeatureSpec(
        name.text(), tables, session, behaviors, max_length, candidates, labels, roles, window
    )


def _read_text(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            content = stream.read()
    except FileNotFoundError as error:
        rule = "must be a file that exists."
        raise SpecError(file, None, "", rule, _other_files(file)) from error
    except IsADirectoryError as error:
        rule = "must be a file, but this is a folder."
        raise SpecError(file, None, "", rule, _folder_remedy(file)) from error
    except OSError as error:
        rule = f"must be readable: {error.strerror}."
        raise SpecError(file, None, "", rule, "Check the path and its permissions.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        rule = "must be text in UTF-8."
        raise SpecError(file, line, "", rule, "Save the file as UTF-8.") from error


def _other_files(file: str) -> str:
    folder, name = os.path.split(file)
    if not os.path.isdir(folder or "."):
        return f"There is no folder {folder} either."
    others = [one for one in os.listdir(folder or ".") if one.endswith((".yaml", ".yml", ".json"))]
    return did_you_mean(name, others)


def _folder_remedy(folder: str) -> str:
    prepared = os.path.join(folder, "feature_spec.json")
    if os.path.isfile(prepared):
        return f"Name {prepared}."
    return "Name a file in it, for example feature_specs/demo.yaml."


def _read_max_length(behaviors: SpecNode) -> int:
    sequence = behaviors.required(SEQUENCE, "{max_length: 50}")
    sequence.check_keys(("max_length",), "`sequence`")
    return sequence.required("max_length", "50").integer()


def _check_tables_used(node: SpecNode, fields: Mapping[str, Mapping[str, Field]]) -> None:
    used = {field.table for section in fields.values() for field in section.values()}
    for name, table in node.mapping().items():
        if name not in used:
            rule = "must be used by a field: no field names this table."
            raise table.key_error(rule, f"Write `{{table: {name}}}` in a field, or remove it.")
