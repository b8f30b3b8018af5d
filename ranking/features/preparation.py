"""A source's sessions to a prepared folder."""

import collections
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from ranking.features.encoding_pool import EncodingPool
from ranking.features.manifest import Manifest, SplitManifest
from ranking.features.prepared_data import (
    MANIFEST_FILE,
    SPEC_FILE,
    VOCABULARY_FOLDER,
    PreparedData,
    read_prepared,
)
from ranking.features.session_columns import cut_columns, session_columns
from ranking.features.shard_writer import ShardWriter
from ranking.features.spec import FeatureSpec
from ranking.features.tfds_metadata import write_tfds_metadata
from ranking.features.validation import validate_sessions
from ranking.features.vocabularies import FeatureLearner
from ranking.features.whole_folder import whole_folder
from ranking.sources.session_source import SPLITS, SessionSource

LEARN, WRITE = "learn", "write"

Progress = Callable[[str, str, int], None]


def prepare(
    spec: FeatureSpec,
    source: SessionSource,
    folder: str | Path,
    *,
    source_name: str = "source",
    spec_folder: str | Path = ".",
    shards: int = 4,
    workers: int = 1,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PreparedData:
    """Writes a source's sessions as records, with their spec, vocabularies and manifest.

    A first pass over the training split learns what the spec leaves open, a second pass over all
    splits checks, encodes and writes. The folder appears when it is whole. Its content depends on
    the spec, the source, `shards` and `seed` alone.

    Args:
        spec: The spec that the source was opened with.
        source: Where the sessions come from.
        folder: The folder to make.
        source_name: What messages and the manifest call the source.
        spec_folder: The folder that vocabulary files named in the spec are relative to.
        shards: Number of files per split.
        workers: Number of processes that encode.
        seed: Seeds the spreading of sessions over files. At least 0.
        overwrite: Whether a prepared folder that is there already is replaced.
        progress: Called with the pass (`LEARN` or `WRITE`), the split and the number of sessions
            done since it was called last.

    Raises:
        FileExistsError: If the folder is there already.
        RecordError: If a session breaks a rule.
        VocabularyError: If a vocabulary cannot be learned or copied.
        ValueError: If an argument is out of range or the source has nothing to prepare.
    """
    for name, value, lowest in (("shards", shards, 1), ("workers", workers, 1), ("seed", seed, 0)):
        if value < lowest:
            raise ValueError(f"`{name}` must be at least {lowest}. Received: {name}={value}")
    job = _Job(source, source_name, progress or _no_progress)
    with whole_folder(Path(folder), overwrite=overwrite, mark=MANIFEST_FILE) as temporary:
        learner = FeatureLearner(spec, Path(spec_folder))
        learned = job.learn(spec, learner) if learner.needs_sessions else None
        resolved = learner.resolve(temporary / VOCABULARY_FOLDER)
        (temporary / SPEC_FILE).write_text(resolved.to_json() + "\n", encoding="utf-8")
        with EncodingPool(resolved, workers) as pool:
            splits = {
                split: job.write(split, pool, temporary, f"{spec.name}-{split}", shards, seed)
                for split in SPLITS
                if split in source.splits
            }
        job.check_counts(splits, learned)
        splits = {name: split for name, split in splits.items() if split.sessions}
        description = {"source": source_name, **source.description}
        manifest = Manifest(resolved.fingerprint, source.simulated, seed, description, splits)
        (temporary / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
        write_tfds_metadata(temporary, resolved, splits)
        read_prepared(temporary)  # What cannot be read must not appear.
    return read_prepared(folder)


@dataclasses.dataclass(frozen=True)
class _Job:
    """The two passes over a source."""

    source: SessionSource
    name: str
    progress: Progress

    def learn(self, spec: FeatureSpec, learner: FeatureLearner) -> int:
        """Shows the learner the training split and returns the number of sessions."""
        if "train" not in self.source.splits:
            raise ValueError(
                f"Source `{self.name}` must have a training split: spec `{spec.name}` has "
                "vocabularies or statistics to learn. Received splits: "
                f"{sorted(self.source.splits)}. Add one, or use the spec of a prepared folder."
            )
        sessions = 0
        for batch in self.source.splits["train"]():
            where = f"{self.name}/train"
            validate_sessions(spec, batch, where=where, first_session=sessions)
            learner.add(cut_columns(spec, session_columns(spec, batch)))
            sessions += batch.num_rows
            self.progress(LEARN, "train", batch.num_rows)
        return sessions

    def write(
        self, split: str, pool: EncodingPool, folder: Path, name: str, shards: int, seed: int
    ) -> SplitManifest:
        """Writes one split; one without sessions leaves no files."""
        counts: collections.Counter[str] = collections.Counter()
        positives: collections.Counter[str] = collections.Counter()
        sessions_with_positive: collections.Counter[str] = collections.Counter()
        seeds = (seed, SPLITS.index(split))
        with ShardWriter(folder, name, shards=shards, seed=seeds) as writer:
            for some in pool.encode(self.source.splits[split](), where=f"{self.name}/{split}"):
                writer.write(some.records)
                counts["candidates"] += some.candidates
                counts["behaviors"] += some.behaviors
                # `update` adds, and keeps a label that never was 1.
                positives.update(some.positives)
                sessions_with_positive.update(some.sessions_with_positive)
                self.progress(WRITE, split, len(some.records))
            written = writer.finish()
        return SplitManifest(
            sessions=sum(shard.sessions for shard in written),
            candidates=counts["candidates"],
            behaviors=counts["behaviors"],
            positives=dict(positives),
            sessions_with_positive=dict(sessions_with_positive),
            shards=written,
        )

    def check_counts(self, splits: Mapping[str, SplitManifest], learned: int | None) -> None:
        """Raises an error if there were no sessions, or others in the second pass."""
        if not any(split.sessions for split in splits.values()):
            raise ValueError(
                f"Source `{self.name}` must have sessions. Received: none in any of its splits "
                f"{sorted(splits)}. Look at its input and options."
            )
        if learned is not None and splits["train"].sessions != learned:
            raise ValueError(
                f"Source `{self.name}` must yield the same sessions in every pass. Received: "
                f"{learned} training sessions, then {splits['train'].sessions}. Do not change its "
                "input meanwhile."
            )


def _no_progress(stage: str, split: str, sessions: int) -> None:
    pass
