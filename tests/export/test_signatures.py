"""Signatures: names, types and shapes follow from the spec, in the plan and in the SavedModel."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf

from ranking.export.loaded_model import LoadedModel
from ranking.export.signatures import Signature, make_signatures
from ranking.features.spec import FeatureSpec
from tests.helpers.exported_model import ExportedModel, random_networks

pytestmark = pytest.mark.slow

RANKS = {"session": 1, "behaviors": 2, "candidates": 2}
WITHOUT_GATE = ["serving_default", "session_state", "score_with_state", "examples"]
SESSION_SECTIONS = ("session", "behaviors")
# grade, hour and city, interests, spend and visits side by side; hidden vectors are 32 wide.
STATE: dict[str, Any] = {
    "state_behaviors_length": ("int32", [-1]),
    "state_input_network_item": ("float32", [-1, -1, 32]),
    "state_input_network_query": ("float32", [-1, 32]),
    "state_session": ("float32", [-1, 2 + 2 + 2 + 2 + 1 + 1]),
}


def _walked(spec: FeatureSpec, *sections: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Name, type and rank of every input, read off the spec field by field."""
    for section in sections:
        for field in spec.section(section):
            if field.kind in ("metadata", "label"):
                continue
            key = field.name if section == "session" else f"{section}_{field.name}"
            if field.kind == "ids":
                yield key, (field.dtype, RANKS[section] + 1)
                yield f"{key}_length", ("int32", RANKS[section])
            else:
                yield key, (field.dtype, RANKS[section])
        if section != "session":
            yield f"{section}_length", ("int32", 1)


def _expected(spec: FeatureSpec) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    everything = dict(_walked(spec, "session", "behaviors", "candidates"))
    scores = {"click": ("float32", [-1, -1])}
    shapes = {key: (dtype, [-1] * rank) for key, (dtype, rank) in everything.items()}
    gate = {"gate": ("float32", [-1, 3])}
    session = {key: shapes[key] for key, _ in _walked(spec, *SESSION_SECTIONS)}
    candidates = {key: shapes[key] for key, _ in _walked(spec, "candidates")}
    record = {"examples": ("string", [-1])}
    return {
        "serving_default": (shapes, scores),
        "gate": (session, gate),
        "score": (shapes | gate, scores),
        "session_state": (session, STATE | gate),
        "score_with_state": (STATE | gate | candidates, scores),
        "examples": (record, scores | {"candidates_length": ("int32", [-1])}),
    }


def _stored(tensors: Any) -> dict[str, tuple[str, list[int]]]:
    return {
        name: (tf.as_dtype(info.dtype).name, [size.size for size in info.tensor_shape.dim])
        for name, info in tensors.items()
    }


def _planned(signature: Signature) -> tuple[dict[str, Any], dict[str, Any]]:
    document = signature.to_document()
    inputs, outputs = (
        {name: (tensor["dtype"], tensor["shape"]) for name, tensor in document[part].items()}
        for part in ("inputs", "outputs")
    )
    return inputs, outputs


def test_signatures_are_what_the_spec_says(exported: ExportedModel) -> None:
    signatures = make_signatures(exported.networks, exported.encoder)
    found = {signature.name: _planned(signature) for signature in signatures}
    assert found == _expected(exported.data.spec)


def test_the_saved_model_has_these_signatures(exported: ExportedModel, served: LoadedModel) -> None:
    stored = {
        name: (_stored(definition.inputs), _stored(definition.outputs))
        for name, definition in served.signatures.items()
        if name != "__saved_model_init_op"
    }
    assert stored == _expected(exported.data.spec)


def test_the_file_beside_it_says_the_same(exported: ExportedModel) -> None:
    path = exported.export.folder / "assets.extra" / "signatures.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["gate_refusal"] is None
    assert document["spec_fingerprint"] == exported.data.spec.fingerprint
    found = {
        name: tuple(
            {key: (tensor["dtype"], tensor["shape"]) for key, tensor in signature[part].items()}
            for part in ("inputs", "outputs")
        )
        for name, signature in document["signatures"].items()
    }
    assert found == _expected(exported.data.spec)


def test_the_first_dimension_of_all_tensors_is_the_sessions(exported: ExportedModel) -> None:
    for signature in make_signatures(exported.networks, exported.encoder):
        for spec in [*signature.inputs.values(), *signature.outputs.values()]:
            assert spec.shape.rank >= 1 and spec.shape[0] is None, (signature.name, spec.name)


@pytest.mark.parametrize(
    ("model", "settings"), [("aw_moe", {"gate_context": "target"}), ("din", {}), ("dnn", {})]
)
def test_without_a_gate_network_there_is_a_state_all_the_same(
    exported: ExportedModel, model: str, settings: dict[str, Any]
) -> None:
    networks = random_networks(exported.data, model, **settings)
    signatures = {each.name: each for each in make_signatures(networks, exported.encoder)}
    assert list(signatures) == WITHOUT_GATE
    assert networks.gate_refusal
    state = signatures["session_state"].outputs
    assert "gate" not in state
    assert {name for name in state if name.startswith("state_")} == set(state)
    assert set(state) < set(signatures["score_with_state"].inputs)
