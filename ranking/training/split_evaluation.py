"""From prepared data to the evaluation of one split."""

from ranking.features.dataset import evaluation_batches
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.training.evaluation import Evaluation, ScoreFunction, evaluate
from ranking.training.run_folder import Run

_SESSIONS_PER_BATCH = 256


def evaluate_split(run: Run, score: ScoreFunction, data: PreparedData, split: str) -> Evaluation:
    """One exact pass over a split, encoded with the run's vocabularies -> its evaluation.

    Raises:
        ValueError: If the data have no such split.
    """
    batches = evaluation_batches(
        data,
        Encoder(run.spec, run.vocabularies),
        split=split,
        sessions_per_batch=_SESSIONS_PER_BATCH,
        replicas=1,
    )
    return evaluate(score, batches, run.spec, run.vocabularies)
