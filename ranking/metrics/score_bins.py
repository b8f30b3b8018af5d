"""Scores as whole numbers that keep their order."""

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

BINS = 2**16
_LARGEST_LOGIT = 20.0
_SIGN = 2**31
_ALL_BITS = 2**32 - 1


def ordered_pattern(scores: Scores) -> Integers:
    """Maps float32 scores `[N]` to whole numbers from 0 to 2^32 - 1 of the same order and ties.

    Example:
    >>> ordered_pattern(np.array([-np.inf, -0.5, -0.0, 0.0, 0.5], np.float32)) // 2**24
    array([  0,  64, 128, 128, 191])
    """
    # Adding zero makes the negative zero a positive one, which it equals.
    bits = (scores + np.float32(0)).view(np.uint32).astype(np.int64)
    return np.where(bits >= _SIGN, _ALL_BITS - bits, bits + _SIGN)


def pattern_scores(patterns: Integers) -> Scores:
    """Maps what `ordered_pattern` makes back to the scores."""
    bits = np.where(patterns < _SIGN, _ALL_BITS - patterns, patterns - _SIGN)
    return bits.astype(np.uint32).view(np.float32)


def logit_bins(probabilities: Scores) -> Integers:
    """Maps probabilities `[N]` to `BINS` bins of equal width over the logits from -20 to 20.

    What lies outside falls into the first or the last bin. Of float32 probabilities those are 0 and
    1, and what is below 2e-9.

    Example:
    >>> logit_bins(np.array([0.0, 0.5, 0.9, 1.0], np.float32))
    array([    0, 32768, 36367, 65535])
    """
    wide = probabilities.astype(np.float64)  # float32 logarithms do not always keep the order
    with np.errstate(divide="ignore"):
        logits = np.log(wide) - np.log1p(-wide)
    places = (logits + _LARGEST_LOGIT) * (BINS / (2 * _LARGEST_LOGIT))
    return np.clip(places, 0, BINS - 1).astype(np.int64)


def float_bins(scores: Scores) -> Integers:
    """Maps any scores `[N]` to `BINS` bins: the upper half of `ordered_pattern`.

    A bin of numbers with the same sign and exponent is 1/128 of their power of two wide, and whole
    numbers up to 256 have bins of their own.

    Example:
    >>> bins = float_bins(np.array([-1, 255, 256, 257], np.float32))
    >>> bins - bins[1]
    array([-33536,      0,      1,      1])
    """
    return ordered_pattern(scores) >> 16
