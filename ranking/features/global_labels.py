"""Global labels: what a user did with an item in any session of the same time window."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.features.candidate_keys import Keys, candidate_keys
from ranking.features.label_noise import LabelNoise
from ranking.features.session_columns import SectionColumns, session_columns
from ranking.features.spec import CANDIDATES, FeatureSpec

_LARGEST_REST = 1 << 20


class GlobalLabels:
    """Maps the candidates of one split to their global labels.

    The global label of a task is 1 where a session of the split, in any scenario, shows the same
    user the same item within the same window and the label is 1 there (USR, section 3.4);
    `candidate_keys` says what the same is. A candidate without a key keeps its own label.

    Show it every session of the split with `add`, then ask. What it keeps is one number for every
    distinct positive.

    Args:
        spec: A spec with global labels.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._positives = {task: _KeySet() for task in spec.tasks}
        self._noise: LabelNoise | None = None

    def add(self, sections: Mapping[str, SectionColumns]) -> None:
        """Learns from sessions, as `session_columns.session_columns` returned them."""
        keys, known = candidate_keys(self._spec, sections)
        for task, positives in self._positives.items():
            positives.add(keys[known & self._own(task, sections)])

    def merge(self, other: "GlobalLabels") -> None:
        """Adds what another one learned from other sessions of the same split."""
        for task, positives in self._positives.items():
            positives.merge(other._positives[task])

    def ones(self, batch: pa.RecordBatch) -> Counter[str]:
        """Maps sessions of the split to how many of their global labels are 1, by task.

        The number of their candidates is there too, by the key "".
        """
        sections = session_columns(self._spec, batch)
        columns = self.columns(sections)
        ones = Counter({"": int(sections[CANDIDATES].offsets[-1])})
        for task, field in zip(self._spec.tasks, self._spec.global_labels, strict=True):
            ones[task] = int(columns[field.key].to_numpy().sum())
        return ones

    def corrupt(self, share: float, seeds: tuple[int, ...], ones: Counter[str]) -> None:
        """From now on replaces a share of the labels by coins, as `LabelNoise` says.

        Args:
            share: Share of keys whose label is replaced, from 0 to 1.
            seeds: Numbers of at least 0 that decide about all draws.
            ones: The sum of what `ones` gave for all sessions of the split: coins show 1 as often
                as labels are 1.
        """
        rates = {task: ones[task] / max(ones[""], 1) for task in self._spec.tasks}
        self._noise = LabelNoise(share, seeds, rates)

    def columns(self, sections: Mapping[str, SectionColumns]) -> dict[str, pa.Array]:
        """Maps sessions of the split to a column of N int64 per global label, by field key."""
        keys, known = candidate_keys(self._spec, sections)
        columns = {}
        for field, (task, positives) in zip(
            self._spec.global_labels, self._positives.items(), strict=True
        ):
            labels = self._own(task, sections) | (known & positives.contains(keys))
            if self._noise is not None:
                labels = np.where(known, self._noise.apply(task, keys, labels), labels)
            columns[field.key] = pa.array(labels.astype(np.int64))
        return columns

    def _own(self, task: str, sections: Mapping[str, SectionColumns]) -> npt.NDArray[np.bool_]:
        """Bool `[N]`: the label itself. What is no label is for validation to say."""
        column = sections[CANDIDATES].columns[f"labels_{task}"]
        return np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False) > 0)


class _KeySet:
    """A set of keys: a sorted array and what came since it was last sorted."""

    def __init__(self) -> None:
        self._sorted: Keys = np.zeros(0, np.uint64)
        self._rest: list[Keys] = []
        self._rest_size = 0

    def add(self, keys: Keys) -> None:
        """Adds keys of any shape."""
        self._rest.append(keys)
        self._rest_size += len(keys)
        if self._rest_size > max(_LARGEST_REST, len(self._sorted)):
            self._merge()

    def merge(self, other: "_KeySet") -> None:
        """Adds the keys of another set."""
        for keys in (other._sorted, *other._rest):
            self.add(keys)

    def contains(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Maps keys `[N]` to whether each is in the set."""
        self._merge()
        if not len(self._sorted):
            return np.zeros(len(keys), np.bool_)
        place = np.searchsorted(self._sorted, keys)
        return np.asarray(self._sorted[np.minimum(place, len(self._sorted) - 1)] == keys)

    def _merge(self) -> None:
        if self._rest:
            self._sorted = np.unique(np.concatenate([self._sorted, *self._rest]))
            self._rest, self._rest_size = [], 0
