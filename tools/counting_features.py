"""What can be counted of a candidate and a history: the inputs of gradient-boosted trees."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, UNKNOWN_ID, FeatureSpec
from ranking.sources.fold_counts import Integers, Rates
from tools.history_overlap import matches, overlap, steps_back
from tools.train_counts import TrainCounts

Batch = Mapping[str, Any]
Columns = dict[str, npt.NDArray[np.float32]]


class CountingFeatures:
    """Maps an encoded batch to columns of numbers, `[B, C]` each.

    - The numbers of candidates and sessions in the records, but popularity, see below; and
      `history`, the number of behaviors.
    - For each field of `roles.item`, how the candidate's value overlaps with the behaviors':
      `<field>.number` of behaviors with the same value, their `share`, and `recency`, 1 / steps
      back to the newest of them (1 is the last behavior). Where a field has several values, a
      behavior counts for the share of the candidate's values that it has. Whether any behavior
      matches is `number` > 0, which a tree can ask by itself.
    - For each of these fields with a single value, from the train split: how many of 1000 other
      users have the candidate's value (`others`); how many have it together with a behavior's other
      value (`with`), as the `sum` over the behaviors, the `maximum`, and the sum weighted with
      1 / steps back (`recent`); and the same of the cosine (`near`): users with both over the root
      of users with the one times users with the other.

    Popularity and co-occurrence leave out the user who is scored and all of the same fold, see
    `FoldCounts`. The popularity in the records is left out too: it may count the very choice that
    is to be predicted, and beside a count without it, it would give it away.

    Candidates of a session are not compared with each other, so the numbers mean the same among 2
    candidates as among 100.

    Args:
        spec: A resolved spec.
        counts: Counts of the train split.
    """

    def __init__(self, spec: FeatureSpec, counts: TrainCounts) -> None:
        self._counts = counts
        self._shared = {
            name: (spec.field(BEHAVIORS, name).key, spec.field(CANDIDATES, name).key)
            for name in spec.roles.item
        }
        dense = [field for field in spec.session + spec.candidates if field.kind == "dense"]
        self._numbers = {
            field.key: field.section == SESSION
            for field in dense
            if field.section == SESSION or field.name != spec.roles.popularity
        }

    def __call__(self, batch: Batch) -> Columns:
        """The columns of a batch, in the same order for every batch."""
        arrays = {key: np.asarray(value) for key, value in batch.items()}
        items = next(iter(self._shared.values()))
        shape = arrays[items[1]].shape
        lengths = arrays["behaviors_length"]
        columns = {"history": _spread(lengths, shape)}
        for key, is_of_session in self._numbers.items():
            columns[key] = _spread(arrays[key], shape) if is_of_session else arrays[key]
        steps = steps_back(lengths, arrays[items[0]].shape[1])
        folds = self._counts.folds(batch)
        for name, (behaviors, candidates) in self._shared.items():
            shown, done = arrays[candidates], arrays[behaviors]
            columns |= _named(name, overlap(matches(done, shown), steps))
            if name in self._counts.fields:
                columns |= _named(name, self._together(name, folds, done, shown, steps))
        return columns

    def _together(
        self, name: str, folds: Integers, done: Any, shown: Any, steps: npt.NDArray[np.float32]
    ) -> Columns:
        counts = self._counts.fields[name]
        others, behind = counts.having(folds, shown), counts.having(folds, done)
        known = (done > UNKNOWN_ID)[:, :, None] & (shown > UNKNOWN_ID)[:, None, :]
        both = np.where(known, counts.having_both(folds, done, shown), 0).astype(np.float32)
        scale = np.sqrt(behind[:, :, None] * others[:, None, :])
        near = np.divide(both, scale, out=np.zeros_like(both), where=both > 0)
        columns = {"others": np.where(shown > UNKNOWN_ID, others, 0).astype(np.float32)}
        columns |= _named("with", _summed(both, steps))
        return columns | _named("near", _summed(near, steps))


def _summed(values: Rates, steps: npt.NDArray[np.float32]) -> Columns:
    """Numbers of behaviors and candidates `[B, T, C]` to columns `[B, C]`."""
    return {
        "sum": values.sum(axis=1),
        "maximum": values.max(axis=1, initial=0),
        "recent": (values / steps[:, :, None]).sum(axis=1),
    }


def _spread(values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """A number of each session `[B]` to each of its candidates `[B, C]`."""
    return np.broadcast_to(values[:, None], shape).astype(np.float32)


def _named(prefix: str, columns: Columns) -> Columns:
    return {f"{prefix}.{name}": values for name, values in columns.items()}
