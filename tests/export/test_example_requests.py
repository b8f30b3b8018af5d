"""Example requests that a server answers as they stand."""

import base64
import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ranking.export.loaded_model import LoadedModel
from tests.helpers.exported_model import ExportedModel

pytestmark = pytest.mark.slow


def _documents(exported: ExportedModel) -> dict[str, Any]:
    folder = exported.export.folder / "assets.extra" / "example_requests"
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")
    }


def _as_the_server_reads(definition: Any, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
    def decoded(value: Any) -> Any:
        if isinstance(value, list):
            return [decoded(each) for each in value]
        return base64.b64decode(value["b64"]) if isinstance(value, dict) else value

    return {
        name: np.array(decoded(inputs[name]), tf.as_dtype(info.dtype).as_numpy_dtype)
        for name, info in definition.inputs.items()
    }


def test_every_signature_has_one_that_is_answered(
    exported: ExportedModel, served: LoadedModel
) -> None:
    documents = _documents(exported)
    assert set(documents) == set(exported.export.signatures)
    answers = {}
    for signature, document in documents.items():
        assert document["signature_name"] == signature
        definition = served.signatures[signature]
        assert set(document["inputs"]) == set(definition.inputs)
        answers[signature] = served(signature, _as_the_server_reads(definition, document["inputs"]))
    at_once = answers["serving_default"]["click"]
    assert at_once.shape == (1, 3) and (at_once > 0).all()
    for signature in ("score", "score_with_state"):
        np.testing.assert_allclose(answers[signature]["click"], at_once, atol=2e-6)
    gate = documents["score"]["inputs"]["gate"]
    np.testing.assert_allclose(answers["gate"]["gate"], gate, rtol=1e-6)
    assert answers["examples"]["click"].shape[0] == 1


def test_values_are_those_that_the_spec_lists(exported: ExportedModel) -> None:
    inputs = _documents(exported)["serving_default"]["inputs"]
    assert inputs["grade"] == [7]
    assert inputs["behaviors_action"] == [["click", "click"]]
    assert inputs["candidates_length"] == [3]
