"""Whether a written SavedModel answers as the Keras model does, whichever way it is asked."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from ranking.export.answers import way_in_words, ways_to_score, whole_request
from ranking.export.loaded_model import LoadedModel
from ranking.export.merged_requests import merge_requests
from ranking.export.signatures import EXAMPLES, SERVING_DEFAULT
from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import full_scores

TOLERANCE = 2e-6
# TensorFlow optimizes the graph that parses records by itself, and may add up in another order.
_WITHIN_ROUNDING = (SERVING_DEFAULT, EXAMPLES)
# What other sessions or padding would do is far larger than what the order of a sum does.
_MERGED_TOLERANCE, _HALF_TOLERANCE = 1e-5, 1e-2
_MERGED_AT_ONCE = 8
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
        largest_difference: Largest absolute difference between a score of the SavedModel, by
            `serving_default` or `examples`, and the Keras model's.
        equal_ways: The ways of asking that were compared with `serving_default` bit by bit, for
            example `gate then score`.
        largest_merged_difference: Largest absolute difference between a score of a merged request
            and that of the request alone.
    """

    requests: int
    largest_difference: float
    equal_ways: tuple[str, ...] = ()
    largest_merged_difference: float = 0.0


def check_parity(
    model: LoadedModel, networks: RankingNetworks, encoder: Encoder, requests: Sequence[Raw]
) -> ParityReport:
    """A written SavedModel, loaded, against the Keras model, on raw sessions (`B = 1` each).

    Raises:
        ParityError: If a score is not a number or differs by more than rounding, if a way of asking
            in two steps differs from `serving_default` at all, or if a request that a server merged
            with others gets other scores.
    """
    return _Check(model, _keras_scores(networks, encoder), _merged_tolerance(networks)).report(
        requests
    )


class _Check:
    def __init__(
        self, model: LoadedModel, reference: Callable[[Raw], Scores], merged_tolerance: float
    ) -> None:
        self._model = model
        self._reference = reference
        self._merged_tolerance = merged_tolerance
        self._expected: list[Scores] = []
        self._whole: list[dict[str, Raw]] = []  # For each request, what each way of asking sends.

    def report(self, requests: Sequence[Raw]) -> ParityReport:
        """Compares all requests, alone and merged."""
        largest = max((self._alone(index, raw) for index, raw in enumerate(requests)), default=0.0)
        starts = range(0, len(requests), _MERGED_AT_ONCE)
        merged = max((self._merged(requests, start) for start in starts), default=0.0)
        ways = dict.fromkeys(way for asked in self._whole for way in asked)
        equal = tuple(way_in_words(way) for way in ways if way not in _WITHIN_ROUNDING)
        return ParityReport(len(requests), largest, equal, merged)

    def _alone(self, index: int, raw: Raw) -> float:
        ways = ways_to_score(self._model, raw)
        whole: dict[str, Raw] = {way: whole_request(self._model, raw, way) for way in ways}
        scores = {way: self._model(way, request) for way, request in whole.items()}
        at_once, reference = scores[SERVING_DEFAULT], self._reference(raw)
        near = [way for way in ways if way in _WITHIN_ROUNDING]
        largest = max(_difference(scores[way], reference, index, way) for way in near)
        for way in ways:
            if way not in near:
                _check_equal(scores[way], at_once, index, way)
        self._expected.append(at_once)
        self._whole.append(whole)
        return largest

    def _merged(self, requests: Sequence[Raw], start: int) -> float:
        """The largest difference that merging the requests from `start` on makes."""
        end = start + _MERGED_AT_ONCE
        merged = merge_requests(requests[start:end])
        largest = 0.0
        for way in ways_to_score(self._model, merged):
            # What is asked first may have been merged with other requests, or with none.
            for request in (
                whole_request(self._model, merged, way),
                merge_requests([whole[way] for whole in self._whole[start:end]]),
            ):
                results = self._model(way, request)
                for row, expected in enumerate(self._expected[start:end]):
                    difference = _merged_difference(results, expected, row)
                    _check_merged(difference, self._merged_tolerance, start + row, way)
                    largest = max(largest, difference)
        return largest


def _merged_tolerance(networks: RankingNetworks) -> float:
    """Sums in another order round otherwise; generated weights and half precision show it."""
    types = {layer.compute_dtype for layer in networks.score.layers}
    return _HALF_TOLERANCE if types & {"float16", "bfloat16"} else _MERGED_TOLERANCE


def _merged_difference(results: Scores, expected: Scores, row: int) -> float:
    """The largest difference between a row and the scores of its request alone, then zeros."""
    largest = 0.0
    for task, alone in expected.items():
        padded = np.zeros_like(results[task][row])
        padded[: alone.shape[1]] = alone[0]
        largest = max(largest, float(np.max(np.abs(results[task][row] - padded), initial=0.0)))
    return largest


def _check_merged(difference: float, tolerance: float, index: int, way: str) -> None:
    if not difference <= tolerance:
        raise ParityError(
            f"A request that is merged with others must get its own scores, to within "
            f"{tolerance:g}, by `{way}` too. Request {index}: off by {difference:.3g}. Nothing was "
            "published. A layer of the model reads what stands in padding, or other sessions."
        )


def _keras_scores(networks: RankingNetworks, encoder: Encoder) -> Callable[[Raw], Scores]:
    """Raw session -> the Keras model's scores, compiled once for all shapes."""
    inputs = raw_signature(encoder.spec, (SESSION, BEHAVIORS, CANDIDATES))

    @tf.function(input_signature=[inputs], autograph=False)
    def compiled(raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return full_scores(networks, encoder(raw))

    def score(raw: Raw) -> Scores:
        tensors = {key: tf.constant(raw[key], spec.dtype) for key, spec in inputs.items()}
        return {task: values.numpy() for task, values in compiled(tensors).items()}

    return score


def _difference(found: Scores, expected: Scores, index: int, way: str) -> float:
    """The largest difference between the scores of request `index`, asked for one way."""
    largest = 0.0
    for task, wanted in expected.items():
        values = found[task]
        if not np.all(np.isfinite(values)):
            raise ParityError(
                f"Scores must be finite. Request {index}, task `{task}`: "
                f"{np.count_nonzero(~np.isfinite(values))} of {values.size} are not. Nothing was "
                "published. Where the training diverged, train with a smaller `learning_rate`."
            )
        difference = float(np.max(np.abs(values - wanted), initial=0.0))
        if not difference <= TOLERANCE:
            raise ParityError(
                f"`{way}` must score as the Keras model does, to within {TOLERANCE:g}. "
                f"Request {index}, task `{task}`: off by {difference:.3g}. {_REMEDY}"
            )
        largest = max(largest, difference)
    return largest


def _check_equal(found: Scores, expected: Scores, index: int, way: str) -> None:
    for task, values in expected.items():
        if not np.array_equal(found[task], values):
            difference = float(np.max(np.abs(found[task] - values), initial=0.0))
            raise ParityError(
                f"`{way_in_words(way)}` must equal `serving_default` bit for bit. Request "
                f"{index}, task `{task}`: off by {difference:.3g}. {_REMEDY}"
            )
