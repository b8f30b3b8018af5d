"""How the variance within views went during training."""

import math

import numpy as np

from pipelines.reproduction.evaluated_run import EvaluatedRun
from pipelines.usr_reproduction.curve_figures import Curve
from ranking.training.metrics_file import read_metrics

VARIANCES = {"interest_variance": "interests", "feature_variance": "features"}
"""What the history of a run calls a variance -> of what it is."""


def variance_curve(runs: list[EvaluatedRun], name: str, title: str) -> Curve | None:
    """The mean over runs of a variance after each epoch, between the smallest and the largest run.

    `None` where no run has noted it. An epoch that not all runs have is left out.
    """
    found = [_history(run, name) for run in runs]
    found = [values for values in found if values]
    epochs = min((len(values) for values in found), default=0)
    if not epochs:
        return None
    values = np.array([each[:epochs] for each in found])
    return Curve(
        title,
        list(range(1, epochs + 1)),
        values.mean(axis=0).tolist(),
        values.min(axis=0).tolist(),
        values.max(axis=0).tolist(),
    )


def _history(run: EvaluatedRun, name: str) -> list[float]:
    path = run.folder / "metrics.json"
    entries = read_metrics(path).get("history", []) if path.is_file() else []
    values = [float(entry[name]) for entry in entries if name in entry]
    return [value for value in values if math.isfinite(value)]
