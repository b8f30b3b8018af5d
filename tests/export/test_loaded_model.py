"""Calling a SavedModel by name."""

import numpy as np
import pytest

from ranking.export.loaded_model import LoadedModel
from ranking.features.inputs import example_request
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from tests.helpers.exported_model import ExportedModel

pytestmark = pytest.mark.slow


@pytest.fixture
def request_(exported: ExportedModel) -> dict[str, np.ndarray]:
    return example_request(exported.data.spec, (SESSION, BEHAVIORS, CANDIDATES), candidates=5)


def test_results_are_named(served: LoadedModel, request_: dict[str, np.ndarray]) -> None:
    (gate,) = served("gate", request_).values()
    scores = served("score", {**request_, "gate": gate})
    assert gate.shape == (1, 3)
    assert set(scores) == {"click"}
    assert scores["click"].shape == (1, 5)


def test_an_unknown_signature_is_one_clear_error(
    served: LoadedModel, request_: dict[str, np.ndarray]
) -> None:
    names = "examples, gate, score, score_with_state, serving_default, session_state"
    with pytest.raises(ValueError, match=f"must be one of .*{names}. .*'gates'"):
        served("gates", request_)


def test_a_missing_input_is_named(served: LoadedModel, request_: dict[str, np.ndarray]) -> None:
    del request_["candidates_price"]
    with pytest.raises(
        ValueError, match="of signature `serving_default`. Missing: candidates_price"
    ):
        served("serving_default", request_)
