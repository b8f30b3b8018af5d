"""The steps of preparation on Apache Beam, around what this machine does with sessions itself."""

import dataclasses
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from ranking.features.batch_bytes import batch_bytes, batch_of_bytes
from ranking.features.encoding_pool import encode_sessions, small_batches
from ranking.features.global_labels import GlobalLabels
from ranking.features.preparation_passes import PreparationJob, no_progress
from ranking.features.prepared_data import VOCABULARY_FOLDER
from ranking.features.record_encoding import RecordEncoder
from ranking.features.session_columns import cut_columns, session_columns
from ranking.features.shard_order import shard_numbers
from ranking.features.shard_writer import unfinished_shard, write_shard
from ranking.features.spec import FeatureSpec
from ranking.features.validation import validate_sessions
from ranking.features.vocabularies import FeatureLearner

COUNTS, KEYS = "counts", "keys"


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some sessions of a source in a row.

    Attributes:
        split: Their split.
        part: The number of their part, see `SessionSource.parts`.
        first_session: The number of the first one in its part.
        content: What `batch_bytes` returned.
    """

    split: str
    part: int
    first_session: int
    content: bytes


@dataclasses.dataclass
class Facts:
    """What a first pass over some sessions tells.

    Attributes:
        sessions: Number of sessions by split and part.
        learner: What was learned of the training split, where the spec leaves something open.
        labels: The global labels of the splits, where the spec has some.
    """

    sessions: Counter[tuple[str, int]]
    learner: FeatureLearner | None
    labels: dict[str, GlobalLabels]

    def first_session(self, split: str, part: int) -> int:
        """The number of a part's first session in its split."""
        return sum(self.sessions[split, earlier] for earlier in range(part))

    def split_sessions(self, split: str) -> int:
        """The number of a split's sessions."""
        return sum(count for (name, _), count in self.sessions.items() if name == split)


def _sendable(job: PreparationJob) -> PreparationJob:
    """The job without what cannot be sent to other processes."""
    return dataclasses.replace(job, progress=no_progress)


class ReadParts(beam.PTransform):
    """Nothing -> the `Piece`s of some splits, wherever there is room for them.

    Args:
        job: What is prepared.
        splits: The splits to read.
    """

    def __init__(self, job: PreparationJob, splits: Sequence[str]) -> None:
        super().__init__()
        self._source = job.source
        self._parts = [
            (split, part) for split in splits for part in range(len(job.source.parts_of(split)))
        ]

    def expand(self, pipeline: Any) -> Any:
        """Reads one part per element, and spreads what comes out."""
        source = self._source

        def read(place: tuple[str, int]) -> Iterator[Piece]:
            split, part = place
            for first, batch in small_batches(source.parts_of(split)[part]()):
                yield Piece(split, part, first, batch_bytes(batch))

        return (
            pipeline
            | "parts" >> beam.Create(self._parts)
            | "spread parts" >> beam.Reshuffle()
            | "read" >> beam.FlatMap(read)
            | "spread sessions" >> beam.Reshuffle()
        )


class CollectFacts(beam.CombineFn):
    """`Piece`s -> their `Facts`.

    Args:
        job: What is prepared.
        spec: Its spec.
        learner: A learner that has learned nothing yet; `None` where there is nothing to learn.
    """

    def __init__(
        self, job: PreparationJob, spec: FeatureSpec, learner: FeatureLearner | None
    ) -> None:
        self._job = _sendable(job)
        self._spec = spec
        self._learner = pickle.dumps(learner)

    def create_accumulator(self) -> Facts:
        """Knows nothing yet."""
        return Facts(Counter(), pickle.loads(self._learner), {})

    def add_input(self, facts: Facts, piece: Piece) -> Facts:
        """Adds sessions."""
        batch = batch_of_bytes(piece.content)
        facts.sessions[piece.split, piece.part] += batch.num_rows
        if piece.split == "train" and facts.learner is not None:
            # How many sessions came before is not known yet, so messages count within the part.
            where = self._job.where(piece.split)
            if len(self._job.source.parts_of(piece.split)) > 1:
                where += f", part {piece.part}"
            validate_sessions(self._spec, batch, where=where, first_session=piece.first_session)
        sections = session_columns(self._spec, batch)
        if piece.split == "train" and facts.learner is not None:
            facts.learner.add(cut_columns(self._spec, sections))
        if self._spec.global_labels:
            labels = facts.labels.setdefault(piece.split, GlobalLabels(self._spec))
            labels.add(sections)
        return facts

    def merge_accumulators(self, accumulators: Iterable[Facts]) -> Facts:
        """Adds up what was found at several places."""
        merged = self.create_accumulator()
        for facts in accumulators:
            merged.sessions.update(facts.sessions)
            if merged.learner is not None and facts.learner is not None:
                merged.learner.merge(facts.learner)
            for split, labels in facts.labels.items():
                merged.labels.setdefault(split, GlobalLabels(self._spec)).merge(labels)
        return merged

    def extract_output(self, facts: Facts) -> Facts:
        """The facts themselves."""
        return facts


class CountOnes(beam.DoFn):
    """`Piece`s -> split, and how many of the global labels are 1."""

    def __init__(self, facts: Path) -> None:
        self._path = facts

    def setup(self) -> None:
        """Reads the global labels, once per worker."""
        self._facts: Facts = read_pickle(self._path)

    def process(self, piece: Piece) -> Iterator[tuple[str, Counter[str]]]:
        """Counts in one piece."""
        yield piece.split, self._facts.labels[piece.split].ones(batch_of_bytes(piece.content))


class EncodePieces(beam.DoFn):
    """`Piece`s -> split and shard, and the records that go there.

    Tagged `COUNTS`, split and counts; tagged `KEYS`, split, number of the first session, and keys.

    Args:
        job: What is prepared.
        spec: The resolved spec.
        folder: The folder of prepared data.
        facts: File of the facts.
    """

    def __init__(self, job: PreparationJob, spec: FeatureSpec, folder: Path, facts: Path) -> None:
        self._job = _sendable(job)
        self._spec = spec
        self._folder = folder
        self._path = facts

    def setup(self) -> None:
        """Reads vocabularies and global labels, once per worker."""
        self._encoder = RecordEncoder(self._spec, self._folder / VOCABULARY_FOLDER)
        self._facts: Facts = read_pickle(self._path)

    def process(self, piece: Piece) -> Iterator[Any]:
        """Encodes one piece."""
        job, batch = self._job, batch_of_bytes(piece.content)
        first = self._facts.first_session(piece.split, piece.part) + piece.first_session
        labels = self._facts.labels.get(piece.split)
        columns = {} if labels is None else labels.columns(session_columns(self._spec, batch))
        encoded = encode_sessions(self._encoder, batch, job.where(piece.split), first, columns)
        seed = job.seeds(piece.split)
        numbers = shard_numbers(first, batch.num_rows, shards=job.shards, seed=seed).tolist()
        records: dict[int, list[bytes]] = {}
        for record, shard in zip(encoded.records, numbers, strict=True):
            records.setdefault(shard, []).append(record)
        for shard, some in records.items():
            yield (piece.split, shard), (first, some)
        yield beam.pvalue.TaggedOutput(COUNTS, (piece.split, encoded.counts))
        yield beam.pvalue.TaggedOutput(KEYS, (piece.split, first, encoded.keys))


class WriteShards(beam.DoFn):
    """Split and shard, and all records that go there -> the same, and their number.

    Args:
        spec: The resolved spec.
        folder: The folder of prepared data.
    """

    def __init__(self, spec: FeatureSpec, folder: Path) -> None:
        self._name = spec.name
        self._folder = folder

    def process(
        self, element: tuple[tuple[str, int], Iterable[tuple[int, list[bytes]]]]
    ) -> Iterator[tuple[tuple[str, int], int]]:
        """Writes one shard, in the order of its sessions."""
        (split, shard), pieces = element
        path = unfinished_shard(self._folder, f"{self._name}-{split}", shard)
        in_order = sorted(pieces, key=lambda piece: piece[0])
        count = write_shard(path, (record for _, some in in_order for record in some))
        yield (split, shard), count


def write_pickle(value: object, path: Path) -> None:
    """Writes what a later step or the main program reads."""
    path.write_bytes(pickle.dumps(value))


def read_pickle(path: Path) -> Any:
    """Reads what `write_pickle` wrote."""
    return pickle.loads(path.read_bytes())


def sum_ones(ones: Iterable[Counter[str]]) -> Counter[str]:
    """Adds up what `GlobalLabels.ones` gave for several pieces."""
    # On their way, Beam makes plain dictionaries of counters.
    return sum(map(Counter, ones), Counter())
