"""A source's sessions to a prepared folder."""

from collections.abc import Mapping
from pathlib import Path

from ranking.features.local_passes import LocalPasses
from ranking.features.manifest import Manifest, SplitManifest
from ranking.features.preparation_passes import (
    PreparationJob,
    PreparationPasses,
    Progress,
    no_progress,
)
from ranking.features.prepared_data import (
    MANIFEST_FILE,
    SPEC_FILE,
    VOCABULARY_FOLDER,
    PreparedData,
    read_prepared,
)
from ranking.features.repeated_sessions import check_ids_differ
from ranking.features.spec import FeatureSpec
from ranking.features.tfds_metadata import write_tfds_metadata
from ranking.features.vocabularies import FeatureLearner
from ranking.features.whole_folder import whole_folder
from ranking.sources.session_source import SessionSource


def prepare(
    spec: FeatureSpec,
    source: SessionSource,
    folder: str | Path,
    *,
    source_name: str = "source",
    spec_folder: str | Path = ".",
    shards: int = 4,
    passes: PreparationPasses | None = None,
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
        passes: Who passes over the source; this process when left out.
        seed: Seeds the spreading of sessions over files and the noise. At least 0.
        overwrite: Whether a prepared folder that is there already is replaced.
        progress: Called with the pass (`learn`, `label` or `write`), the split and the number of
            sessions done since it was called last.
        global_label_noise: Share of global labels that are replaced by coins, to test what a model
            makes of wrong ones; `LabelNoise` says how. From 0 to 1.

    Raises:
        FileExistsError: If the folder is there already.
        RecordError: If a session breaks a rule, or has the id of another.
        VocabularyError: If a vocabulary cannot be learned or copied.
        ValueError: If an argument is out of range or the source has nothing to prepare.
    """
    for name, value, lowest in (("shards", shards, 1), ("seed", seed, 0)):
        if value < lowest:
            raise ValueError(f"`{name}` must be at least {lowest}. Received: {name}={value}")
    _check_noise(spec, global_label_noise)
    passes = LocalPasses() if passes is None else passes
    job = PreparationJob(
        source, source_name, shards, seed, global_label_noise, progress or no_progress
    )
    with whole_folder(Path(folder), overwrite=overwrite, mark=MANIFEST_FILE) as temporary:
        learner = FeatureLearner(spec, Path(spec_folder))
        if learner.needs_sessions:
            _check_training_split(job, spec)
            passes.learn(job, learner, spec, temporary)
        resolved = learner.resolve(temporary / VOCABULARY_FOLDER)
        (temporary / SPEC_FILE).write_text(resolved.to_json() + "\n", encoding="utf-8")
        written = passes.write(job, temporary, resolved)
        check_ids_differ(job, resolved, {name: split.keys for name, split in written.items()})
        splits = {name: split.manifest for name, split in written.items()}
        _check_sessions(job, splits)
        splits = {name: split for name, split in splits.items() if split.sessions}
        description = {"source": source_name, **source.description}
        manifest = Manifest(
            resolved.fingerprint, source.simulated, seed, description, splits, global_label_noise
        )
        (temporary / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
        write_tfds_metadata(temporary, resolved, splits)
        read_prepared(temporary)  # What cannot be read must not appear.
    return read_prepared(folder)


def _check_training_split(job: PreparationJob, spec: FeatureSpec) -> None:
    if "train" not in job.splits:
        raise ValueError(
            f"Source `{job.name}` must have a training split: spec `{spec.name}` has "
            "vocabularies or statistics to learn. Received splits: "
            f"{sorted(job.splits)}. Add one, or use the spec of a prepared folder."
        )


def _check_sessions(job: PreparationJob, splits: Mapping[str, SplitManifest]) -> None:
    if not any(split.sessions for split in splits.values()):
        raise ValueError(
            f"Source `{job.name}` must have sessions. Received: none in any of its splits "
            f"{sorted(splits)}. Look at its input and options."
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
