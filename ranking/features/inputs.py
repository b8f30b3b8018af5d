"""What models and servers take: names, shapes and types, all from the spec."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec, Field

_RANKS = {SESSION: 1, BEHAVIORS: 2, CANDIDATES: 2}
Entry = tuple[str, int, str]


def raw_signature(spec: FeatureSpec, sections: Sequence[str]) -> dict[str, tf.TensorSpec]:
    """The raw inputs of a serving signature, lengths among them: key -> named TensorSpec.

    Every dimension is unknown. Optional fields are inputs too: a server takes no request that
    lacks one. Metadata and labels are none.

    Args:
        spec: The spec.
        sections: Some of session, behaviors and candidates.

    Raises:
        ValueError: If a section has no inputs by its nature, or does not exist.
    """
    return {
        key: tf.TensorSpec([None] * rank, dtype, key)
        for section in _checked(sections)
        for key, rank, dtype in _raw_entries(spec, section)
    }


def keras_inputs(spec: FeatureSpec, sections: Sequence[str]) -> dict[str, keras.KerasTensor]:
    """The encoded inputs of a network, lengths among them: key -> `keras.Input` of that name.

    Raises:
        ValueError: If a section has no inputs by its nature, or does not exist.
    """
    return {
        key: keras.Input([None] * (rank - 1), dtype=dtype, name=key)
        for section in _checked(sections)
        for key, rank, dtype in _encoded_entries(spec, section)
    }


def input_keys(spec: FeatureSpec, sections: Sequence[str]) -> tuple[str, ...]:
    """The keys of `keras_inputs`, in its order.

    Raises:
        ValueError: If a section has no inputs by its nature, or does not exist.
    """
    return tuple(
        key for section in _checked(sections) for key, _, _ in _encoded_entries(spec, section)
    )


def example_request(
    spec: FeatureSpec, sections: Sequence[str], *, behaviors: int = 2, candidates: int = 3
) -> dict[str, Any]:
    """One session that a signature accepts: key -> NumPy array with a first dimension of 1.

    Values that the spec lists are used where there are some; other ids are missing ones and
    numbers are 0.

    Raises:
        ValueError: If a section has no inputs by its nature, or does not exist.
    """
    widths = {SESSION: [], BEHAVIORS: [behaviors], CANDIDATES: [candidates]}
    request = {}
    for section in _checked(sections):
        for field in _inputs(spec, section):
            shape = [1, *widths[section]]
            if field.kind == "ids":
                request[field.length_key] = np.ones(shape, np.int32)
                shape = [*shape, 1]
            request[field.key] = np.full(shape, _example_value(spec, field), _numpy_type(field))
        if widths[section]:
            request[f"{section}_length"] = np.array(widths[section], np.int32)
    return request


def _checked(sections: Sequence[str]) -> Sequence[str]:
    for section in sections:
        if section not in _RANKS:
            raise ValueError(
                f"`sections` must be some of {', '.join(_RANKS)}. Received: {section!r}"
            )
    return sections


def _inputs(spec: FeatureSpec, section: str) -> list[Field]:
    return [field for field in spec.section(section) if field.is_input]


def _raw_entries(spec: FeatureSpec, section: str) -> Iterator[Entry]:
    """Key, rank and type of every raw input of a section."""
    rank = _RANKS[section]
    for field in _inputs(spec, section):
        yield field.key, rank + (field.kind == "ids"), field.dtype
        if field.kind == "ids":
            yield field.length_key, rank, "int32"
    yield from _section_length(spec, section)


def _encoded_entries(spec: FeatureSpec, section: str) -> Iterator[Entry]:
    """Key, rank and type of every encoded input of a section."""
    rank = _RANKS[section]
    for field in _inputs(spec, section):
        dtype = "float32" if field.kind == "dense" else "int32"
        yield field.key, rank + field.is_multivalued, dtype
        if field.is_multivalued:
            yield field.length_key, rank, "int32"
    yield from _section_length(spec, section)


def _section_length(spec: FeatureSpec, section: str) -> Iterator[Entry]:
    if section != SESSION and _inputs(spec, section):
        yield f"{section}_length", 1, "int32"


def _example_value(spec: FeatureSpec, field: Field) -> Any:
    values = spec.table_of(field).values if field.table else ()
    if values:
        return values[0]
    return "" if field.dtype == "string" else 0


def _numpy_type(field: Field) -> Any:
    return object if field.dtype == "string" else field.dtype
