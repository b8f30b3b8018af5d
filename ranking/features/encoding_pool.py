"""Sessions to records in several processes, in order. Nothing here needs TensorFlow."""

import collections
import dataclasses
import multiprocessing
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pyarrow as pa

from ranking.features.batch_bytes import batch_bytes, batch_of_bytes
from ranking.features.candidate_keys import Keys
from ranking.features.global_labels import GlobalLabels
from ranking.features.record_encoding import RecordEncoder
from ranking.features.session_columns import cut_columns, session_columns, with_columns
from ranking.features.session_counts import SessionCounts, count_sessions
from ranking.features.session_keys import session_keys
from ranking.features.spec import FeatureSpec
from ranking.features.validation import validate_sessions

_SESSIONS_PER_TASK = 1024
_TASKS_AHEAD = 3  # Per worker: enough that none waits, few enough to keep memory small.


@dataclasses.dataclass(frozen=True)
class EncodedSessions:
    """Some sessions in a row, and what is in them.

    Attributes:
        first_session: Number of the first one in its split.
        records: Serialized records.
        counts: Their counts.
        keys: What `session_keys` gives for them.
    """

    first_session: int
    records: list[bytes]
    counts: SessionCounts
    keys: Keys


class EncodingPool:
    """Maps record batches to checked, encoded sessions, in order.

    Use it as a context manager. What comes out does not depend on the number of workers.

    Args:
        spec: The spec that the batches' schema follows, resolved.
        vocabulary_folder: Folder of its vocabulary files.
        workers: Number of processes; 1 works in this process.
    """

    def __init__(self, spec: FeatureSpec, vocabulary_folder: Path, workers: int) -> None:
        self._encoder = RecordEncoder(spec, vocabulary_folder)
        self._arguments = (spec, vocabulary_folder)
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "EncodingPool":
        if self._workers > 1:
            self._pool = ProcessPoolExecutor(
                self._workers,
                # Not forked: TensorFlow's threads do not survive a fork.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_make_encoder,
                initargs=self._arguments,
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def encode(
        self,
        batches: Iterable[pa.RecordBatch],
        *,
        where: str,
        global_labels: GlobalLabels | None = None,
    ) -> Iterator[EncodedSessions]:
        """Checks and encodes batches; messages call the place they come from `where`.

        Args:
            batches: Sessions of one split.
            where: What messages call it.
            global_labels: Those of the split, where the spec has some.

        Raises:
            RecordError: If a session breaks a rule.
            OSError: If a worker was killed.
        """
        if self._pool is None:
            for first_session, batch in small_batches(batches):
                columns = self._global_columns(batch, global_labels)
                yield encode_sessions(self._encoder, batch, where, first_session, columns)
            return
        pending: collections.deque[Future[EncodedSessions]] = collections.deque()
        try:
            for first_session, batch in small_batches(batches):
                # Looked up here, so that not every worker needs all keys of the split.
                columns = self._global_columns(batch, global_labels)
                task = (batch_bytes(batch), where, first_session, columns)
                pending.append(self._pool.submit(_encode_serialized, *task))
                if len(pending) > _TASKS_AHEAD * self._workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise OSError(
                f"A worker process was killed while it encoded {where}, most likely because memory "
                f"ran out. Received: workers={self._workers}. Use fewer workers."
            ) from error

    def _global_columns(
        self, batch: pa.RecordBatch, labels: GlobalLabels | None
    ) -> dict[str, pa.Array]:
        return {} if labels is None else labels.columns(session_columns(self._encoder.spec, batch))


def encode_sessions(
    encoder: RecordEncoder,
    batch: pa.RecordBatch,
    where: str,
    first_session: int,
    global_columns: Mapping[str, pa.Array] | None = None,
) -> EncodedSessions:
    """Checks and encodes a batch whose first session is number `first_session` of `where`.

    Args:
        encoder: Encoder of the spec that the batch's schema follows.
        batch: Sessions.
        where: What messages call the place they come from.
        first_session: Number of the first one there.
        global_columns: What `GlobalLabels.columns` gives for them, where the spec has some.

    Raises:
        RecordError: If a session breaks a rule.
    """
    spec = encoder.spec
    validate_sessions(spec, batch, where=where, first_session=first_session)
    sections = cut_columns(spec, with_columns(session_columns(spec, batch), global_columns or {}))
    return EncodedSessions(
        first_session,
        encoder.encode(sections),
        count_sessions(spec, sections),
        session_keys(spec, sections),
    )


_encoders: list[RecordEncoder] = []  # The one of this process, if it is a worker.


def _make_encoder(spec: FeatureSpec, vocabulary_folder: Path) -> None:
    # Once per worker: a vocabulary may be large.
    _encoders.append(RecordEncoder(spec, vocabulary_folder))


def _encode_serialized(
    content: bytes,
    where: str,
    first_session: int,
    global_columns: Mapping[str, pa.Array],
) -> EncodedSessions:
    batch = batch_of_bytes(content)
    return encode_sessions(_encoders[0], batch, where, first_session, global_columns)


def small_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Maps batches to slices of at most 1024 sessions, each with the number of its first."""
    first_session = 0
    for batch in batches:
        for start in range(0, batch.num_rows, _SESSIONS_PER_TASK):
            piece = batch.slice(start, _SESSIONS_PER_TASK)
            yield first_session, piece
            first_session += piece.num_rows
