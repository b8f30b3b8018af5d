"""The segments of sessions that a comparison reports apart."""

import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.reading_order import reading_order
from ranking.training.session_file import SessionFile

Mask = npt.NDArray[np.bool_]

ALL_DIMENSIONS = "all"

_OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_EXPRESSION = re.compile(r"([^<>=!]+)(<=|>=|!=|<|>|=)(.+)")


def segment_masks(sessions: SessionFile, wanted: Sequence[str]) -> dict[str, Mask]:
    """Maps what to tell apart to the sessions of each segment, `[S]`, by its name.

    Args:
        sessions: The file of an evaluation.
        wanted: Each a dimension of the file, for all of its segments; `all` for all dimensions; or
            an expression of a name, one of `=`, `!=`, `<`, `<=`, `>`, `>=`, and a value: of a
            dimension (`category=old`) or of a column of numbers (`history<=4`).

    Raises:
        ValueError: If there is no such dimension or column, or its values do not fit.
    """
    masks: dict[str, Mask] = {}
    for text in wanted:
        if text == ALL_DIMENSIONS:
            for dimension in sessions.dimensions:
                masks |= _dimension(sessions, dimension)
        elif text in sessions.dimensions:
            masks |= _dimension(sessions, text)
        else:
            masks[text] = _expression(sessions, text)
    return masks


def _dimension(sessions: SessionFile, dimension: str) -> dict[str, Mask]:
    names = sessions.column(f"segment.{dimension}")
    return {
        f"{dimension}={name}": np.asarray(names == name)
        for name in sorted(set(names.tolist()), key=reading_order)
    }


def _expression(sessions: SessionFile, text: str) -> Mask:
    parts = _EXPRESSION.fullmatch(text)
    if parts is None:
        raise ValueError(
            f"`--segments` must name a dimension of {sessions.path} "
            f"({', '.join(sessions.dimensions)}), or be an expression such as `history<=4`. "
            f"Received: {text!r}"
        )
    name, sign, value = (part.strip() for part in parts.groups())
    if name in sessions.dimensions and sign in ("=", "!="):
        names = sessions.column(f"segment.{name}")
        if value in set(names.tolist()):
            return np.asarray(_OPERATORS[sign](names, value))
    return _of_numbers(sessions, text, name, sign, value)


def _of_numbers(sessions: SessionFile, text: str, name: str, sign: str, value: str) -> Mask:
    values = _columns(sessions).get(name)
    number = _number(value)
    if values is None or number is None:
        known = ", ".join([*sessions.dimensions, *_columns(sessions)])
        raise ValueError(
            f"`--segments` must compare a dimension with one of its names, or a column of numbers "
            f"with a number. {sessions.path} has: {known}. Received: {text!r}"
        )
    return np.asarray(_OPERATORS[sign](values, number))


def _columns(sessions: SessionFile) -> Mapping[str, npt.NDArray[Any]]:
    """Columns that hold one number, or yes or no, per session."""
    names = [name for name in sessions.table.column_names if "." not in name and name != "gate"]
    columns = {name: sessions.column(name) for name in names}
    return {name: values for name, values in columns.items() if values.dtype.kind in "biuf"}


def _number(text: str) -> float | None:
    try:
        return {"true": 1.0, "false": 0.0}.get(text.lower()) or float(text)
    except ValueError:
        return 0.0 if text.lower() == "false" else None
