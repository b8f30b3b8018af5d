"""Requests as a server that batches merges them."""

from collections.abc import Mapping, Sequence

import numpy as np

Request = dict[str, np.ndarray]


def merge_requests(requests: Sequence[Mapping[str, np.ndarray]]) -> Request:
    """Requests -> one request with all their sessions, in order.

    It is what TensorFlow Serving makes of them where `pad_variable_length_inputs` is on: tensors
    are put together along their first dimension, and padded behind in all others up to the largest,
    each with its own first element. Inputs that only some of the requests have are left out.

    Raises:
        ValueError: If a tensor without elements had to be padded; a server fails then too.

    Example:
    >>> merged = merge_requests([{"ids": np.array([[7, 8, 9]])}, {"ids": np.array([[5]])}])
    >>> merged["ids"].tolist()
    [[7, 8, 9], [5, 5, 5]]
    """
    keys = [key for key in requests[0] if all(key in request for request in requests)]
    merged = {}
    for key in keys:
        values = [request[key] for request in requests]
        shape = tuple(np.max([value.shape[1:] for value in values], axis=0).astype(int))
        merged[key] = np.concatenate([_padded(key, value, shape) for value in values])
    return merged


def _padded(key: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if value.shape[1:] == shape:
        return value
    if not value.size:
        raise ValueError(
            f"`{key}` must have an element to be padded with, for a server has none either. "
            f"Received: shape {value.shape}. Send one slot and a length of 0."
        )
    padded = np.full((len(value), *shape), value.flat[0], value.dtype)
    padded[tuple(slice(size) for size in value.shape)] = value
    return padded
