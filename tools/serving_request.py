"""Raw sessions to send to a model server: from a JSON file, or from prepared data."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ranking.did_you_mean import did_you_mean
from tools.served_model import ServedTensor, Tensors

if TYPE_CHECKING:
    from ranking.features.prepared_data import PreparedData

_WORDS = {
    "O": "texts",
    "i": "whole numbers of {bits} bits",
    "f": "numbers of {bits} bits",
    "b": "true or false",
}


def read_json_request(path: Path, inputs: Mapping[str, ServedTensor]) -> Tensors:
    """A JSON file -> the inputs of a signature, as arrays.

    The file is the body of a REST request in columns, `{"inputs": {"<key>": <nested lists>}}`, or
    what is inside `inputs` alone. Bytes that are no text are written `{"b64": "..."}`.

    Args:
        path: The file.
        inputs: What the signature takes.

    Raises:
        ValueError: If it is no JSON, lacks an input, has others, or an input has another type or
            rank.
        OSError: If the file cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} must be JSON in UTF-8: {error}. Correct it there.") from error
    values = document.get("inputs", document) if isinstance(document, dict) else document
    if not isinstance(values, dict):
        raise ValueError(
            f"{path} must hold an object with key `inputs`, tensors by name. Received: "
            f"{str(values)[:40]}"
        )
    for key in values:
        if key not in inputs:
            raise ValueError(f"{path} has no place for `{key}`. {did_you_mean(key, inputs)}")
    missing = [key for key in inputs if key not in values]
    if missing:
        raise ValueError(
            f"{path} must have every input of the model. Missing: {', '.join(missing)}. Optional "
            "fields are sent too, as missing values."
        )
    return {key: _array(path, key, values[key], tensor) for key, tensor in inputs.items()}


def read_recorded_request(data: "PreparedData", split: str, number: int) -> Tensors:
    """A session of prepared data, by its place in the split, -> the inputs of `serving_default`.

    Raises:
        PreparedDataError: If there is no such split, or a shard of it is missing.
        ValueError: If the split has fewer sessions.
    """
    import tensorflow as tf

    from ranking.features.inputs import raw_signature
    from ranking.features.record_values import RecordValues
    from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION

    files = [str(path) for path in data.files(split)]
    for record in tf.data.TFRecordDataset(files).skip(number).take(1).batch(1):
        raw = RecordValues(data.spec, data.vocabulary_folder).raw_batch(record)
        keys = raw_signature(data.spec, (SESSION, BEHAVIORS, CANDIDATES))
        return {key: raw[key].numpy() for key in keys}
    sessions = data.manifest.splits[split].sessions
    raise ValueError(
        f"`--session` must be below {sessions}, the number of sessions in split `{split}` of "
        f"{data.folder}. Received: {number}"
    )


def _array(path: Path, key: str, values: Any, tensor: ServedTensor) -> np.ndarray:
    shape = _shape(path, key, values)
    if len(shape) > 1 and shape[-1] == 0:
        # An empty list does not say how deep it would go.
        shape += [0] * (tensor.rank - len(shape))
    if len(shape) != tensor.rank:
        raise ValueError(
            f"{path}: `{key}` must have {tensor.rank} dimensions, the session's first. Received: "
            f"shape {shape}. One session alone is in a list too."
        )
    flat = [_value(path, key, value, tensor.dtype) for value in _flat(values, len(shape))]
    array = np.empty(len(flat), tensor.dtype)
    array[:] = flat
    return array.reshape(shape)


def _shape(path: Path, key: str, values: Any) -> list[int]:
    """The sizes of nested lists, which must be equally long where they are side by side."""
    if not isinstance(values, list):
        return []
    shapes = [_shape(path, key, value) for value in values]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(
            f"{path}: the lists in `{key}` must be equally long. Received: {str(values)[:60]}. "
            "Fill the shorter ones up; lengths say where padding begins."
        )
    return [len(values), *(shapes[0] if shapes else [])]


def _flat(values: Any, depth: int) -> list[Any]:
    return [values] if depth == 0 else [one for value in values for one in _flat(value, depth - 1)]


def _value(path: Path, key: str, value: Any, dtype: np.dtype) -> Any:
    kind = dtype.kind
    if kind == "O" and isinstance(value, dict) and list(value) == ["b64"]:
        value = _decoded(value)
    # In Python, true is a whole number.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "O": isinstance(value, str | bytes),
        "i": is_number and isinstance(value, int) and _is_within(value, dtype),
        "f": is_number and (isinstance(value, float) or _is_within(value, dtype)),
        "b": isinstance(value, bool),
    }
    if not fits.get(kind, False):
        words = _WORDS.get(kind, str(dtype)).format(bits=8 * dtype.itemsize)
        raise ValueError(f"{path}: `{key}` must hold {words}. Received: {value!r}")
    return value.encode() if isinstance(value, str) else value


def _is_within(value: int, dtype: np.dtype) -> bool:
    # Integers of Python, which compare with others of any size.
    limits = np.iinfo(dtype) if dtype.kind == "i" else np.finfo(dtype)
    return int(limits.min) <= value <= int(limits.max)


def _decoded(value: dict[str, Any]) -> Any:
    """`{"b64": ...}` -> its bytes; what holds no base64 comes back as it is."""
    try:
        return base64.b64decode(value["b64"])
    except (TypeError, ValueError):
        return value
