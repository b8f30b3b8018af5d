"""Sessions by user: the users, not their sessions, are what a test set has drawn by chance."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_MISSING_NUMBERS = (0, -1)
_MISSING = (None, "", b"", "unknown", *_MISSING_NUMBERS)


def user_codes(users: npt.ArrayLike | None, sessions: int) -> npt.NDArray[np.int64]:
    """Maps the user id of each session `[S]` to a number from 0, equal for equal users, `[S]`.

    A session without a user id stands for itself. Ids may be text or numbers; see `known_users`
    for what a missing one looks like.

    Args:
        users: The ids, or `None` where no session has one.
        sessions: S.

    Raises:
        ValueError: If there is not one id per session.

    Example:
    >>> user_codes(["ada", None, "bob", "ada", ""], 5)
    array([0, 2, 1, 0, 3])
    """
    ids = np.full(sessions, None) if users is None else np.asarray(users)
    if ids.shape != (sessions,):
        raise ValueError(
            f"`users` must hold one id per session, shape ({sessions},). Received: {ids.shape}"
        )
    known = known_users(ids)
    codes = np.empty(sessions, dtype=np.int64)
    distinct, codes[known] = np.unique(ids[known], return_inverse=True)
    codes[~known] = len(distinct) + np.arange(sessions - known.sum())
    return codes


def known_users(users: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Maps the user id of each session `[S]` to whether there is one, `[S]`.

    An id is missing where it is None, NaN, empty text, `unknown` (so is called what no vocabulary
    holds), 0 (what a record holds for null) or -1. Other numbers below 0 are ids, such as hashes
    of 64 bits with a sign.

    Example:
    >>> known_users([7, 0, -7, -1])
    array([ True, False,  True, False])
    """
    ids = np.asarray(users)
    if ids.dtype.kind in "iuf":
        return np.asarray(~np.isnan(ids) & ~np.isin(ids, _MISSING_NUMBERS))
    return np.array([_is_known(each) for each in ids.tolist()], dtype=bool)


def _is_known(identity: object) -> bool:
    return identity not in _MISSING and not (isinstance(identity, float) and math.isnan(identity))


def clustered_variance(values: npt.ArrayLike, codes: npt.NDArray[np.int64]) -> float:
    """Maps values `[S]` and their users to the variance of the mean that drawing users gives.

    A user's sessions resemble each other, so the sum of a user's deviations is taken as one draw:
    sum over users of (sum of deviations)^2 / S^2 * U / (U - 1). With one session per user this is
    the variance over the count, as in the t-test. NaN below two users.

    Example:
    >>> clustered_variance([1.0, 2.0, 3.0, 4.0], np.array([0, 1, 2, 3]))  # variance 5 / 3, over 4
    0.4166666666666667
    >>> clustered_variance([1.0, 1.0, 4.0, 4.0], np.array([0, 0, 1, 1]))  # two users, two values
    2.25
    """
    values = np.asarray(values, dtype=np.float64)
    users = user_count(codes)
    if users < 2:
        return float("nan")
    sums = user_sums(values - values.mean(), codes)
    return float(np.square(sums).sum() / values.size**2 * users / (users - 1))


def user_count(codes: npt.NDArray[np.int64]) -> int:
    """Maps the users of sessions, as `user_codes` numbers them, to how many they are."""
    return int(codes.max()) + 1 if codes.size else 0


def user_sums(values: npt.ArrayLike, codes: npt.NDArray[np.int64]) -> Array:
    """Maps values `[S]` to their sum over the sessions of each user, `[U]`.

    Example:
    >>> user_sums([1.0, 2.0, 4.0], np.array([1, 0, 1]))
    array([2., 5.])
    """
    sums = np.bincount(codes, weights=np.asarray(values, dtype=np.float64))
    return sums.astype(np.float64, copy=False)
