"""A session's scores from a model server: what is the session's once, candidates in shards."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import CANDIDATES
from tools.served_model import Prediction, ServedModel, ServedSignature, Tensors
from tools.serving_error import ServingError

# What is asked once per session, and what is asked per shard of candidates.
FLOWS = {
    "gate": ("gate", "score"),
    "state": ("session_state", "score_with_state"),
    "joint": (None, "serving_default"),
}
_LENGTH = f"{CANDIDATES}_length"
_PER_CANDIDATE = f"{CANDIDATES}_"
_WORKERS = 8
_EMPTY = {"O": b"", "i": 0, "f": 0.0, "b": False}


@dataclasses.dataclass(frozen=True)
class SessionScores:
    """The scores of a session's candidates.

    Attributes:
        scores: By task, one per candidate, in the order of the request.
        version: The version of the model that gave all of them; `None` without candidates.
        calls: The signatures that were asked, in order.
    """

    scores: dict[str, np.ndarray]
    version: int | None
    calls: tuple[str, ...]


def score_session(
    model: ServedModel,
    signatures: Mapping[str, ServedSignature],
    request: Mapping[str, np.ndarray],
    *,
    flow: str = "auto",
    shard_size: int = 0,
) -> SessionScores:
    """One raw session -> the scores of its candidates.

    What needs the session alone is asked once; every shard of candidates is then scored by the same
    version of the model, all shards at the same time. If the server has dropped that version in
    between, the session is asked for once more, from its beginning.

    Args:
        model: The model on its server.
        signatures: Its signatures.
        request: The inputs of `serving_default` for one session; every tensor begins with 1.
        flow: One of `FLOWS`; `auto` takes the first that the model has.
        shard_size: Most candidates in a call; 0 for all.

    Raises:
        ServingError: If the server does not answer or refuses.
        ValueError: If the model has no such flow, or the request lacks an input, holds several
            sessions or counts more candidates than it holds.
    """
    once, per_shard = _signatures_of(signatures, flow)
    outputs = signatures[per_shard].outputs
    shards = list(_shards(request, shard_size))
    if not shards:
        return SessionScores({task: np.zeros(0, np.float32) for task in outputs}, None, ())
    calls: list[str] = []

    def ask(signature: str, inputs: Mapping[str, np.ndarray], version: int | None) -> Prediction:
        calls.append(signature)
        return model.predict(signature, _chosen(signatures[signature], signature, inputs), version)

    try:
        results, version = _ask_all(ask, once, per_shard, shards)
    except ServingError as error:
        if error.code != "NOT_FOUND" or per_shard not in calls:
            raise
        results, version = _ask_all(ask, once, per_shard, shards)
    counts = [int(shard[_LENGTH][0]) for shard in shards]
    scores = {
        task: np.concatenate(
            [one[task][0, :count] for one, count in zip(results, counts, strict=True)]
        )
        for task in outputs
    }
    return SessionScores(scores, version, tuple(calls))


def _ask_all(
    ask: Callable[[str, Mapping[str, np.ndarray], int | None], Prediction],
    once: str | None,
    per_shard: str,
    shards: Sequence[Tensors],
) -> tuple[list[Tensors], int]:
    """The results of every shard, and the version that gave them."""
    if once is None:
        first = ask(per_shard, shards[0], None)
        carried, version, results = {}, first.version, [first.outputs]
    else:
        session = ask(once, shards[0], None)
        carried, version, results = session.outputs, session.version, []
    rest = shards[len(results) :]
    with ThreadPoolExecutor(max(1, min(_WORKERS, len(rest)))) as pool:
        answers = pool.map(lambda shard: ask(per_shard, {**shard, **carried}, version), rest)
        return results + [answer.outputs for answer in answers], version


def _signatures_of(signatures: Mapping[str, ServedSignature], flow: str) -> tuple[str | None, str]:
    """What the flow asks once, and what per shard."""
    available = {
        name: pair
        for name, pair in FLOWS.items()
        if all(one is None or one in signatures for one in pair)
    }
    if flow == "auto" and available:
        return next(iter(available.values()))
    if flow not in available:
        raise ValueError(
            f"The flow must be one that the model has signatures for: {', '.join(available)}. "
            f"Received: {flow!r}, with signatures {', '.join(sorted(signatures))}. "
            f"{did_you_mean(flow, available)}"
        )
    return available[flow]


def _shards(request: Mapping[str, np.ndarray], size: int) -> list[Tensors]:
    """The request with so many candidates each, and nothing beyond the candidates' number."""
    sessions = {key: len(value) for key, value in request.items() if len(value) != 1}
    if sessions:
        key, count = next(iter(sessions.items()))
        raise ValueError(
            f"A request must hold one session. Received: {count} in `{key}`. Send sessions one by "
            "one, so that each has a version of the model to itself."
        )
    total = int(request[_LENGTH][0])
    _check_slots(request, total)
    size = size or max(total, 1)
    return [
        _sendable(_part(request, start, min(start + size, total)))
        for start in range(0, total, size)
    ]


def _check_slots(request: Mapping[str, np.ndarray], total: int) -> None:
    """A shard beyond the slots would be empty, be sent with a made-up slot, and get a score."""
    for key, value in request.items():
        if key.startswith(_PER_CANDIDATE) and key != _LENGTH and value.shape[1] < total:
            raise ValueError(
                f"`{key}` must have a slot for each of {total} candidates, as `{_LENGTH}` counts "
                f"them. Received: {value.shape[1]} slots. Correct the length, or add the values "
                "that are missing."
            )


def _part(request: Mapping[str, np.ndarray], start: int, stop: int) -> Tensors:
    part = {
        key: value[:, start:stop] if key.startswith(_PER_CANDIDATE) else value
        for key, value in request.items()
        if key != _LENGTH
    }
    return {**part, _LENGTH: np.array([stop - start], request[_LENGTH].dtype)}


def _sendable(request: Tensors) -> Tensors:
    """Empty tensors with one slot each, which lengths leave out: a server that merges requests
    cannot pad what is empty."""
    return {
        key: value
        if value.size
        else np.full([max(size, 1) for size in value.shape], _EMPTY[value.dtype.kind], value.dtype)
        for key, value in request.items()
    }


def _chosen(
    signature: ServedSignature, name: str, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The inputs of a signature among many."""
    missing = sorted(set(signature.inputs) - set(inputs))
    if missing:
        raise ValueError(
            f"The request must have every input of signature `{name}`. Missing: "
            f"{', '.join(missing)}. Optional fields are sent too, as missing values."
        )
    return {key: inputs[key] for key in signature.inputs}
