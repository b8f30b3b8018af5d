"""A hint for a misspelled name, one wording for the whole project."""

import difflib
from collections.abc import Iterable


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """Maps a name to those of `names` that it may have been meant to be, the nearest first."""
    return difflib.get_close_matches(name.lower(), sorted(set(names)), n=3, cutoff=0.6)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Maps a name that is not among `names` to a hint: the near ones, or all of them.

    >>> did_you_mean("tabel", ["table", "dense"])
    'Did you mean `table`?'
    >>> did_you_mean("zzz", ["table", "dense"])
    'There are: `dense`, `table`.'
    >>> did_you_mean("zzz", [])
    'There are none.'
    """
    known = sorted(set(names))
    if near := near_names(name, known):
        return f"Did you mean {' or '.join(f'`{one}`' for one in near)}?"
    if known:
        return f"There are: {', '.join(f'`{one}`' for one in known)}."
    return "There are none."
