"""One exact pass over a split: from scores to metrics by task and segment."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import CANDIDATES, LABELS, SESSION, FeatureSpec
from ranking.metrics.ranked_sessions import Array
from ranking.training.segments import Segmentation
from ranking.training.task_metrics import TaskMetrics

Batch = Mapping[str, Any]
ScoreFunction = Callable[[Any], Mapping[str, npt.ArrayLike]]
Flat = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]
Segments = dict[str, dict[str, Any]]

ALL = "all"


class ScoreError(ValueError):
    """Scores that are no numbers: how many, of which session, and what to do."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What one pass saw, flat: N candidates of S sessions, padding left out.

    Attributes:
        scores: The model's probabilities `[N]`, by task.
        labels: 0 or 1, `[N]`, by task.
        oracle: The true probabilities `[N]`, by task, for tasks of which they are known.
        popularity: The candidates' popularity `[N]`, where the spec names it.
        lengths: Candidates of each session, `[S]`.
        codes: The segment of each session, `[S]` by dimension.
        segmentation: What the codes stand for.
    """

    scores: Mapping[str, Flat]
    labels: Mapping[str, Flat]
    oracle: Mapping[str, Flat]
    popularity: Flat | None
    lengths: Codes
    codes: Mapping[str, Codes]
    segmentation: Segmentation

    def metrics(self) -> dict[str, Segments]:
        """The metrics of the model by task: `{"click": {"all": {...}, "scenario=search": {...}}}`.

        Each segment holds `session_auc`, `session_auc_micro` (all pairs of all sessions count the
        same), `auc_at_10` and `auc_at_10_skip` (the two readings), `ndcg`, `ndcg_at_10`, `auc`
        (pooled), `log_loss`, `pcoc`, `ece`, and the counts `sessions`, `sessions_with_auc`
        (both classes), `sessions_with_positive`, `candidates`, `positives`. NaN where a segment
        has no such number.
        """
        return {task: self._by_segment(self._model(task)) for task in self.scores}

    def references(self) -> dict[str, dict[str, Segments]]:
        """The metrics of the rankers `oracle` and `popularity`, each in the form of `metrics`.

        A ranker that the data does not have is left out. Popularity is no probability, so its log
        loss and calibration are NaN.
        """
        references = {}
        if self.oracle:
            references["oracle"] = {
                task: self._by_segment(TaskMetrics(scores, self.labels[task], self.lengths))
                for task, scores in self.oracle.items()
            }
        if self.popularity is not None:
            references["popularity"] = {
                task: self._by_segment(
                    TaskMetrics(self.popularity, labels, self.lengths, are_probabilities=False)
                )
                for task, labels in self.labels.items()
            }
        return references

    def report(self) -> dict[str, Segments]:
        """The form of `metrics`, each segment with one more entry: `references`.

        It holds the segment's metrics of each reference ranker that the data has, by its name.
        """
        report = self.metrics()
        for ranker, by_task in self.references().items():
            for task, segments in by_task.items():
                for segment, metrics in segments.items():
                    report[task][segment].setdefault("references", {})[ranker] = metrics
        return report

    def document(self) -> dict[str, Any]:
        """What `metrics.json` holds of a split: `{"all": {...}, "scenario=search": {...}, ...}`.

        That is `report`, without the name of the task where there is one alone.
        """
        report = self.report()
        return dict(report) if len(report) > 1 else dict(next(iter(report.values())))

    def per_session(self, task: str) -> dict[str, Array]:
        """The model's metrics of each session, `[S]` by name; NaN where a session has none."""
        return self._model(task).per_session

    def _model(self, task: str) -> TaskMetrics:
        return TaskMetrics(self.scores[task], self.labels[task], self.lengths)

    def _by_segment(self, ranking: TaskMetrics) -> Segments:
        everything = ranking.by_group(np.zeros(len(self.lengths), dtype=np.int64))
        segments: Segments = {ALL: everything[0]}
        for dimension, codes in self.codes.items():
            for code, metrics in ranking.by_group(codes).items():
                segments[f"{dimension}={self.segmentation.name(dimension, code)}"] = metrics
        return segments


def evaluate(
    score: ScoreFunction,
    batches: Iterable[Batch],
    spec: FeatureSpec,
    vocabulary_folder: str | Path | None = None,
) -> Evaluation:
    """Scores encoded evaluation batches, each session once, and keeps what metrics need.

    Args:
        score: Maps a batch to `{task: probabilities [B, C]}`, the same tasks for every batch.
        batches: Encoded batches with labels and metadata. Sessions with `candidates_length` 0 are
            padding and left out.
        spec: The fields of the batches.
        vocabulary_folder: Where `<table>.txt` lies, to call segments by their values.

    Raises:
        ScoreError: If a score is NaN.
        ValueError: If there is no session, scores have another shape than the labels, or a task is
            not in the spec.
    """
    segmentation = Segmentation(spec, vocabulary_folder)
    parts: dict[str, list[npt.NDArray[Any]]] = {}
    for batch in batches:
        for key, values in _flat_batch(score(batch), batch, spec, segmentation).items():
            parts.setdefault(key, []).append(values)
    if not any(len(lengths) for lengths in parts.get("lengths", [])):
        raise ValueError("There is no session to evaluate: the split is empty.")
    return _evaluation({key: np.concatenate(part) for key, part in parts.items()}, segmentation)


def _flat_batch(
    scores: Mapping[str, npt.ArrayLike],
    batch: Batch,
    spec: FeatureSpec,
    segmentation: Segmentation,
) -> dict[str, npt.NDArray[Any]]:
    """The parts of one batch that metrics need, padding left out, by group and name."""
    lengths = np.asarray(batch["candidates_length"], dtype=np.int64)
    present = lengths > 0
    flat: dict[str, npt.NDArray[Any]] = {"lengths": lengths[present]}
    for task in _tasks(scores, spec):
        labels = batch[spec.field(LABELS, task).key]
        flat[f"labels/{task}"] = _flatten(labels, lengths, f"Labels of task `{task}`")
        flat[f"scores/{task}"] = _flatten(scores[task], lengths, f"Scores of task `{task}`")
        _check_scores(flat[f"scores/{task}"], task, batch, spec)
        if task in spec.roles.oracle:
            key = spec.field(CANDIDATES, spec.roles.oracle[task]).key
            flat[f"oracle/{task}"] = _flatten(batch[key], lengths, f"Field `{key}`")
    if spec.roles.popularity is not None:
        key = spec.field(CANDIDATES, spec.roles.popularity).key
        popularity = _flatten(batch[key], lengths, f"Field `{key}`")
        flat["popularity"] = np.where(np.isnan(popularity), -np.inf, popularity)
    for dimension, codes in segmentation.codes(batch).items():
        flat[f"codes/{dimension}"] = codes[present]
    return flat


def _tasks(scores: Mapping[str, npt.ArrayLike], spec: FeatureSpec) -> list[str]:
    unknown = [task for task in scores if task not in spec.tasks]
    if unknown or not scores:
        raise ValueError(
            f"`score` must return the scores of tasks of spec `{spec.name}`, which has "
            f"{list(spec.tasks)}. Received: {list(scores)}"
        )
    return [task for task in spec.tasks if task in scores]


def _flatten(values: npt.ArrayLike, lengths: Codes, what: str) -> Flat:
    """The first `lengths` `[B]` values of each row of `[B, C]`, one after the other."""
    padded = np.asarray(values)
    if padded.ndim != 2 or len(padded) != len(lengths) or padded.shape[1] < lengths.max(initial=0):
        raise ValueError(
            f"{what} must have shape [{len(lengths)}, {lengths.max(initial=0)} or more], one per "
            f"candidate. Received: shape {padded.shape}"
        )
    valid = np.arange(padded.shape[1]) < lengths[:, None]
    return padded[valid].astype(np.float32)


def _check_scores(scores: Flat, task: str, batch: Batch, spec: FeatureSpec) -> None:
    missing = np.flatnonzero(np.isnan(scores))
    if not len(missing):
        return
    lengths = np.asarray(batch["candidates_length"])
    row = int(np.repeat(np.arange(len(lengths)), lengths)[missing[0]])
    session = f"row {row} of its batch"
    if spec.roles.session_id is not None:
        value = np.asarray(batch[spec.field(SESSION, spec.roles.session_id).key])[row]
        session = f"`{value.decode('utf-8', 'replace') if isinstance(value, bytes) else value}`"
    raise ScoreError(
        f"Scores of task `{task}` must be numbers. Received: {len(missing)} NaN in one batch, the "
        f"first in session {session}. If training diverged, lower the learning rate or evaluate an "
        "earlier checkpoint."
    )


def _evaluation(flat: Mapping[str, npt.NDArray[Any]], segmentation: Segmentation) -> Evaluation:
    def group(prefix: str) -> dict[str, npt.NDArray[Any]]:
        start = f"{prefix}/"
        return {k.removeprefix(start): v for k, v in flat.items() if k.startswith(start)}

    return Evaluation(
        scores=group("scores"),
        labels=group("labels"),
        oracle=group("oracle"),
        popularity=flat.get("popularity"),
        lengths=flat["lengths"],
        codes=group("codes"),
        segmentation=segmentation,
    )
