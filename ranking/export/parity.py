"""Whether a written SavedModel answers as the Keras model does."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.export.signatures import GATE_SIGNATURE, SCORE_SIGNATURE, SERVING_DEFAULT
from ranking.features.encoder import Encoder
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import GATE, full_scores

TOLERANCE = 2e-6
Raw = Mapping[str, np.ndarray]


class ParityError(ValueError):
    """A SavedModel that does not answer as the model it was made from."""


@dataclasses.dataclass(frozen=True)
class ParityReport:
    """What a parity check saw.

    Attributes:
        sessions: Sessions compared, one request each.
        largest_difference: Largest absolute difference between a score of the SavedModel and the
            Keras model's.
        gate_checked: Whether `gate` then `score` was compared with `serving_default`, bit by bit.
    """

    sessions: int
    largest_difference: float
    gate_checked: bool


class LoadedModel:
    """A SavedModel in the graph-and-session loader, which fails where TensorFlow Serving's does.

    `tf.saved_model.load` is more forgiving: it accepts models that a server refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        meta = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        self.signatures = dict(meta.signature_def)

    def __call__(self, signature: str, inputs: Raw) -> dict[str, np.ndarray]:
        """Named inputs -> named results of `signature`; inputs it does not name are left out."""
        definition = self.signatures[signature]
        feeds = {info.name: inputs[name] for name, info in definition.inputs.items()}
        fetches = {name: info.name for name, info in definition.outputs.items()}
        return self._session.run(fetches, feeds)

    def close(self) -> None:
        """Frees the loaded graph."""
        self._session.close()


def check_parity(
    folder: Path, networks: RankingNetworks, encoder: Encoder, sessions: list[Raw]
) -> ParityReport:
    """A written SavedModel against the Keras model, on raw sessions (`B = 1` each).

    Raises:
        ParityError: If a score differs by more than rounding, or `gate` then `score` differs from
            `serving_default` at all.
    """
    model = LoadedModel(folder)
    score = tf.function(lambda raw: full_scores(networks, encoder(raw)), reduce_retracing=True)
    largest = 0.0
    try:
        for index, raw in enumerate(sessions):
            scores = model(SERVING_DEFAULT, raw)
            expected = score({key: tf.constant(value) for key, value in raw.items()})
            largest = max(largest, _difference(scores, expected, index))
            if networks.gate is not None:
                _check_gate(model, raw, scores, index)
    finally:
        model.close()
    return ParityReport(len(sessions), largest, networks.gate is not None)


def edge_sessions(spec: FeatureSpec, raw: Raw) -> Iterator[dict[str, np.ndarray]]:
    """One raw session (`B = 1`) -> itself with an empty history, with ids that no vocabulary has,
    and with a single candidate."""
    yield {**raw, "behaviors_length": np.zeros_like(raw["behaviors_length"])}
    fields = [field for name in (SESSION, BEHAVIORS, CANDIDATES) for field in spec.section(name)]
    ids = [field for field in fields if field.is_input and field.table is not None]
    yield {**raw, **{field.key: _unknown(raw[field.key]) for field in ids}}
    yield {**raw, "candidates_length": np.ones_like(raw["candidates_length"])}


def _unknown(values: np.ndarray) -> np.ndarray:
    if np.issubdtype(values.dtype, np.number):
        return np.full_like(values, -1)
    return np.full(values.shape, b"\xf0\x9f\x9b\x8d never seen", dtype=object)


def _difference(
    scores: Mapping[str, np.ndarray], expected: Mapping[str, tf.Tensor], index: int
) -> float:
    largest = 0.0
    for task, values in scores.items():
        difference = float(np.max(np.abs(values - np.asarray(expected[task])), initial=0.0))
        if not difference <= TOLERANCE:
            raise ParityError(
                f"The SavedModel must score as the Keras model does, to within {TOLERANCE}. Session "
                f"{index}, task `{task}`: off by {difference:.3g}. Nothing was published."
            )
        largest = max(largest, difference)
    return largest


def _check_gate(
    model: LoadedModel, raw: Raw, scores: Mapping[str, np.ndarray], index: int
) -> None:
    gate = model(GATE_SIGNATURE, raw)[GATE]
    split = model(SCORE_SIGNATURE, {**raw, GATE: gate})
    for task, values in scores.items():
        if not np.array_equal(split[task], values):
            raise ParityError(
                "`gate` then `score` must equal `serving_default` bit for bit. Session "
                f"{index}, task `{task}` differs. Nothing was published."
            )
