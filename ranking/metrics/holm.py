"""Holm's correction: fair p-values where one looks at many comparisons at once."""

import numpy as np
import numpy.typing as npt


def holm_correction(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Maps the p-values of one family `[M]` to corrected ones `[M]`.

    Whoever calls every corrected p-value below 5 % a difference is wrong anywhere in the family
    with a probability of at most 5 %, whether or not the comparisons depend on each other. The
    smallest is multiplied by M, the next by M - 1, and so on; none is smaller than one before it,
    and none is above 1. NaN, which is no test, stays NaN and does not count.

    Example:
    >>> holm_correction([0.01, 0.04, 0.03, np.nan]).round(4)
    array([0.03, 0.06, 0.06,  nan])
    """
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(given.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(given))
    ordered = tests[np.argsort(given[tests], kind="stable")]
    factors = np.arange(len(ordered), 0, -1)
    corrected[ordered] = np.minimum(np.maximum.accumulate(factors * given[ordered]), 1.0)
    return corrected
