"""Whether a written SavedModel answers as the Keras model does."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.export.loaded_model import LoadedModel
from ranking.export.signatures import GATE_SIGNATURE, SCORE_SIGNATURE, SERVING_DEFAULT
from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import GATE, full_scores

TOLERANCE = 2e-6
_REMEDY = (
    "Nothing was published. Export with the versions of TensorFlow and Keras that the model was "
    "trained with."
)

Raw = Mapping[str, np.ndarray]
Scores = Mapping[str, np.ndarray]


class ParityError(ValueError):
    """A SavedModel that does not answer as the model it was made from."""


@dataclasses.dataclass(frozen=True)
class ParityReport:
    """What a parity check saw.

    Attributes:
        requests: Requests compared, one session each.
        largest_difference: Largest absolute difference between a score of the SavedModel and the
            Keras model's.
        gate_checked: Whether `gate` then `score` was compared with `serving_default`, bit by bit.
    """

    requests: int
    largest_difference: float
    gate_checked: bool


def check_parity(
    folder: Path, networks: RankingNetworks, encoder: Encoder, requests: Sequence[Raw]
) -> ParityReport:
    """A written SavedModel against the Keras model, on raw sessions (`B = 1` each).

    Raises:
        ParityError: If a score is not a number or differs by more than rounding, or if `gate` then
            `score` differs from `serving_default` at all.
    """
    reference = _keras_scores(networks, encoder)
    model = LoadedModel(folder)
    largest = 0.0
    try:
        for index, raw in enumerate(requests):
            scores = model(SERVING_DEFAULT, raw)
            largest = max(largest, _difference(scores, reference(raw), index))
            if networks.gate is not None:
                _check_gate(model, raw, scores, index)
    finally:
        model.close()
    return ParityReport(len(requests), largest, networks.gate is not None)


def _keras_scores(networks: RankingNetworks, encoder: Encoder) -> Callable[[Raw], Scores]:
    """Raw session -> the Keras model's scores, compiled once for all shapes."""
    inputs = raw_signature(encoder.spec, (SESSION, BEHAVIORS, CANDIDATES))

    @tf.function(input_signature=[inputs], autograph=False)
    def compiled(raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return full_scores(networks, encoder(raw))

    def score(raw: Raw) -> Scores:
        tensors = {key: tf.constant(raw[key], spec.dtype) for key, spec in inputs.items()}
        return {task: scores.numpy() for task, scores in compiled(tensors).items()}

    return score


def _difference(scores: Scores, expected: Scores, index: int) -> float:
    """The largest difference between the scores of request `index`."""
    largest = 0.0
    for task, values in scores.items():
        if not np.all(np.isfinite(values)):
            raise ParityError(
                f"Scores must be finite. Request {index}, task `{task}`: "
                f"{np.count_nonzero(~np.isfinite(values))} of {values.size} are not. Nothing was "
                "published. Where the training diverged, train with a smaller `learning_rate`."
            )
        difference = float(np.max(np.abs(values - expected[task]), initial=0.0))
        if not difference <= TOLERANCE:
            raise ParityError(
                f"The SavedModel must score as the Keras model does, to within {TOLERANCE:g}. "
                f"Request {index}, task `{task}`: off by {difference:.3g}. {_REMEDY}"
            )
        largest = max(largest, difference)
    return largest


def _check_gate(model: LoadedModel, raw: Raw, scores: Scores, index: int) -> None:
    gate = model(GATE_SIGNATURE, raw)[GATE]
    split = model(SCORE_SIGNATURE, {**raw, GATE: gate})
    for task, values in scores.items():
        if not np.array_equal(split[task], values):
            difference = float(np.max(np.abs(split[task] - values), initial=0.0))
            raise ParityError(
                "`gate` then `score` must equal `serving_default` bit for bit. Request "
                f"{index}, task `{task}`: off by {difference:.3g}. {_REMEDY}"
            )
