"""Runs on a few random sessions of a spec with few fields."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow as tf

from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData
from ranking.models.catalog import model_entry
from ranking.settings_parser import apply_overrides, split_overrides
from ranking.sources.session_table import arrow_schema
from ranking.training.run_folder import Run, start_run
from ranking.training.settings import TrainingSettings
from ranking.training.trainer import Trainer
from tests.helpers.list_source import list_source
from tests.helpers.specs import shop_spec

SPEC = shop_spec(query=("query",), session_id="session_id", user_id="user_id")


def small_data(folder: Path, **sessions: int) -> PreparedData:
    """Prepared data with that many sessions in each split, by the name of the split."""
    batches = {split: [small_batch(count, split)] for split, count in sessions.items()}
    return prepare(SPEC, list_source(batches), folder, shards=2)


def small_batch(count: int, seed: str, **changes: Any) -> pa.RecordBatch:
    """`count` random sessions; `changes` replace values of the first candidate of session 1."""
    chance = random.Random(seed)
    rows = [_session(chance, number, seed) for number in range(count)]
    rows[min(1, count - 1)]["candidates"][0] |= changes
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema(SPEC))


def small_run(folder: Path, data: PreparedData, model: str = "dnn", **overrides: str) -> Run:
    """A run of small batches; `overrides` are settings of the model or the training, as typed."""
    training = TrainingSettings(
        learning_rate=0.01, batch_size=40, negatives_per_positive=None, steps_per_call=3
    )
    groups = {"model": model_entry(model).settings_class(), "training": training}
    parts = split_overrides(overrides, groups)
    return Run(
        folder=folder,
        model=model,
        model_settings=apply_overrides(groups["model"], parts["model"]),
        training=apply_overrides(training, parts["training"]),
        seed=3,
        data=data.folder,
        simulated=data.manifest.simulated,
        spec=data.spec,
    )


def started(
    run: Run,
    data: PreparedData,
    *,
    strategy: tf.distribute.Strategy | None = None,
    max_steps: int | None = None,
    data_service: str | None = None,
) -> Trainer:
    """The trainer of a run whose folder is there, or is made."""
    start_run(run, data)
    strategy = strategy or tf.distribute.get_strategy()
    return Trainer(run, data, strategy, max_steps=max_steps, data_service=data_service)


def _session(chance: random.Random, number: int, seed: str) -> dict[str, Any]:
    def item() -> dict[str, Any]:
        tags = [chance.randint(1, 7) for _ in range(chance.randint(0, 3))]
        return {"item": f"item-{chance.randint(0, 22)}", "tags": tags}

    clicked = chance.randint(0, 2)
    return {
        "query": chance.choice(["red shoes", "boots", None]),
        "session_id": f"{seed}-{number}",
        "time": 1_700_000_000 + number,
        "user_id": f"user-{chance.randint(0, 12)}",
        "behaviors": [item() for _ in range(chance.randint(0, 7))],
        "candidates": [
            {**item(), "price": chance.uniform(1, 80), "click": int(place == clicked)}
            for place in range(chance.randint(3, 5))
        ],
    }
