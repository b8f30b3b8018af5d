"""Numbers as reports write them."""

import math

NOTHING = "–"


def number(value: float | None, digits: int = 4) -> str:
    """`0.8472`, or a dash for what there is not."""
    return (
        NOTHING if value is None or math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")
    )


def gain(value: float | None) -> str:
    """A difference with its sign.

    Example:
        >>> gain(0.0016), gain(-0.25), gain(-0.00001)
        ('+0.0016', '−0.2500', '0.0000')
    """
    if value is None or math.isnan(value):
        return NOTHING
    rounded = round(value, 4)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded):.4f}"


def interval(low: float, high: float) -> str:
    """`[+0.0010, +0.0022]`, or a dash."""
    return NOTHING if math.isnan(low) else f"[{gain(low)}, {gain(high)}]"


def p_value(value: float | None) -> str:
    """A p-value without its letter.

    Example:
        >>> p_value(0.0123), p_value(0.25), p_value(4.4e-10), p_value(0.9999), p_value(0.0)
        ('0.012', '0.25', '4e-10', '1.00', '<1e-20')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if value <= 1e-20:
        return "<1e-20"
    if value < 0.001:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def duration(seconds: float | None) -> str:
    """`45 s`, `3.2 min` or `1.5 h`, or a dash."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
