"""The passes of preparation on this machine."""

from collections import Counter
from pathlib import Path

import numpy as np

from ranking.features.encoding_pool import EncodingPool
from ranking.features.global_labels import GlobalLabels
from ranking.features.preparation_passes import (
    LABEL,
    LEARN,
    WRITE,
    PreparationJob,
    WrittenSplit,
    check_same_sessions,
)
from ranking.features.prepared_data import VOCABULARY_FOLDER
from ranking.features.session_columns import cut_columns, session_columns
from ranking.features.session_counts import sum_counts
from ranking.features.shard_writer import ShardWriter
from ranking.features.spec import FeatureSpec
from ranking.features.validation import validate_sessions
from ranking.features.vocabularies import FeatureLearner


class LocalPasses:
    """Passes over the source's batches one by one, and encodes them in one process or several.

    Args:
        workers: Number of processes that encode.

    Raises:
        ValueError: If there is no worker.
    """

    def __init__(self, workers: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"`workers` must be at least 1. Received: workers={workers}")
        self._workers = workers
        self._seen: dict[str, int] = {}  # Sessions of the splits that were passed over before.
        self._labels: dict[str, GlobalLabels] = {}

    def learn(
        self, job: PreparationJob, learner: FeatureLearner, spec: FeatureSpec, folder: Path
    ) -> None:
        """Shows the learner the training split, whose global labels come with it."""
        self._labels["train"] = GlobalLabels(spec)
        self._seen["train"] = 0
        for batch in job.source.splits["train"]():
            where = job.where("train")
            validate_sessions(spec, batch, where=where, first_session=self._seen["train"])
            sections = session_columns(spec, batch)
            learner.add(cut_columns(spec, sections))
            if spec.global_labels:
                self._labels["train"].add(sections)
            self._seen["train"] += batch.num_rows
            job.progress(LEARN, "train", batch.num_rows)

    def write(
        self, job: PreparationJob, folder: Path, spec: FeatureSpec
    ) -> dict[str, WrittenSplit]:
        """Writes split after split, so that the global labels of one at a time are in memory."""
        with EncodingPool(spec, folder / VOCABULARY_FOLDER, self._workers) as pool:
            return {split: self._write(job, split, pool, folder, spec) for split in job.splits}

    def _write(
        self, job: PreparationJob, split: str, pool: EncodingPool, folder: Path, spec: FeatureSpec
    ) -> WrittenSplit:
        labels = self._global_labels(job, split, spec)
        batches, where = job.source.splits[split](), job.where(split)
        counts, keys = [], [np.zeros(0, np.uint64)]
        writer = ShardWriter(
            folder, f"{spec.name}-{split}", shards=job.shards, seed=job.seeds(split)
        )
        with writer:
            for some in pool.encode(batches, where=where, global_labels=labels):
                writer.write(some.records)
                counts.append(some.counts)
                keys.append(some.keys)
                job.progress(WRITE, split, some.counts.sessions)
            shards = writer.finish()
        total = sum_counts(counts)
        check_same_sessions(job, split, self._seen.get(split, total.sessions), total.sessions)
        return WrittenSplit(total.split_manifest(shards), np.concatenate(keys))

    def _global_labels(
        self, job: PreparationJob, split: str, spec: FeatureSpec
    ) -> GlobalLabels | None:
        """The global labels of one split, from that split alone."""
        if not spec.global_labels:
            return None
        read = job.source.splits[split]
        if split not in self._labels:
            self._labels[split], self._seen[split] = GlobalLabels(spec), 0
            for batch in read():
                self._labels[split].add(session_columns(spec, batch))
                self._seen[split] += batch.num_rows
                job.progress(LABEL, split, batch.num_rows)
        labels = self._labels.pop(split)  # Nobody asks a second time.
        if job.noise:
            ones: Counter[str] = Counter()
            for batch in read():
                ones += labels.ones(batch)
            labels.corrupt(job.noise, job.seeds(split), ones)
        return labels
