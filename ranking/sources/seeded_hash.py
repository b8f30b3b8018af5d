"""Chance that depends on what a thing is called, not on what else there is."""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def hash_fractions(seed: int, texts: Iterable[str]) -> npt.NDArray[np.float64]:
    """Maps texts to fractions in [0, 1), as if drawn at random, each by its text and the seed.

    So data that grows or shrinks leaves the draws of what stays as they were.

    Example:
    >>> first, again, other = hash_fractions(3, ["a b", "a b", "a c"])
    >>> bool(first == again != other)
    True
    """
    digests = b"".join(
        hashlib.blake2b(f"{seed} {text}".encode(), digest_size=8).digest() for text in texts
    )
    # A double holds 53 bits, so the lowest are dropped: rounding up could give 1.
    return (np.frombuffer(digests, ">u8") >> np.uint64(11)).astype(np.float64) / 2.0**53
