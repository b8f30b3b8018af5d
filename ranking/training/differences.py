"""Where two documents of a run differ."""

import json
from collections.abc import Mapping
from typing import Any


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Two documents -> the names of what differs, as JSON has it; what is missing is null.

    Members of a part are called `part.member`.

    >>> differences({"seed": 1, "model": {"sizes": (5, 7)}}, {"seed": 2, "model": {"sizes": [5]}})
    ['model.sizes', 'seed']
    """
    first, second = flat_document(one), flat_document(other)
    names = first.keys() | second.keys()
    return sorted(name for name in names if first.get(name) != second.get(name))


def flat_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document -> the same with the members of its parts by `part.member`, as JSON has it."""
    flat: dict[str, Any] = {}
    for name, value in json.loads(json.dumps(document)).items():
        parts = value.items() if isinstance(value, dict) else ()
        flat |= {f"{name}.{member}": each for member, each in parts} or {name: value}
    return flat
