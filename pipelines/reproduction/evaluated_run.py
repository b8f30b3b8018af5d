"""A run's evaluation, session by session, in an order that all runs share."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.training.session_file import SessionFile

Array = npt.NDArray[np.float64]

ONE_NEGATIVE = "auc_one_negative"
SESSION_METRICS = ("session_auc", "auc_at_10", "auc_at_10_skip", "ndcg", "ndcg_at_10")


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """The metrics of one run.

    Attributes:
        system: Name of its system.
        seed: Its seed.
        sessions_path: The file that they are from.
        document: What that file says it is of.
        metrics: Metric -> its value in each session, `[S]`, NaN where a session has none: those of
            the file for the first task, and `ONE_NEGATIVE`, the AUC against the first negative of
            the record.
        rows: The row of each session in that file, `[S]`.
    """

    system: str
    seed: int
    sessions_path: Path
    document: dict[str, Any]
    metrics: dict[str, Array]
    rows: npt.NDArray[np.int64]

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.system}-seed{self.seed}"

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.sessions_path.parent

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name."""
        parts = ("model_settings", "training_settings")
        return {name: value for part in parts for name, value in self.document[part].items()}


def session_metrics(
    sessions: SessionFile, task: str, rows: npt.NDArray[np.int64]
) -> dict[str, Array]:
    """The metrics of a task, for the rows of a file in the order that is wanted."""
    metrics = {
        name: sessions.column(f"{task}.{name}").astype(np.float64) for name in SESSION_METRICS
    }
    scores, lengths = sessions.lists(f"{task}.scores")
    labels, _ = sessions.lists(f"{task}.labels")
    metrics[ONE_NEGATIVE] = auc_against_first_negative(scores, labels, lengths)
    return {name: values[rows] for name, values in metrics.items()}


def auc_against_first_negative(
    scores: npt.ArrayLike, labels: npt.ArrayLike, lengths: npt.ArrayLike
) -> Array:
    """Maps flat scores and labels of sessions of `lengths` `[S]` to an AUC with one negative each.

    Where negatives were sampled, the first is a random one, which is what Table V's AUC is over. A
    tie counts one half; a session without positives or negatives has NaN.

    Example:
        >>> auc_against_first_negative([3, 5, 1, 2, 2], [1, 0, 0, 1, 0], [3, 2])
        array([0. , 0.5])
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(labels) > 0
    counts = np.asarray(lengths, dtype=np.int64)
    session = np.repeat(np.arange(len(counts)), counts)
    with_negative, first = np.unique(session[~positive], return_index=True)
    rival = np.full(len(counts), np.nan)
    rival[with_negative] = values[~positive][first]
    ahead = values[positive] - rival[session[positive]]
    won = np.where(ahead > 0, 1.0, np.where(ahead == 0, 0.5, 0.0))
    won = np.where(np.isnan(ahead), np.nan, won)
    positives = np.bincount(session[positive], minlength=len(counts)).astype(np.float64)
    sums = np.bincount(session[positive], weights=won, minlength=len(counts))
    auc: Array = np.full(len(counts), np.nan)
    np.divide(sums, positives, out=auc, where=positives > 0)
    return auc
