"""Folders of runs as training leaves them, with scores made up."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.reproduction.system_settings import asked_settings
from pipelines.reproduction.systems import SYSTEMS
from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_auc import session_auc, session_auc_at_k
from ranking.metrics.session_ndcg import session_ndcg
from ranking.training.metrics_file import write_metrics
from ranking.training.session_file import SessionFileWriter

SESSIONS = 211
_EXPERTS = 3


def fake_run(
    runs: Path,
    system: str,
    seed: int,
    *,
    skill: float = 0.5,
    order: int = 0,
    data_seed: int = 0,
    changed: Mapping[str, str] | None = None,
    data: str = "data/made-up",
    manifest: str | None = None,
    simulated: bool = True,
) -> Path:
    """A finished run of a system whose scores know the labels as well as `skill` says.

    `order` shuffles the rows of its session file, `data_seed` makes other sessions, `changed` are
    settings beside those that define the system, `data` and `manifest` what it says of its data.
    """
    settings = _settings(system, dict(changed or {}))
    folder = runs / f"{system}-seed{seed}"
    folder.mkdir(parents=True)
    document = {**settings, "seed": seed, "data": data, "simulated": simulated}
    if manifest is not None:
        document["manifest_sha256"] = manifest
    (folder / "settings.json").write_text(
        json.dumps({**document, "versions": {"keras": "9.9"}}), encoding="utf-8"
    )
    rankers = {"oracle": {"session_auc": 0.9, "ndcg": 0.8}}
    write_metrics(
        folder / "metrics.json",
        {"test": {"all": {"references": rankers}}, "train": {"steps": 7, "best_step": 7}},
    )
    columns = _columns(system, seed, skill, data_seed)
    rows = np.random.default_rng(order).permutation(SESSIONS) if order else np.arange(SESSIONS)
    with SessionFileWriter(
        folder / "sessions-test.parquet", {**document, "split": "test"}
    ) as writer:
        writer.write({name: _taken(values, rows) for name, values in columns.items()})
    return folder


def _settings(system: str, changed: dict[str, str]) -> dict[str, Any]:
    entry = SYSTEMS[system]
    return asked_settings(entry, {**changed, **entry.settings}, "fast")


def _columns(system: str, seed: int, skill: float, data_seed: int) -> dict[str, Any]:
    chance = np.random.default_rng([17, data_seed])
    lengths = chance.integers(2, 14, size=SESSIONS)
    labels = [_labels(chance, length) for length in lengths]
    difficulty = [chance.normal(size=length) for length in lengths]
    history = chance.integers(0, 23, size=SESSIONS)
    users = [f"user-{number}" for number in chance.integers(0, 89, size=SESSIONS)]
    ages = chance.choice(["18-24", "50+"], size=SESSIONS)
    own = np.random.default_rng([seed, *system.encode()])
    scores = [
        (skill * label + hard + 0.3 * own.normal(size=len(label))).astype(np.float32)
        for label, hard in zip(labels, difficulty, strict=True)
    ]
    columns: dict[str, Any] = {
        "session_id": [f"session-{number}" for number in range(SESSIONS)],
        "user_id": users,
        "history": history,
        "segment.history": np.where(history > 3, ">3", "0-3").tolist(),
        "segment.age_group": ages.tolist(),
        **_metrics(scores, labels, lengths),
        "click.scores": scores,
        "click.labels": labels,
        "target_item_in_history": own.random(SESSIONS) < 0.4,
    }
    if "aw_moe" in system:
        # Few different gates, because finding places for many takes t-SNE many seconds.
        gates = own.normal(1.0, 0.3, size=(5, _EXPERTS)).astype(np.float32)
        columns["gate"] = list(gates[own.integers(0, 5, size=SESSIONS)])
    return columns


def _labels(chance: np.random.Generator, length: int) -> Any:
    labels = (np.arange(length) < chance.integers(0, 3)).astype(np.float32)
    return chance.permutation(labels)


def _metrics(scores: list[Any], labels: list[Any], lengths: Any) -> dict[str, Any]:
    ranked = RankedSessions(np.concatenate(scores), np.concatenate(labels), lengths)
    return {
        "click.session_auc": session_auc(ranked),
        "click.auc_at_10": session_auc_at_k(ranked, 10),
        "click.auc_at_10_skip": session_auc_at_k(ranked, 10, undefined="skip"),
        "click.ndcg": session_ndcg(ranked),
        "click.ndcg_at_10": session_ndcg(ranked, 10),
    }


def _taken(values: Any, rows: Any) -> Any:
    return [values[row] for row in rows] if isinstance(values, list) else values[rows]
