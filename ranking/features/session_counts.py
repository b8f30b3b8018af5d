"""What is in some sessions, in numbers."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ranking.features.global_counts import global_differing, global_positives
from ranking.features.manifest import Shard, SplitManifest
from ranking.features.session_columns import SectionColumns
from ranking.features.spec import BEHAVIORS, CANDIDATES, FeatureSpec

_NUMBERS = ("sessions", "candidates", "behaviors")
_BY_LABEL = ("positives", "sessions_with_positive", "global_positives", "global_differing")


@dataclasses.dataclass(frozen=True)
class SessionCounts:
    """Counts of some sessions, as `SplitManifest` has them of a split.

    Attributes:
        sessions: Number of sessions.
        candidates: Number of candidates.
        behaviors: Number of behaviors that the records hold.
        positives: For each label, the number of candidates with a 1.
        sessions_with_positive: For each label, the number of sessions with at least one.
        global_positives: For each label that has a global one, the number of candidates whose
            global label is 1.
        global_differing: For each label that has a global one, the number of candidates whose
            global label is not their own.
    """

    sessions: int
    candidates: int
    behaviors: int
    positives: Mapping[str, int]
    sessions_with_positive: Mapping[str, int]
    global_positives: Mapping[str, int]
    global_differing: Mapping[str, int]

    def split_manifest(self, shards: tuple[Shard, ...]) -> SplitManifest:
        """The entry of a split with these sessions in the manifest."""
        return SplitManifest(shards=shards, **dataclasses.asdict(self))


def count_sessions(spec: FeatureSpec, sections: Mapping[str, SectionColumns]) -> SessionCounts:
    """Maps the columns that `session_columns.cut_columns` returned to their counts."""
    candidates = sections[CANDIDATES]
    per_session = {label: _positives(candidates, f"labels_{label}") for label in spec.tasks}
    return SessionCounts(
        sessions=len(candidates.lengths),
        candidates=int(candidates.offsets[-1]),
        behaviors=int(sections[BEHAVIORS].offsets[-1]),
        positives={label: int(counts.sum()) for label, counts in per_session.items()},
        sessions_with_positive={
            label: int((counts > 0).sum()) for label, counts in per_session.items()
        },
        global_positives=global_positives(spec, candidates),
        global_differing=global_differing(spec, candidates),
    )


def sum_counts(counts: Iterable[SessionCounts]) -> SessionCounts:
    """Maps the counts of several pieces to those of all together."""
    numbers: Counter[str] = Counter()
    by_label: dict[str, Counter[str]] = {name: Counter() for name in _BY_LABEL}
    for each in counts:
        numbers.update({name: getattr(each, name) for name in _NUMBERS})
        for name, counter in by_label.items():
            counter.update(getattr(each, name))  # Adds, and keeps a label that never was 1.
    total: dict[str, Any] = {name: numbers[name] for name in _NUMBERS}
    total |= {name: dict(counter) for name, counter in by_label.items()}
    return SessionCounts(**total)


def _positives(candidates: SectionColumns, key: str) -> np.ndarray:
    """int64 `[n]`: how many candidates of each session have a 1."""
    ones = np.concatenate([[0], np.cumsum(candidates.columns[key].to_numpy(zero_copy_only=False))])
    return np.diff(ones[candidates.offsets])
