"""How groups of sessions use a model's experts."""

import dataclasses
import itertools
import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class GateUsage:
    """The experts that a group of S sessions activates, by the K outputs of the gate.

    A gate's outputs are any real numbers: they need not sum to 1 and may be negative, which
    activates an expert as well. A session's *share* of an expert is therefore |g_k| / sum |g|; a
    session whose gate is all zero has no shares and does not enter what is made of them. Entropies
    are in units of log K: 0 is one expert alone, 1 all of them alike; NaN where K is 1.

    Attributes:
        sessions: S.
        active_sessions: Sessions whose gate is not all zero.
        mean: `[K]` mean activation.
        mean_absolute: `[K]` mean absolute activation.
        shares: `[K]` mean share; NaN without an active session.
        session_entropy: Mean entropy of a session's shares. Low where sessions pick few experts.
        entropy: Entropy of `shares`. High although `session_entropy` is low where sessions pick
            different experts.
        dead_everywhere: `[K]` bool, the expert's share is below the threshold in every session.
        dead_on_average: `[K]` bool, the expert's mean share is below the threshold.
        norm: Mean Euclidean norm of the gate.
    """

    sessions: int
    active_sessions: int
    mean: Array
    mean_absolute: Array
    shares: Array
    session_entropy: float
    entropy: float
    dead_everywhere: npt.NDArray[np.bool_]
    dead_on_average: npt.NDArray[np.bool_]
    norm: float


def gate_usage(
    gates: npt.ArrayLike, groups: npt.ArrayLike, *, dead_below: float = 0.01
) -> dict[int, GateUsage]:
    """Maps gates `[S, K]` and whole group codes `[S]` to the usage of each code that occurs.

    Args:
        gates: The gate of each session, finite.
        groups: The group of each session.
        dead_below: Share under which an expert counts as dead.

    Raises:
        ValueError: If shapes do not fit, a gate is not finite, or `dead_below` is outside [0, 1].

    Example:
    >>> usage = gate_usage([[1.0, 0.0], [-3.0, 1.0], [0.0, 2.0]], [0, 0, 7])
    >>> usage[0].mean, usage[0].shares
    (array([-1. ,  0.5]), array([0.875, 0.125]))
    >>> usage[7].dead_everywhere
    array([ True, False])
    """
    values, codes = _checked(gates, groups, dead_below)
    order = np.argsort(codes, kind="stable")
    values, codes = values[order], codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=codes[:1] - 1))
    return {
        int(codes[start]): _usage(values[start:end], dead_below)
        for start, end in itertools.pairwise([*starts, len(codes)])
    }


def _usage(gates: Array, dead_below: float) -> GateUsage:
    """The usage of one group, `[S, K]` with S at least 1."""
    sizes = np.abs(gates)
    active = sizes[sizes.any(axis=1)]
    # Dividing by the largest first keeps the sum of tiny activations above zero.
    active = active / active.max(axis=1, keepdims=True)
    shares = active / active.sum(axis=1, keepdims=True)
    mean_shares = shares.mean(axis=0) if len(shares) else np.full(gates.shape[1], np.nan)
    return GateUsage(
        sessions=len(gates),
        active_sessions=len(shares),
        mean=gates.mean(axis=0),
        mean_absolute=sizes.mean(axis=0),
        shares=mean_shares,
        session_entropy=float(_entropies(shares).mean()) if len(shares) else math.nan,
        entropy=float(_entropies(mean_shares[None])[0]),
        dead_everywhere=(shares < dead_below).all(axis=0),
        # Without an active session there are no shares, and every expert is dead.
        dead_on_average=~(mean_shares >= dead_below),
        norm=float(np.linalg.norm(gates, axis=1).mean()),
    )


def _entropies(shares: Array) -> Array:
    """Shares `[n, K]` that sum to 1 -> their entropy over log K, `[n]`."""
    experts = shares.shape[1]
    if experts == 1:
        return np.full(len(shares), np.nan)
    logarithms = np.log(np.where(shares == 0, 1.0, shares))
    # Rounding must not make the entropy of one expert alone -0, or of all alike more than 1.
    entropies = -(shares * logarithms).sum(axis=1) / math.log(experts)
    return np.clip(entropies + 0.0, 0.0, 1.0)


def _checked(
    gates: npt.ArrayLike, groups: npt.ArrayLike, dead_below: float
) -> tuple[Array, npt.NDArray[np.int64]]:
    values = np.asarray(gates, dtype=np.float64)
    codes = np.asarray(groups)
    if values.ndim != 2 or not values.shape[1] or codes.shape != values.shape[:1]:
        raise ValueError(
            "`gates` must have shape [S, K] with K at least 1, and `groups` shape [S]. "
            f"Received: gates.shape={values.shape}, groups.shape={codes.shape}"
        )
    if codes.size and not np.issubdtype(codes.dtype, np.integer):
        raise ValueError(f"`groups` must be whole numbers. Received: {codes.dtype}")
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise ValueError(
            "`gates` must be finite. "
            f"Received: {len(wrong)} sessions with others, the first at {wrong[0]}: "
            f"{values[wrong[0]]}"
        )
    if not 0 <= dead_below <= 1:
        raise ValueError(f"`dead_below` must lie in [0, 1]. Received: dead_below={dead_below}")
    return values, codes.astype(np.int64)
