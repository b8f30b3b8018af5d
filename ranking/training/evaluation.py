"""One exact pass over a split: from scores to metrics by task and segment."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import FeatureSpec
from ranking.metrics.metric_stream import MetricStream
from ranking.models.scoring import GATE
from ranking.training.flat_batch import MODEL, POPULARITY, Batch, Codes, FlatBatch, flat_batch
from ranking.training.segments import Segmentation
from ranking.training.session_file import SessionFileWriter
from ranking.training.session_rows import SessionRows, segment_names

ScoreFunction = Callable[[Any], Mapping[str, npt.ArrayLike]]
Segments = dict[str, dict[str, Any]]

ALL = "all"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The sums that one pass over a split left behind.

    Attributes:
        streams: By ranker (`model`, and `oracle` and `popularity` where the data has them) and
            task.
        segmentation: What the codes of segments stand for.
        padding: Shares of the batches that held nothing, see `padding_shares`; empty where nobody
            counted.
    """

    streams: Mapping[str, Mapping[str, MetricStream]]
    segmentation: Segmentation
    padding: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def metrics(self) -> dict[str, Segments]:
        """The metrics of the model by task: `{"click": {"all": {...}, "scenario=search": {...}}}`.

        Each segment holds what `MetricStream.everything` names.
        """
        return self._by_task(MODEL)

    def references(self) -> dict[str, dict[str, Segments]]:
        """The metrics of the rankers `oracle` and `popularity`, each in the form of `metrics`.

        A ranker that the data does not have is left out. Popularity is no probability, so its log
        loss and calibration are NaN.
        """
        return {ranker: self._by_task(ranker) for ranker in self.streams if ranker != MODEL}

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

    def _by_task(self, ranker: str) -> dict[str, Segments]:
        return {task: self._segments(stream) for task, stream in self.streams[ranker].items()}

    def _segments(self, stream: MetricStream) -> Segments:
        segments: Segments = {ALL: stream.everything()}
        for dimension, by_code in stream.by_group().items():
            for code, metrics in by_code.items():
                segments[f"{dimension}={self.segmentation.name(dimension, code)}"] = metrics
        return segments


def evaluate(
    score: ScoreFunction,
    batches: Iterable[Batch],
    spec: FeatureSpec,
    vocabulary_folder: str | Path | None = None,
    *,
    sessions: SessionFileWriter | None = None,
) -> Evaluation:
    """Scores encoded evaluation batches, each session once, and adds up what metrics need.

    Memory does not grow with the number of sessions.

    Args:
        score: Maps a batch to `{task: probabilities [B, C]}`, the same tasks for every batch. It
            may add `gate`, `[B, K]` or `[B, C, K]`, for the session file.
        batches: Encoded batches with labels and metadata. Sessions with `candidates_length` 0 are
            padding and left out.
        spec: The fields of the batches.
        vocabulary_folder: Where `<table>.txt` lies, to call segments by their values.
        sessions: Where to write a row for each session, in their order (see `SessionFile`).

    Raises:
        ScoreError: If a score is NaN.
        ValueError: If there is no session, scores have another shape than the labels, or a task is
            not in the spec.
    """
    segmentation = Segmentation(spec, vocabulary_folder)
    rows = SessionRows(spec, vocabulary_folder)
    streams: dict[str, dict[str, MetricStream]] = {}
    for batch in batches:
        outputs = dict(score(batch))
        gate = None if GATE in spec.tasks else outputs.pop(GATE, None)
        flat = flat_batch(outputs, batch, spec)
        if not len(flat.lengths):
            continue
        codes = {name: of[flat.present] for name, of in segmentation.codes(batch).items()}
        metrics = _add(streams, flat, codes)
        if sessions is not None:
            segments = segment_names(segmentation, codes)
            sessions.write(rows.columns(batch, flat, segments=segments, metrics=metrics, gate=gate))
    if not streams:
        raise ValueError("There is no session to evaluate: the split is empty.")
    return Evaluation(streams, segmentation)


def _add(
    streams: dict[str, dict[str, MetricStream]], flat: FlatBatch, codes: Mapping[str, Codes]
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    """Adds a batch to the streams -> the model's metrics of each session, by task and name."""
    metrics = {}
    for ranker, by_task in flat.scores.items():
        for task, scores in by_task.items():
            stream = streams.setdefault(ranker, {}).setdefault(
                task, MetricStream(are_probabilities=ranker != POPULARITY)
            )
            per_session = stream.update(scores, flat.labels[task], flat.lengths, codes)
            if ranker == MODEL:
                metrics[task] = per_session
    return metrics
