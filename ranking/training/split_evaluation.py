"""From prepared data to the evaluation of one split."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.padding import padding_counts, padding_shares
from ranking.features.prepared_data import PreparedData
from ranking.features.reading_errors import explained
from ranking.training.differences import differences
from ranking.training.evaluation import Evaluation, ScoreFunction, evaluate
from ranking.training.named_batches import named_batches
from ranking.training.run_folder import SPEC_FILE, Run
from ranking.training.session_file import SessionFileWriter

_SESSIONS_PER_BATCH = 256


class SplitEvaluation:
    """Evaluates a split of `data` with the spec and vocabularies of `run`, as often as called.

    Args:
        run: The run that the scores are of.
        data: Prepared data of the run's spec.
        split: Name of the split.

    Raises:
        ValueError: If the data have no such split, or were prepared with another spec.
    """

    def __init__(self, run: Run, data: PreparedData, split: str) -> None:
        _check_same_spec(run, data)
        self._run = run
        self._data = data
        # Kept, because building them takes seconds: every transformation is traced.
        self._batches: tf.data.Dataset = named_batches(
            data,
            Encoder(run.spec, run.vocabularies),
            split=split,
            sessions_per_batch=_SESSIONS_PER_BATCH,
        )

    def __call__(
        self, score: ScoreFunction, sessions: SessionFileWriter | None = None
    ) -> Evaluation:
        """One exact pass over the split, which writes a row for each session to `sessions`.

        Raises:
            ValueError: If a record cannot be read, or a score is NaN.
        """
        counts: Counter[str] = Counter()
        batches = _counted(self._batches, counts)
        with explained(self._data):
            evaluation = evaluate(
                score, batches, self._run.spec, self._run.vocabularies, sessions=sessions
            )
        return dataclasses.replace(evaluation, padding=padding_shares(counts))


def _check_same_spec(run: Run, data: PreparedData) -> None:
    """Records hold row numbers, not values: by tables with other values, or the same in another
    order, they can be read all the same and mean something else."""
    if run.spec.fingerprint == data.spec.fingerprint:
        return
    different = differences(run.spec.to_document(), data.spec.to_document())
    raise ValueError(
        f"{data.folder} must be prepared with the resolved spec of {run.folder}, since records "
        f"hold row numbers of its tables. Different: {', '.join(different)}. Prepare the data "
        f"again: python -m pipelines.prepare --spec={run.folder / SPEC_FILE} ..."
    )


def _counted(batches: tf.data.Dataset, counts: Counter[str]) -> Iterator[Any]:
    """The batches, whose padding is added to `counts` as they pass."""
    for batch in batches:
        counts.update({name: int(count) for name, count in padding_counts(batch).items()})
        yield batch
