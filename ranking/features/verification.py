"""A prepared folder read in full and compared with what it says about itself."""

from collections import Counter
from collections.abc import Callable, Mapping

import pyarrow.compute as pc

from ranking.features.global_counts import global_differing, global_positives
from ranking.features.manifest import SplitManifest
from ranking.features.prepared_data import MANIFEST_FILE, PreparedData, PreparedDataError
from ranking.features.record_reader import read_shard
from ranking.features.spec import BEHAVIORS, CANDIDATES
from ranking.features.validation import validate_columns

_GLOBAL_ONES, _DIFFERING = "global positives of", "differing global labels of"


def verify_prepared(data: PreparedData, *, progress: Callable[[int], None] | None = None) -> None:
    """Checks checksums, parses and validates every record, and counts again.

    Args:
        data: The folder.
        progress: Called with the number of sessions checked since it was called last.

    Raises:
        PreparedDataError: If a file is not what was written, a record cannot be read, or a count
            differs from the manifest.
        RecordError: If a session breaks a rule of the spec.
    """
    data.verify_checksums()
    for split, manifest in data.manifest.splits.items():
        counts: Counter[str] = Counter()
        for shard, path in zip(manifest.shards, data.files(split), strict=True):
            sessions = 0
            for sections in read_shard(data, path):
                where = f"{path.name}"
                validate_columns(data.spec, sections, where=where, first_session=sessions)
                candidates = sections[CANDIDATES]
                sessions += len(candidates.lengths)
                counts["candidates"] += int(candidates.offsets[-1])
                counts["behaviors"] += int(sections[BEHAVIORS].offsets[-1])
                for label in data.spec.tasks:
                    ones = pc.sum(candidates.columns[f"labels_{label}"]).as_py() or 0
                    counts[f"positives of {label}"] += ones
                counts.update(_by_label(_GLOBAL_ONES, global_positives(data.spec, candidates)))
                counts.update(_by_label(_DIFFERING, global_differing(data.spec, candidates)))
                if progress is not None:
                    progress(len(candidates.lengths))
            _compare(data, f"sessions of {shard.file}", sessions, shard.sessions)
        for name, expected in _expected(manifest).items():
            _compare(data, f"{name} of split {split}", counts[name], expected)


def _expected(manifest: SplitManifest) -> dict[str, int]:
    return {
        "candidates": manifest.candidates,
        "behaviors": manifest.behaviors,
        **_by_label("positives of", manifest.positives),
        **_by_label(_GLOBAL_ONES, manifest.global_positives),
        **_by_label(_DIFFERING, manifest.global_differing),
    }


def _by_label(what: str, counts: Mapping[str, int]) -> dict[str, int]:
    return {f"{what} {label}": count for label, count in counts.items()}


def _compare(data: PreparedData, what: str, received: int, expected: int) -> None:
    if received != expected:
        raise PreparedDataError(
            f"{data.folder / MANIFEST_FILE} does not fit the records: {what} must be {expected}. "
            f"Received: {received}. Make the folder again."
        )
