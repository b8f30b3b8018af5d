"""A source's sessions to a prepared folder."""

import collections
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from ranking.features.encoding_pool import EncodingPool
from ranking.features.global_labels import GlobalLabels
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

LEARN, LABEL, WRITE = "learn", "label", "write"

_COUNTS_BY_LABEL = (
    "positives",
    "sessions_with_positive",
    "global_positives",
    "global_differing",
)

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
    global_label_noise: float = 0.0,
) -> PreparedData:
    """Writes a source's sessions as records, with their spec, vocabularies and manifest.

    A first pass over the training split learns what the spec leaves open, a last pass over all
    splits checks, encodes and writes. Where the spec has global labels, a pass over each split that
    is not learned from collects them before. The folder appears when it is whole. Its content
    depends on the spec, the source, `shards`, `seed` and `global_label_noise` alone.

    Args:
        spec: The spec that the source was opened with.
        source: Where the sessions come from.
        folder: The folder to make.
        source_name: What messages and the manifest call the source.
        spec_folder: The folder that vocabulary files named in the spec are relative to.
        shards: Number of files per split.
        workers: Number of processes that encode.
        seed: Seeds the spreading of sessions over files and the noise. At least 0.
        overwrite: Whether a prepared folder that is there already is replaced.
        progress: Called with the pass (`LEARN`, `LABEL` or `WRITE`), the split and the number of
            sessions done since it was called last.
        global_label_noise: Share of global labels that are replaced by coins, to test what a model
            makes of wrong ones; `LabelNoise` says how. From 0 to 1.

    Raises:
        FileExistsError: If the folder is there already.
        RecordError: If a session breaks a rule.
        VocabularyError: If a vocabulary cannot be learned or copied.
        ValueError: If an argument is out of range or the source has nothing to prepare.
    """
    for name, value, lowest in (("shards", shards, 1), ("workers", workers, 1), ("seed", seed, 0)):
        if value < lowest:
            raise ValueError(f"`{name}` must be at least {lowest}. Received: {name}={value}")
    _check_noise(spec, global_label_noise)
    job = _Job(source, source_name, progress or _no_progress, seed, global_label_noise)
    with whole_folder(Path(folder), overwrite=overwrite, mark=MANIFEST_FILE) as temporary:
        learner = FeatureLearner(spec, Path(spec_folder))
        if learner.needs_sessions:
            job.learn(spec, learner)
        resolved = learner.resolve(temporary / VOCABULARY_FOLDER)
        (temporary / SPEC_FILE).write_text(resolved.to_json() + "\n", encoding="utf-8")
        with EncodingPool(resolved, temporary / VOCABULARY_FOLDER, workers) as pool:
            splits = {
                split: job.write(split, pool, temporary, resolved, shards)
                for split in SPLITS
                if split in source.splits
            }
        job.check_counts(splits)
        splits = {name: split for name, split in splits.items() if split.sessions}
        description = {"source": source_name, **source.description}
        manifest = Manifest(
            resolved.fingerprint, source.simulated, seed, description, splits, global_label_noise
        )
        (temporary / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
        write_tfds_metadata(temporary, resolved, splits)
        read_prepared(temporary)  # What cannot be read must not appear.
    return read_prepared(folder)


@dataclasses.dataclass(frozen=True)
class _Job:
    """The passes over a source.

    Attributes:
        seen: The number of sessions of the splits that were passed over before they are written.
        labels: The global labels of the splits that were learned from.
    """

    source: SessionSource
    name: str
    progress: Progress
    seed: int
    noise: float
    seen: dict[str, int] = dataclasses.field(default_factory=dict)
    labels: dict[str, GlobalLabels] = dataclasses.field(default_factory=dict)

    def learn(self, spec: FeatureSpec, learner: FeatureLearner) -> None:
        """Shows the learner the training split, whose global labels come with it."""
        if "train" not in self.source.splits:
            raise ValueError(
                f"Source `{self.name}` must have a training split: spec `{spec.name}` has "
                "vocabularies or statistics to learn. Received splits: "
                f"{sorted(self.source.splits)}. Add one, or use the spec of a prepared folder."
            )
        self.labels["train"] = GlobalLabels(spec)
        self.seen["train"] = 0
        for batch in self.source.splits["train"]():
            where = f"{self.name}/train"
            validate_sessions(spec, batch, where=where, first_session=self.seen["train"])
            sections = session_columns(spec, batch)
            learner.add(cut_columns(spec, sections))
            if spec.global_labels:
                self.labels["train"].add(sections)
            self.seen["train"] += batch.num_rows
            self.progress(LEARN, "train", batch.num_rows)

    def global_labels(self, spec: FeatureSpec, split: str) -> GlobalLabels | None:
        """The global labels of one split, from that split alone."""
        if not spec.global_labels:
            return None
        read = self.source.splits[split]
        if split not in self.labels:
            self.labels[split], self.seen[split] = GlobalLabels(spec), 0
            for batch in read():
                self.labels[split].add(session_columns(spec, batch))
                self.seen[split] += batch.num_rows
                self.progress(LABEL, split, batch.num_rows)
        labels = self.labels.pop(split)  # Nobody asks a second time.
        if self.noise:
            labels.corrupt(self.noise, (self.seed, SPLITS.index(split)), read())
        return labels

    def write(
        self, split: str, pool: EncodingPool, folder: Path, spec: FeatureSpec, shards: int
    ) -> SplitManifest:
        """Writes one split; one without sessions leaves no files."""
        counts: collections.Counter[str] = collections.Counter()
        by_label: dict[str, collections.Counter[str]] = {
            name: collections.Counter() for name in _COUNTS_BY_LABEL
        }
        labels, read = self.global_labels(spec, split), self.source.splits[split]
        seeds, where = (self.seed, SPLITS.index(split)), f"{self.name}/{split}"
        with ShardWriter(folder, f"{spec.name}-{split}", shards=shards, seed=seeds) as writer:
            for some in pool.encode(read(), where=where, global_labels=labels):
                writer.write(some.records)
                counts["candidates"] += some.candidates
                counts["behaviors"] += some.behaviors
                for name, counter in by_label.items():
                    # `update` adds, and keeps a label that never was 1.
                    counter.update(getattr(some, name))
                self.progress(WRITE, split, len(some.records))
            written = writer.finish()
        return SplitManifest(
            sessions=sum(shard.sessions for shard in written),
            candidates=counts["candidates"],
            behaviors=counts["behaviors"],
            shards=written,
            **{name: dict(counter) for name, counter in by_label.items()},
        )

    def check_counts(self, splits: Mapping[str, SplitManifest]) -> None:
        """Raises an error if there were no sessions, or others in the last pass."""
        if not any(split.sessions for split in splits.values()):
            raise ValueError(
                f"Source `{self.name}` must have sessions. Received: none in any of its splits "
                f"{sorted(splits)}. Look at its input and options."
            )
        for split, first in self.seen.items():
            if splits[split].sessions != first:
                raise ValueError(
                    f"Source `{self.name}` must yield the same sessions in every pass. Received: "
                    f"{first} {split} sessions, then {splits[split].sessions}. Do not change its "
                    "input meanwhile."
                )


def _check_noise(spec: FeatureSpec, noise: float) -> None:
    if not 0.0 <= noise <= 1.0:
        raise ValueError(
            f"`global_label_noise` must be from 0 to 1. Received: global_label_noise={noise}"
        )
    if noise and not spec.global_labels:
        raise ValueError(
            f"`global_label_noise` must be 0 for spec `{spec.name}`, which has no global labels. "
            f"Received: global_label_noise={noise}. Add `global: {{window: day}}` to its `labels`."
        )


def _no_progress(stage: str, split: str, sessions: int) -> None:
    pass
