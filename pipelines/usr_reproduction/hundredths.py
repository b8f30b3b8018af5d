"""Gains of AUC as the USR paper writes them: in units of 0.01."""

import math

from pipelines.reproduction.number_words import NOTHING


def hundredths(value: float | None) -> str:
    """A difference with its sign, in units of 0.01.

    Example:
        >>> hundredths(0.0049), hundredths(-0.0012), hundredths(0.00001), hundredths(None)
        ('+0.49', '−0.12', '0.00', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    rounded = round(100 * value, 2)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded):.2f}"


def hundredths_interval(low: float, high: float) -> str:
    """Both ends of an interval, or a dash.

    Example:
        >>> hundredths_interval(-0.0012, 0.0049)
        '[−0.12, +0.49]'
    """
    return NOTHING if math.isnan(low) else f"[{hundredths(low)}, {hundredths(high)}]"
