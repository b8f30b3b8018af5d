"""An encoded batch and its scores without padding, as metrics take them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import CANDIDATES, LABELS, SESSION, FeatureSpec

Batch = Mapping[str, Any]
Flat = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

MODEL, ORACLE, POPULARITY = "model", "oracle", "popularity"


class ScoreError(ValueError):
    """Scores that are no numbers: how many, of which session, and what to do."""


@dataclasses.dataclass(frozen=True)
class FlatBatch:
    """N candidates of S sessions; sessions without candidates, which are padding, are left out.

    Attributes:
        scores: By ranker and task, `[N]`: the probabilities of `model`, the true ones of `oracle`
            where they are known, and `popularity` where the spec names it.
        labels: By task, 0 or 1, `[N]`.
        lengths: Candidates of each session, `[S]`.
        present: Which sessions of the batch are left, `[B]`.
    """

    scores: Mapping[str, Mapping[str, Flat]]
    labels: Mapping[str, Flat]
    lengths: Codes
    present: npt.NDArray[np.bool_]


def flat_batch(scores: Mapping[str, npt.ArrayLike], batch: Batch, spec: FeatureSpec) -> FlatBatch:
    """Maps scores `[B, C]` by task and an encoded batch to what metrics need of them.

    Raises:
        ScoreError: If a score is NaN.
        ValueError: If scores have another shape than the labels, or a task is not in the spec.
    """
    lengths = np.asarray(batch["candidates_length"], dtype=np.int64)
    labels: dict[str, Flat] = {}
    rankers: dict[str, dict[str, Flat]] = {MODEL: {}}
    for task in _tasks(scores, spec):
        key = spec.field(LABELS, task).key
        labels[task] = _flatten(batch[key], lengths, f"Labels of task `{task}`")
        given = _flatten(scores[task], lengths, f"Scores of task `{task}`")
        _check_scores(given, task, batch, spec)
        rankers[MODEL][task] = given
        if task in spec.roles.oracle:
            known = _candidate_values(batch, spec, spec.roles.oracle[task], lengths)
            rankers.setdefault(ORACLE, {})[task] = known
    if spec.roles.popularity is not None:
        popularity = _candidate_values(batch, spec, spec.roles.popularity, lengths)
        # What nobody has counted comes last.
        popularity = np.where(np.isnan(popularity), np.float32(-np.inf), popularity)
        rankers[POPULARITY] = dict.fromkeys(labels, popularity)
    present = lengths > 0
    return FlatBatch(rankers, labels, lengths[present], present)


def _tasks(scores: Mapping[str, npt.ArrayLike], spec: FeatureSpec) -> list[str]:
    unknown = [task for task in scores if task not in spec.tasks]
    if unknown or not scores:
        raise ValueError(
            f"`score` must return the scores of tasks of spec `{spec.name}`, which has "
            f"{list(spec.tasks)}. Received: {list(scores)}"
        )
    return [task for task in spec.tasks if task in scores]


def _candidate_values(batch: Batch, spec: FeatureSpec, name: str, lengths: Codes) -> Flat:
    key = spec.field(CANDIDATES, name).key
    return _flatten(batch[key], lengths, f"Field `{key}`")


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
