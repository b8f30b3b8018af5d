"""One request per signature for people to start from."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ranking.export.answers import whole_request
from ranking.export.loaded_model import LoadedModel
from ranking.export.signatures import EXAMPLES
from ranking.features.inputs import example_request
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec

FOLDER = "example_requests"
_SECTIONS = (SESSION, BEHAVIORS, CANDIDATES)


def write_example_requests(
    extra: Path, model: LoadedModel, spec: FeatureSpec, record: np.ndarray
) -> None:
    """Writes `example_requests/<signature>.json` into the folder `assets.extra`.

    Each file is the body of a request to TensorFlow Serving's REST interface, in its column form.
    Values are those that the spec lists, or missing ones; gates and states are the model's own
    answers to the same session. `examples` holds a recorded session, because it takes records.

    Args:
        extra: The folder.
        model: The model, loaded.
        spec: The spec of its inputs.
        record: A serialized record, string `[1]`.
    """
    (extra / FOLDER).mkdir()
    request = {**example_request(spec, _SECTIONS), EXAMPLES: record}
    for signature, definition in model.signatures.items():
        if not definition.inputs:
            continue
        whole = whole_request(model, request, signature)
        inputs = {key: whole[key] for key in sorted(definition.inputs)}
        document = rest_request(signature, inputs, as_bytes={EXAMPLES})
        text = json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"
        (extra / FOLDER / f"{signature}.json").write_text(text, encoding="utf-8")


def rest_request(
    signature: str, inputs: Mapping[str, np.ndarray], *, as_bytes: set[str]
) -> dict[str, Any]:
    """Inputs -> the body of a REST request; texts of `as_bytes` are written in base 64.

    >>> rest_request("examples", {"examples": np.array([b"ab"], object)}, as_bytes={"examples"})
    {'signature_name': 'examples', 'inputs': {'examples': [{'b64': 'YWI='}]}}
    """
    return {
        "signature_name": signature,
        "inputs": {
            name: _plain(value.tolist(), in_base_64=name in as_bytes)
            for name, value in inputs.items()
        },
    }


def _plain(value: Any, *, in_base_64: bool) -> Any:
    if isinstance(value, list):
        return [_plain(each, in_base_64=in_base_64) for each in value]
    if in_base_64:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode() if isinstance(value, bytes) else value
