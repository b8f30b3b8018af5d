"""Sessions that come twice: they count twice, and one of train in test is known beforehand."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from ranking.features.candidate_keys import Keys
from ranking.features.preparation_passes import PreparationJob
from ranking.features.session_keys import NO_ID
from ranking.features.spec import FeatureSpec
from ranking.features.validation import RecordError


def check_ids_differ(job: PreparationJob, spec: FeatureSpec, keys: Mapping[str, Keys]) -> None:
    """Checks that no session of a job has the id of an earlier one, in its split or another.

    Args:
        job: What is prepared.
        spec: Its spec.
        keys: For each split of the job, what `session_keys` gave for all its sessions, in order.

    Raises:
        RecordError: For the first session whose id came before.
    """
    together = np.concatenate([keys[split] for split in job.splits])
    in_order = np.sort(together)
    if not _is_repeated(in_order).any():
        return
    order = np.argsort(together, kind="stable")
    repeated = np.flatnonzero(_is_repeated(together[order]))
    pairs = zip(order[repeated + 1].tolist(), order[repeated].tolist(), strict=True)
    ends = np.cumsum([len(keys[split]) for split in job.splits])
    for later, earlier in sorted(pairs):
        one, other = (_Session(job, spec, ends, number) for number in (earlier, later))
        if one.id == other.id:  # Else two ids have the same hash.
            raise other.error(one)


def _is_repeated(in_order: Keys) -> np.ndarray:
    """Bool `[n - 1]`: the key is that of the next one too."""
    return np.asarray((in_order[1:] == in_order[:-1]) & (in_order[1:] != NO_ID))


class _Session:
    """A session of a job by its number among those of all splits, read again for its id."""

    def __init__(self, job: PreparationJob, spec: FeatureSpec, ends: np.ndarray, at: int) -> None:
        place = int(np.searchsorted(ends, at, "right"))
        self._split = job.splits[place]
        self._number = at - (int(ends[place - 1]) if place else 0)
        self._name = str(spec.roles.session_id)
        self._where = f"{job.where(self._split)}, session {self._number}"
        self.id = _value(job, self._split, self._number, self._name)

    def error(self, earlier: "_Session") -> RecordError:
        return RecordError(
            f"{self._where} ({self._name} {self.id!r}): `{self._name}` must not come back. "
            f"Received: that of {earlier._where}. Leave one of the two out, or give every session "
            "an id of its own, or take `session_id` out of `roles`."
        )


def _value(job: PreparationJob, split: str, number: int, name: str) -> object:
    first = 0
    for batch in job.source.splits[split]():
        if number < first + batch.num_rows:
            column: pa.Array = batch.column(batch.schema.get_field_index(name))
            return column[number - first].as_py()
        first += batch.num_rows
    return None
