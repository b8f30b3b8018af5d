"""Folders of runs of the USR reproduction, with scores made up for two scenarios and two tasks."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.reproduction.system_settings import asked_settings
from pipelines.usr_reproduction.usr_systems import SYSTEMS
from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_metrics import session_metrics
from ranking.training.metrics_file import write_metrics
from ranking.training.session_file import SessionFileWriter

SESSIONS = 223
TASKS = ("click", "order")


def fake_usr_run(
    runs: Path,
    system: str,
    seed: int,
    *,
    skill: float = 0.5,
    data_seed: int = 0,
    tasks: tuple[str, ...] = TASKS,
    history: Mapping[str, list[float]] | None = None,
    data: str = "data/made-up",
    simulated: bool = True,
    never: Collection[tuple[str, str]] = (),
) -> Path:
    """A finished run of a system whose scores know the labels as well as `skill` says.

    `data_seed` makes other sessions, `history` are values of each epoch by name, `data` is what it
    says of its data, `never` has scenarios and tasks without a positive.
    """
    entry = SYSTEMS[system]
    folder = runs / f"{system}-seed{seed}"
    folder.mkdir(parents=True)
    document = {
        **asked_settings(entry, dict(entry.settings), "fast"),
        "seed": seed,
        "data": data,
        "simulated": simulated,
    }
    (folder / "settings.json").write_text(
        json.dumps({**document, "versions": {"keras": "9.9"}}), encoding="utf-8"
    )
    epochs = [
        dict(zip(history or {}, values, strict=True))
        for values in zip(*(history or {}).values(), strict=True)
    ]
    write_metrics(folder / "metrics.json", {"train": {"steps": 7}, "history": epochs})
    columns = _columns(system, seed, skill, data_seed, tasks, never)
    with SessionFileWriter(
        folder / "sessions-test.parquet", {**document, "split": "test"}
    ) as writer:
        writer.write(columns)
    return folder


def _columns(
    system: str,
    seed: int,
    skill: float,
    data_seed: int,
    tasks: tuple[str, ...],
    never: Collection[tuple[str, str]],
) -> dict[str, Any]:
    chance = np.random.default_rng([19, data_seed])
    own = np.random.default_rng([seed, *system.encode()])
    lengths = chance.integers(2, 14, size=SESSIONS)
    scenario = chance.choice(["recommendation", "search"], size=SESSIONS)
    columns: dict[str, Any] = {
        "session_id": [f"session-{number}" for number in range(SESSIONS)],
        "user_id": [f"user-{number}" for number in chance.integers(0, 89, size=SESSIONS)],
        "history": chance.integers(0, 23, size=SESSIONS),
        "segment.scenario": scenario.tolist(),
    }
    for task in tasks:
        labels = (chance.random(int(lengths.sum())) < 0.25).astype(np.float32)
        can_be = [(each, task) not in never for each in scenario.tolist()]
        labels *= np.repeat(can_be, lengths)
        hard = chance.normal(size=len(labels))
        scores = (skill * labels + hard + 0.3 * own.normal(size=len(labels))).astype(np.float32)
        ranked = RankedSessions(scores, labels, lengths)
        columns |= {f"{task}.{name}": each for name, each in session_metrics(ranked).items()}
        ends = np.cumsum(lengths)[:-1]
        columns[f"{task}.scores"] = np.split(scores, ends)
        columns[f"{task}.labels"] = np.split(labels, ends)
    return columns
