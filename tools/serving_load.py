"""Requests of a given size, put together from recorded sessions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.export.prediction_log import LoggedRequest
from ranking.features.inputs import raw_signature
from ranking.features.prepared_data import PreparedData
from ranking.features.record_values import RecordValues
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec

_ALL = (SESSION, BEHAVIORS, CANDIDATES)
_POOL = 300  # recorded sessions
_FEW_ROWS = 5000  # of behaviors, in all sessions of a file that repeats them per candidate

Request = dict[str, np.ndarray]
# A signature, the sections that it takes, and the session they are taken from.
_Asked = tuple[str, tuple[str, ...], Request]


class ServingLoad:
    """Sessions with so many behaviors and candidates, drawn from recorded ones.

    Args:
        data: Prepared data with a test split.
        seed: Seeds the draws.
    """

    def __init__(self, data: PreparedData, seed: int) -> None:
        self._spec, self._chance = data.spec, np.random.default_rng(seed)
        self._pool = _recorded(data)

    def session(self, behaviors: int, candidates: int) -> Request:
        """One raw session; its behaviors and candidates are those of many users."""
        row = int(self._chance.integers(len(self._pool[f"{BEHAVIORS}_length"])))
        session = {key: self._pool[key][[row]] for key in raw_signature(self._spec, (SESSION,))}
        session |= self._drawn(BEHAVIORS, behaviors)
        return session | self._drawn(CANDIDATES, candidates)

    def _drawn(self, section: str, count: int) -> Request:
        """So many elements of a section, each whole, from any session that has some."""
        lengths = self._pool[f"{section}_length"]
        rows = self._chance.choice(np.flatnonzero(lengths), count)
        places = self._chance.integers(lengths[rows])
        keys = [key for key in raw_signature(self._spec, (section,)) if key != f"{section}_length"]
        drawn = {key: self._pool[key][rows, places][None] for key in keys}
        return {**drawn, f"{section}_length": np.array([count], np.int32)}


def write_load(
    folder: Path, spec: FeatureSpec, sessions: Sequence[Request], signatures: Sequence[str]
) -> list[Path]:
    """Writes the ways to ask for the scores of sessions, a file of logged requests each.

    `joint` asks at once; `gate` and `state` ask for what is the session's and then for scores, as
    far as there are such signatures. `flat` scores each candidate in a row of its own, with the
    session repeated, and `flat_gate` does so with the gate.
    """
    flat = sessions[: max(1, _FEW_ROWS // _repeated_rows(sessions[0]))]
    repeated = [per_candidate(spec, session) for session in flat]
    ways: dict[str, list[_Asked]] = {
        "joint": [("serving_default", _ALL, session) for session in sessions],
        "gate": list(_in_two(sessions, ("gate", "score"), _ALL)),
        "state": list(_in_two(sessions, ("session_state", "score_with_state"), (CANDIDATES,))),
        "flat": [("serving_default", _ALL, session) for session in repeated],
        "flat_gate": [("gate", (SESSION, BEHAVIORS), session) for session in repeated],
    }
    paths = []
    for way, requests in ways.items():
        if not {signature for signature, _, _ in requests} <= set(signatures):
            continue
        paths.append(folder / f"{way}.tfrecord")
        with tf.io.TFRecordWriter(str(paths[-1])) as writer:
            for signature, sections, session in requests:
                inputs = {key: session[key] for key in raw_signature(spec, sections)}
                writer.write(LoggedRequest("ranker", signature, inputs).to_bytes())
    return paths


def per_candidate(spec: FeatureSpec, session: Mapping[str, np.ndarray]) -> Request:
    """A session with C candidates -> C sessions with a candidate each."""
    count = int(session[f"{CANDIDATES}_length"][0])
    own = raw_signature(spec, (CANDIDATES,))
    rows = {key: np.swapaxes(session[key], 0, 1) for key in own if key != f"{CANDIDATES}_length"}
    shared = {key: value.repeat(count, 0) for key, value in session.items() if key not in own}
    return {**shared, **rows, f"{CANDIDATES}_length": np.ones(count, np.int32)}


def _repeated_rows(session: Mapping[str, np.ndarray]) -> int:
    return int(session[f"{BEHAVIORS}_length"][0]) * int(session[f"{CANDIDATES}_length"][0])


def _in_two(
    sessions: Sequence[Request], pair: tuple[str, str], sections: tuple[str, ...]
) -> Iterator[_Asked]:
    for session in sessions:
        yield pair[0], (SESSION, BEHAVIORS), session
        yield pair[1], sections, session


def _recorded(data: PreparedData) -> Request:
    """The raw inputs of the first sessions of the test split, in one batch."""
    files = [str(path) for path in data.files("test")]
    records = next(iter(tf.data.TFRecordDataset(files).batch(_POOL)))
    raw = RecordValues(data.spec, data.vocabulary_folder).raw_batch(records)
    return {key: raw[key].numpy() for key in raw_signature(data.spec, _ALL)}
