"""Requests that a server runs before it takes others, so that no user waits for its first ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.export.answers import whole_request
from ranking.export.loaded_model import LoadedModel
from ranking.export.merged_requests import merge_requests
from ranking.export.prediction_log import LoggedRequest
from ranking.export.signatures import EXAMPLES

WARM_UP_FILE = "tf_serving_warmup_requests"  # TensorFlow Serving looks for this name.
_SIZES, _MERGED = 5, 2

Request = Mapping[str, np.ndarray]


class WarmUpError(ValueError):
    """A warm-up file that a server would refuse to load the model for."""


def write_warm_up(extra: Path, model: LoadedModel, name: str, requests: Sequence[Request]) -> None:
    """Writes `tf_serving_warmup_requests` into the folder `assets.extra`, for every signature.

    Each signature gets sessions of five sizes, from the smallest to the largest of `requests` that
    have a record, and one request of two sessions.

    Args:
        extra: The folder.
        model: The model, loaded; it answers what `score` and `score_with_state` need.
        name: What the model is called in the file.
        requests: Raw sessions, those of the prepared data with their records (`parity_sessions`).
    """
    chosen = _of_all_sizes([request for request in requests if EXAMPLES in request])
    chosen.append(merge_requests(chosen[-_MERGED:]))
    with tf.io.TFRecordWriter(str(extra / WARM_UP_FILE)) as writer:
        for signature, definition in sorted(model.signatures.items()):
            for request in chosen if definition.inputs else ():
                whole = whole_request(model, request, signature)
                inputs = {key: whole[key] for key in definition.inputs}
                writer.write(LoggedRequest(name, signature, inputs).to_bytes())


def replay_warm_up(extra: Path, model: LoadedModel) -> dict[str, int]:
    """Runs the warm-up file as a server does -> the number of requests for each signature.

    Raises:
        WarmUpError: If a request cannot be read or answered: a server would not load the model.
    """
    counts: dict[str, int] = {}
    path = extra / WARM_UP_FILE
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    for number, record in enumerate(records):
        try:
            request = LoggedRequest.from_bytes(record)
            model(request.signature, request.inputs)
        except (ValueError, tf.errors.OpError) as error:
            raise WarmUpError(
                f"Warm-up request {number} of {path.name} must be answered, or no server loads the "
                f"model. Received: {error}"
            ) from error
        counts[request.signature] = counts.get(request.signature, 0) + 1
    return counts


def _of_all_sizes(requests: Sequence[Request]) -> list[Request]:
    by_size = sorted(requests, key=_size)
    last = len(by_size) - 1
    places = {round(last * step / (_SIZES - 1)) for step in range(_SIZES)}
    return [by_size[place] for place in sorted(places)]


def _size(request: Request) -> int:
    behaviors = int(request["behaviors_length"][0])
    return (1 + behaviors) * int(request["candidates_length"][0])
