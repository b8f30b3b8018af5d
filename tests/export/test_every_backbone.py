"""The models of several scenarios, each backbone by itself and within USR, exported."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranking.backbones.catalog import BACKBONES
from ranking.export.merged_requests import merge_requests
from ranking.export.parity import TOLERANCE
from ranking.export.parity_sessions import Request, parity_sessions
from ranking.export.saved_model import export_networks
from ranking.export.signatures import make_signatures
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.models.catalog import MODELS
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import full_scores
from tests.helpers.exported_model import random_networks, trained_model
from tests.helpers.scenario_sessions import two_scenarios

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "embedding_size": 8,
    "feature_size": 3,
    "backbone_hidden_sizes": (16, 12, 8),
}
# `aw_moe` is also a model of one scenario.
ALONE = {name: ("aw_moe_backbone" if name == "aw_moe" else name, {}) for name in BACKBONES}
WITHIN_USR = {f"usr around {name}": ("usr", {"backbone": name}) for name in BACKBONES}
# TensorFlow adds up in another order where the records are parsed.
ROUNDED_OTHERWISE = {
    "usr of two layers": ("usr", {"sequence_layers": 2, "sequence_output": "mean"})
}
CASES: dict[str, tuple[str, dict[str, Any]]] = ALONE | WITHIN_USR | ROUNDED_OTHERWISE
SESSIONS, EDGES = 11, 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return two_scenarios(tmp_path_factory.mktemp("scenarios") / "data", train=41, test=SESSIONS)


@pytest.fixture(scope="module")
def encoder(data: PreparedData) -> Encoder:
    return Encoder(data.spec, data.vocabulary_folder)


@pytest.fixture(scope="module")
def requests(data: PreparedData) -> list[Request]:
    return parity_sessions(data)


def test_no_model_of_several_scenarios_is_left_out() -> None:
    several = {name for name, entry in MODELS.items() if "several scenarios" in entry.summary}
    assert {model for model, _ in ALONE.values()} == several and len(CASES) == 15


@pytest.mark.parametrize("case", CASES)
def test_it_is_cut_in_two_and_answers_as_in_keras(
    case: str,
    data: PreparedData,
    encoder: Encoder,
    requests: list[Request],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ranking.export.saved_model.parity_sessions", lambda _: requests)
    model, settings = CASES[case]
    networks = random_networks(data, model, **SMALL, **settings)
    _check_scores_differ(networks, encoder, requests)
    export = export_networks(networks, encoder, data, tmp_path, trained_model(model))
    assert export.signatures == (
        "serving_default",
        "session_state",
        "score_with_state",
        "examples",
    )
    assert "gate" in str(export.gate_refusal)
    # Each was compared with the Keras model, or with `serving_default` bit by bit.
    assert export.parity.requests == SESSIONS + 2 * EDGES
    assert export.parity.largest_difference <= TOLERANCE
    assert export.parity.equal_ways == ("session_state then score_with_state",)
    assert 0 < export.parity.largest_merged_difference <= TOLERANCE
    _check_halves(networks, encoder)


def _check_scores_differ(
    networks: RankingNetworks, encoder: Encoder, requests: list[Request]
) -> None:
    """A model that scores everything alike would agree with anything."""
    recorded = [request for request in requests if "examples" in request]
    scores = full_scores(networks, encoder(_fields(merge_requests(recorded))))
    assert set(scores) == {"click", "order"}
    for values in scores.values():
        real = np.asarray(values)[np.asarray(values) > 0]
        assert np.unique(real).size > 20 and np.ptp(real) > 1e-3


def _check_halves(networks: RankingNetworks, encoder: Encoder) -> None:
    """The state goes from one signature to the other; candidates come with the second alone."""
    by_name = {each.name: each for each in make_signatures(networks, encoder)}
    first, second = by_name["session_state"], by_name["score_with_state"]
    assert not any(name.startswith("candidates_") for name in first.inputs)
    rest = set(second.inputs) - set(first.outputs)
    assert rest == {"candidates_item", "candidates_price", "candidates_length"}
    assert {"state_behaviors_length", "state_session"} & set(first.outputs)


def _fields(request: Request) -> Request:
    return {name: value for name, value in request.items() if name != "examples"}
