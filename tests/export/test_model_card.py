"""The model card: for programs and for people, and never without saying what is simulated."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from ranking.export.model_card import ModelCard, TrainedModel
from ranking.export.parity import ParityReport
from ranking.export.signatures import Signature
from ranking.features.prepared_data import PreparedData
from tests.helpers.exported_model import ExportedModel, prepared_small_data

METRICS = {
    "test": {
        "all": {"auc": 0.75, "session_auc": 0.625, "ece": math.nan, "sessions": 1234},
        "grade=7": {"auc": 0.5},
    }
}
BY_TASK = {"test": {"click": {"all": {"auc": 0.75}}, "order": {"all": {"auc": 0.25}}}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepared_small_data(tmp_path_factory.mktemp("data") / "data", train=13, test=7)


def _card(data: PreparedData, **changes: Any) -> ModelCard:
    trained = TrainedModel("aw_moe", {"seed": 3, "model_settings": {"task": ""}}, METRICS, True)
    signature = Signature(
        "gate",
        lambda raw: {},
        {"hour": tf.TensorSpec([None], tf.int64, "hour")},
        {"gate": tf.TensorSpec([None, 4], tf.float32, "gate")},
    )
    parity = ParityReport(7, 1e-7, ("gate then score",), 2e-7)
    card = ModelCard(trained, data, ("click",), [signature], None, parity)
    return dataclasses.replace(card, **changes)


def test_programs_find_everything(data: PreparedData) -> None:
    document = json.loads(_card(data).to_json())
    assert document["model"] == "aw_moe" and document["simulated"] is True
    assert document["spec_fingerprint"] == data.spec.fingerprint
    assert document["data"]["splits"]["test"]["sessions"] == 7
    assert document["metrics"]["test"]["all"] == METRICS["test"]["all"] | {"ece": None}
    assert document["metrics"]["test"]["grade=7"] == {"auc": 0.5}
    assert document["settings"] == {"seed": 3, "model_settings": {"task": ""}}
    assert document["signatures"] == ["gate"]
    assert document["parity"]["equal_ways"] == ["gate then score"]
    assert document["versions"]["tensorflow"] == tf.__version__


def test_people_find_everything(data: PreparedData) -> None:
    text = _card(data).to_markdown()
    assert text.startswith("# aw_moe on spec small, trained on simulated data\n")
    assert "**The data are simulated" in text
    assert data.spec.fingerprint in text
    assert "| test | 0.6250 | 0.7500 |  |  |  |  | 1,234 |" in text
    assert "| `gate` | `hour` int64 [B] | `gate` float32 [B, 4] |" in text
    assert "7 requests: scores within 1.0e-07 of the Keras model's, by `examples` too;" in text
    assert "`gate then score` equal to `serving_default` bit for bit; merged requests" in text
    assert "server itself was not run" in text
    assert "- seed: `3`" in text
    assert "No `gate`" not in text


def test_a_card_says_why_there_is_no_gate(data: PreparedData) -> None:
    assert "No `gate`: It reads [x]." in _card(data, gate_refusal="It reads [x].").to_markdown()


def test_metrics_of_several_tasks_have_a_row_each(data: PreparedData) -> None:
    trained = TrainedModel("usr", {}, BY_TASK, False)
    text = _card(data, model=trained).to_markdown()
    assert "trained on logged data" in text and "simulated:" not in text
    assert "| test, click |  | 0.7500 |" in text and "| test, order |  | 0.2500 |" in text


def test_tasks_are_those_that_the_model_predicts(data: PreparedData) -> None:
    card = _card(data, tasks=("order", "cart"))
    assert json.loads(card.to_json())["tasks"] == ["order", "cart"]
    assert "Tasks: `order`, `cart`." in card.to_markdown()


def test_a_run_without_metrics_says_so(data: PreparedData) -> None:
    text = _card(data, model=TrainedModel("dnn", {}, {}, True)).to_markdown()
    assert "had not been evaluated when it was exported" in text


@pytest.mark.slow
def test_it_lies_in_the_version_folder(exported: ExportedModel) -> None:
    extra: Path = exported.export.folder / "assets.extra"
    card = json.loads((extra / "model_card.json").read_text(encoding="utf-8"))
    signatures = json.loads((extra / "signatures.json").read_text(encoding="utf-8"))
    assert card["signatures"] == list(signatures["signatures"])
    given = signatures["signatures"]["serving_default"]["outputs"]
    assert card["tasks"] == list(given) == ["click"]
    assert exported.data.spec.tasks == ("click", "order")
    assert card["parity"]["requests"] == exported.export.parity.requests
    text = (extra / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in exported.export.signatures)
