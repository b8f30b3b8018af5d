"""Tests of a difference between two systems on the same sessions."""

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

_LEVEL = 0.05
_POWER = 0.8


def complete_pairs(base: npt.ArrayLike, other: npt.ArrayLike) -> tuple[Array, Array]:
    """Maps values `[S]` of two systems to those of the sessions that have both, `[P]` each.

    Raises:
        ValueError: If the shapes are not one `[S]`.

    Example:
    >>> complete_pairs([0.5, np.nan, 0.7], [0.6, 0.8, 0.9])
    (array([0.5, 0.7]), array([0.6, 0.9]))
    """
    base, other = np.asarray(base, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if base.ndim != 1 or base.shape != other.shape:
        raise ValueError(
            "`base` and `other` must hold one value per session, shape [S]. "
            f"Received: {base.shape} and {other.shape}"
        )
    both = ~(np.isnan(base) | np.isnan(other))
    return base[both], other[both]


def paired_t_test(base: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Maps values `[S]` of two systems to the two-sided p-value of the paired t-test over sessions.

    It takes sessions for independent, which the sessions of one user are not; it is then too sure.
    A pair with a NaN is left out. 1 where all pairs are equal; NaN below two pairs.

    Example:
    >>> round(paired_t_test([0.5, 0.6, 0.7], [0.6, 0.8, 0.8]), 4)
    0.0572
    """
    base, other = complete_pairs(base, other)
    gains = other - base
    if len(gains) < 2:
        return math.nan
    return t_p_value(float(gains.mean()), math.sqrt(gains.var(ddof=1) / len(gains)), len(gains) - 1)


def unpaired_z_test(base: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Maps values `[S]` of two systems to the two-sided p-value of the test the AW-MoE paper did.

    A two-sample z-test that forgets that both systems ranked the same sessions: what makes sessions
    easy or hard is then noise, and small gains need far more sessions to show. It is inferred from
    the published tables, whose p-values fit it; report it for comparison with them only. Sessions
    are left out and p-values are defined as in `paired_t_test`.

    Example:
    >>> round(unpaired_z_test([0.5, 0.6, 0.7], [0.6, 0.8, 0.8]), 4)
    0.1306
    """
    base, other = complete_pairs(base, other)
    if len(base) < 2:
        return math.nan
    error = math.sqrt((base.var(ddof=1) + other.var(ddof=1)) / len(base))
    return t_p_value(float(other.mean() - base.mean()), error, math.inf)


def t_p_value(gain: float, error: float, freedom: float) -> float:
    """Maps a gain, its standard error and degrees of freedom to the two-sided p-value.

    Without error it is 1 for no gain and 0 for any other. Infinite freedom is the normal
    distribution.

    Example:
    >>> round(t_p_value(1.96, 1.0, math.inf), 4)
    0.05
    """
    if error == 0:
        return 1.0 if gain == 0 else 0.0
    return float(2 * stats.t.sf(abs(gain) / error, freedom))


def t_interval(gain: float, error: float, freedom: float) -> tuple[float, float]:
    """Maps a gain, its standard error and degrees of freedom to its 95 % confidence interval.

    It excludes 0 exactly where `t_p_value` is below 5 %.

    Example:
    >>> low, high = t_interval(0.5, 0.1, math.inf)
    >>> round(low, 3), round(high, 3)
    (0.304, 0.696)
    """
    reach = float(stats.t.isf(_LEVEL / 2, freedom)) * error if error else error
    return gain - reach, gain + reach


def smallest_detectable(error: float, freedom: float) -> float:
    """Maps a standard error and degrees of freedom to the smallest true difference likely to show.

    "Likely": in 80 % of test sets (and trainings) such as these, a difference of that size gives a
    p-value below 5 %. A true difference below it is not absent; the sample was too small to tell.
    The sum of two quantiles is a seventh short with one degree of freedom, a twentieth with two,
    and right within 2 % from four on.

    Example:
    >>> round(smallest_detectable(0.01, math.inf), 4)
    0.028
    """
    if error == 0:
        return 0.0
    quantiles = stats.t.isf(_LEVEL / 2, freedom) + stats.t.isf(1 - _POWER, freedom)
    return float(quantiles) * error
