"""Sessions as plain dictionaries, for people and JSON."""

from collections.abc import Mapping
from typing import Any

from ranking.features.session_columns import SectionColumns, section_of
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec


def session_document(
    spec: FeatureSpec, sections: Mapping[str, SectionColumns], session: int
) -> dict[str, Any]:
    """Maps session number `session` of some columns to the nested form of the session table.

    Session fields by name, then `behaviors` and `candidates`, lists with one dictionary per
    element; a candidate has its labels, global ones too. Missing values are `None`.
    """
    document: dict[str, Any] = _elements(spec, sections, SESSION, session)[0]
    for section in (BEHAVIORS, CANDIDATES):
        document[section] = _elements(spec, sections, section, session)
    return document


def _elements(
    spec: FeatureSpec, sections: Mapping[str, SectionColumns], section: str, session: int
) -> list[dict[str, Any]]:
    offsets = sections[section].offsets
    start, length = int(offsets[session]), int(offsets[session + 1] - offsets[session])
    elements: list[dict[str, Any]] = [{} for _ in range(length)]
    for field in spec.record_fields:
        if section_of(field) == section:
            values = sections[section].columns[field.key].slice(start, length).to_pylist()
            for element, value in zip(elements, values, strict=True):
                element[field.name] = value
    return elements
