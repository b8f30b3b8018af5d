"""Rankers that are no models: what the most popular item, and the truth, would have reached."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.reproduction.evaluated_run import EvaluatedRun
from ranking.training.metrics_file import read_metrics

_TITLES = {"popularity": "Popularity alone", "oracle": "Oracle"}


def references(
    runs: Iterable[EvaluatedRun], task: str, segment: str = "all"
) -> dict[str, Mapping[str, float]]:
    """Maps runs to the metrics of the rankers that their `metrics.json` knows, by title.

    All runs saw the same sessions, so the first that has a ranker's numbers is taken.

    Args:
        runs: Runs of any systems.
        task: What was predicted.
        segment: `all`, or `dimension=name`.
    """
    found: dict[str, Mapping[str, float]] = {}
    for run in runs:
        path = run.folder / "metrics.json"
        test = read_metrics(path).get("test", {}) if path.is_file() else {}
        segments: Any = test.get(task, test)
        rankers = segments.get(segment, {}).get("references", {})
        for ranker, title in _TITLES.items():
            if ranker in rankers:
                found.setdefault(title, _numbers(rankers[ranker]))
    return found


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not math.isnan(value)
    }
