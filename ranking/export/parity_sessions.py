"""The requests that an export is checked with."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from ranking.export.signatures import EXAMPLES
from ranking.features.inputs import raw_signature
from ranking.features.prepared_data import PreparedData
from ranking.features.record_values import RecordValues
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec

_SECTIONS = (SESSION, BEHAVIORS, CANDIDATES)
_SPLITS = ("test", "validation", "train")
_SESSIONS, _SESSIONS_PER_EDGE = 100, 10

Request = dict[str, np.ndarray]


def parity_sessions(data: PreparedData) -> list[Request]:
    """Prepared data -> raw sessions, one per request (`B = 1`): the first of the test split (of
    validation or training where there is none), and every tenth as its edge cases too.

    A recorded session has its record beside its fields, as the input `examples`; edge cases have
    none.

    Raises:
        PreparedDataError: If a shard is missing or has another size than it must have.
        ValueError: If the data hold no session.
    """
    requests = []
    for index, (record, raw) in enumerate(_recorded_sessions(data)):
        requests.append({**raw, EXAMPLES: record})
        if index % _SESSIONS_PER_EDGE == 0:
            requests.extend(edge_sessions(data.spec, raw))
    if not requests:
        raise ValueError(
            f"{data.folder} must hold a session to check the export with. Received: none in any "
            "split. Prepare it again with sessions."
        )
    return requests


def edge_sessions(spec: FeatureSpec, raw: Mapping[str, np.ndarray]) -> Iterator[Request]:
    """One raw session (`B = 1`) -> the same as cases that models get wrong first:

    1. no behaviors, where the slots still hold some;
    2. no behaviors as clients send it, in one slot;
    3. a longer history than the spec keeps;
    4. ids that no table knows;
    5. one candidate, where the other slots still hold some;
    6. one candidate as clients send it, in one slot.
    """
    no_behaviors = {"behaviors_length": np.zeros_like(raw["behaviors_length"])}
    one_candidate = {"candidates_length": np.ones_like(raw["candidates_length"])}
    yield {**raw, **no_behaviors}
    yield {**raw, **_narrowed(spec, BEHAVIORS, raw, 1), **no_behaviors}
    yield {**raw, **_too_many_behaviors(spec, raw)}
    yield {**raw, **{key: _unknown(raw[key]) for key in _id_keys(spec)}}
    yield {**raw, **one_candidate}
    yield {**raw, **_narrowed(spec, CANDIDATES, raw, 1), **one_candidate}


def _recorded_sessions(data: PreparedData) -> Iterator[tuple[np.ndarray, Request]]:
    """Records `[1]` and what they hold."""
    split = next((name for name in _SPLITS if name in data.manifest.splits), None)
    if split is None:
        return
    keys = tuple(raw_signature(data.spec, _SECTIONS))
    files = [str(path) for path in data.files(split)]
    values = RecordValues(data.spec, data.vocabulary_folder)
    for records in tf.data.TFRecordDataset(files).take(_SESSIONS).batch(_SESSIONS):
        raw = values.raw_batch(records)
        batch = {key: raw[key].numpy() for key in keys}
        for row, record in enumerate(records.numpy()):
            yield np.array([record], object), _alone(data.spec, batch, row)


def _alone(spec: FeatureSpec, batch: Mapping[str, np.ndarray], row: int) -> Request:
    """A row of a batch as a batch of its own, without the slots that only other rows fill."""
    request = {key: value[[row]] for key, value in batch.items()}
    for section in (BEHAVIORS, CANDIDATES):
        width = max(int(request[f"{section}_length"][0]), 1)
        request |= _narrowed(spec, section, request, width)
    for field in spec.fields:
        if field.kind == "ids" and field.key in request:
            width = max(int(request[field.length_key].max()), 1)
            request[field.key] = request[field.key][..., :width]
    return request


def _too_many_behaviors(spec: FeatureSpec, raw: Mapping[str, np.ndarray]) -> Request:
    """The behaviors over and over, until there are more than the spec keeps."""
    length = max(int(raw["behaviors_length"][0]), 1)
    times = spec.behaviors_max_length // length + 1
    repeated = _resized(
        spec, BEHAVIORS, raw, lambda values: np.concatenate([values[:, :length]] * times, axis=1)
    )
    return {**repeated, "behaviors_length": np.full_like(raw["behaviors_length"], length * times)}


def _narrowed(
    spec: FeatureSpec, section: str, raw: Mapping[str, np.ndarray], width: int
) -> Request:
    """The first slots of a section; its length is not among them."""

    def cut(values: np.ndarray) -> np.ndarray:
        return values[:, :width]

    return _resized(spec, section, raw, cut)


def _resized(
    spec: FeatureSpec,
    section: str,
    raw: Mapping[str, np.ndarray],
    change: Callable[[np.ndarray], np.ndarray],
) -> Request:
    """The tensors of a section, changed; its length is not among them."""
    fields = spec.section(section)
    keys = {key for field in fields for key in (field.key, field.length_key) if key in raw}
    return {key: change(raw[key]) for key in keys}


def _id_keys(spec: FeatureSpec) -> list[str]:
    fields = [field for name in _SECTIONS for field in spec.section(name)]
    return [field.key for field in fields if field.is_input and field.table is not None]


def _unknown(values: np.ndarray) -> np.ndarray:
    if np.issubdtype(values.dtype, np.floating):
        return np.full_like(values, np.nan)
    if np.issubdtype(values.dtype, np.integer):
        return np.full_like(values, np.iinfo(values.dtype).max)
    return np.full(values.shape, "\N{OCTAGONAL SIGN} never seen".encode(), dtype=object)
