"""How many users have a value, or two values together, without the users of one fold."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Integers = npt.NDArray[np.int64]
Rates = npt.NDArray[np.float32]

NO_FOLD = -1
_PER = 1000.0


class FoldCounts:
    """Maps values to how many of 1000 users have them, counted without the users of a fold.

    What a user chose tells of that very choice: counted in, it raises the counts of each positive
    candidate of training by one, and of no candidate of evaluation. Leaving out that user alone
    turns the error round: a positive candidate's counts then fall short by one, which trees that
    know the item by its other numbers see. Without a whole fold of users, an item has the same
    counts in all sessions of these users, whether they chose it or not.

    Memory grows with the number of pairs that some user has, times the folds.

    Args:
        users: User of each observation `[N]`, from 0. A repeated observation counts once.
        values: Value of each observation `[N]`, from 0.
        folds: The fold of each user `[U]`, from 0.
        num_values: A number above every value.

    Example: user 0 is in fold 0, users 1 and 2 are in fold 1.
    >>> counts = FoldCounts(np.array([0, 0, 1, 1, 2]), np.array([3, 4, 3, 4, 3]),
    ...     np.array([0, 1, 1]), num_values=5)
    >>> counts.having(np.array([0, 1]), np.array([[3, 4], [3, 4]])).tolist()
    [[1000.0, 500.0], [1000.0, 1000.0]]
    >>> counts.having_both(np.array([0]), np.array([[3]]), np.array([[4, 3]])).tolist()
    [[[500.0, 0.0]]]
    """

    def __init__(
        self, users: Integers, values: Integers, folds: Integers, *, num_values: int
    ) -> None:
        self._num_values = num_values
        has = sparse.csr_array(
            (np.ones(len(users), np.int64), (users, values)), shape=(len(folds), num_values)
        )
        has.data[:] = 1
        parts = [has[folds == fold] for fold in range(int(folds.max(initial=-1)) + 1)]
        sizes = np.array([[part.shape[0] for part in parts]])
        self._scale = _PER / np.maximum(_without_each(sizes)[0], 1)
        self._having = _without_each(np.stack([part.sum(axis=0) for part in parts], axis=1))
        self._keys, together = _pair_counts(parts)
        self._together = _without_each(together)

    def having(self, folds: Integers, values: npt.NDArray[Any]) -> Rates:
        """Maps values `[S, C]` to how many of 1000 users have them, `[S, C]`.

        Users of `folds` `[S]` are left out; none are for a session of `NO_FOLD`.
        """
        counts = self._having[values, folds[:, None]]
        return np.asarray(counts * self._scale[folds, None], np.float32)

    def having_both(
        self, folds: Integers, first: npt.NDArray[Any], second: npt.NDArray[Any]
    ) -> Rates:
        """Maps values `[S, T]` and `[S, C]` to how many of 1000 users have both, `[S, T, C]`.

        Again without the users of `folds` `[S]`. A value makes no pair with itself: that counts 0.
        """
        low = np.minimum(first[:, :, None], second[:, None, :]).astype(np.int64)
        keys = low * self._num_values + np.maximum(first[:, :, None], second[:, None, :])
        rates = np.zeros(keys.shape, np.float32)
        if len(self._keys):
            places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            session, behavior, candidate = np.nonzero(self._keys[places] == keys)
            fold = folds[session]
            counts = self._together[places[session, behavior, candidate], fold]
            rates[session, behavior, candidate] = counts * self._scale[fold]
        return rates


def _pair_counts(parts: list[sparse.csr_array]) -> tuple[Integers, Integers]:
    """Users and their values, fold by fold -> keys of pairs `[P]` and users with both `[P, F]`."""
    keys, counts = [], []
    for has in parts:
        pairs = sparse.triu(has.T @ has, k=1).tocoo()
        keys.append(pairs.row.astype(np.int64) * has.shape[1] + pairs.col)
        counts.append(pairs.data)
    every = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]))
    together = np.zeros((len(every), len(parts)), np.int64)
    for fold, (key, count) in enumerate(zip(keys, counts, strict=True)):
        together[np.searchsorted(every, key), fold] = count
    return every, together


def _without_each(counts: Integers) -> npt.NDArray[np.int32]:
    """Counts of each fold `[P, F]` -> of all the others `[P, F + 1]`, the last: of all folds."""
    total = counts.sum(axis=1, keepdims=True)
    return np.concatenate([total - counts, total], axis=1).astype(np.int32)
