"""The order in which people expect the names of segments."""

import math
import re


def reading_order(name: str) -> tuple[bool, float, bool, str]:
    """Maps a segment's name to a sort key: by its first number, then by letter, `unknown` last.

    Example:
    >>> sorted([">10", "unknown", "4-10", "b", "0", "1-3", "a"], key=reading_order)
    ['0', '1-3', '4-10', '>10', 'a', 'b', 'unknown']
    """
    number = re.search(r"\d+(\.\d+)?", name)
    size = float(number.group()) if number else math.inf
    is_unknown = name.strip("()") == "unknown"  # `(unknown)` where a value is called `unknown`.
    return is_unknown, size, not name.startswith("<"), name
