"""Tiny files of evaluated sessions, without a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_auc import session_auc, session_auc_at_k
from ranking.metrics.session_ndcg import session_ndcg
from ranking.training.session_file import SessionFileWriter

CANDIDATES = 13


def document(model: str = "din", seed: int = 1, **changes: Any) -> dict[str, Any]:
    """What a file is of."""
    return {
        "model": model,
        "model_settings": {"experts": 4},
        "training_settings": {"epochs": 1},
        "seed": seed,
        "data": "data/shop",
        "manifest_sha256": "0" * 64,
        "split": "test",
        "simulated": False,
        **changes,
    }


def session_columns(
    sessions: int = 61, *, gain: float = 0.0, chance: int = 1, tasks: tuple[str, ...] = ("click",)
) -> dict[str, Any]:
    """The columns of a file: equal sessions whatever the model, scores better by `gain`.

    The first three sessions have no positive, every user has about three sessions.
    """
    rng = np.random.default_rng(23)
    history = rng.integers(0, 12, size=sessions)
    columns: dict[str, Any] = {
        "session_id": np.array([f"session {index}" for index in range(sessions)]),
        "user_id": np.array([f"user {index % (sessions // 3)}" for index in range(sessions)]),
        "history": history,
        "segment.history": np.array(["0", "1-3", "4-10", ">10"])[np.digitize(history, (1, 4, 11))],
        "segment.category": np.array(["new", "old"])[history % 2],
        "target_item_in_history": history > 7,
    }
    for task in tasks:
        labels = np.zeros((sessions, CANDIDATES))
        labels[np.arange(3, sessions), rng.integers(CANDIDATES, size=sessions - 3)] = 1.0
        noise = np.random.default_rng(chance).normal(size=labels.shape)
        columns |= _task(task, (0.7 + gain) * labels + noise, labels)
    return columns


def _task(task: str, scores: Any, labels: Any) -> dict[str, Any]:
    ranked = RankedSessions.from_padded(scores, labels, np.full(len(labels), CANDIDATES))
    return {
        f"{task}.session_auc": session_auc(ranked),
        f"{task}.auc_at_10": session_auc_at_k(ranked, 10),
        f"{task}.ndcg": session_ndcg(ranked),
        f"{task}.ndcg_at_10": session_ndcg(ranked, k=10),
        f"{task}.scores": pa.array(list(scores.astype(np.float32))),
        f"{task}.labels": pa.array(list(labels.astype(np.float32))),
    }


def write_sessions(folder: Path, columns: dict[str, Any], of: dict[str, Any]) -> Path:
    """Writes `sessions-test.parquet` into a run's folder -> the file."""
    path = folder / "sessions-test.parquet"
    with SessionFileWriter(path, of) as writer:
        writer.write(columns)
    return path
