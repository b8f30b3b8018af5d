"""Long histories piece by piece, so that what is computed between stays small."""

from collections.abc import Callable
from typing import Any

from keras import ops

# Numbers that a piece may have in the hidden layer: 2 MiB in float32, which processors keep close.
_PIECE = 1 << 19
_FEWEST = 16  # behaviors of a piece: products of fewer rows are slow.
_SHORT = 8  # pieces that are not worth the loop


def in_pieces(function: Callable[[Any], Any], vectors: Any, width: Any) -> Any:
    """Applies a function of every behavior: `(B, T, D)` -> `(B, T, U)`, long histories in pieces.

    The result is that of `function(vectors)`. Between input and result there are never more than
    about half a million numbers at once, however long the histories are, or those of 16 behaviors.

    Args:
        function: Maps `(B, t, D)` to `(B, t, U)` for any t, every position by itself.
        vectors: Float tensor `(B, T, D)`. T may be 0 or unknown.
        width: How many numbers `function` holds per position at most.

    Example:
    >>> import numpy as np
    >>> in_pieces(lambda part: 2 * part, np.ones((1, 3, 1)), width=5).tolist()
    [[[2.0], [2.0], [2.0]]]
    """
    batch, length = ops.shape(vectors)[0], ops.shape(vectors)[1]
    if isinstance(length, int) and length <= _SHORT * _FEWEST:
        return function(vectors)
    size = _PIECE // _at_least(1, batch * width)
    size = _at_least(_FEWEST, size)

    def pieces() -> Any:
        return _joined(function, vectors, -(-length // size))

    if isinstance(size, int) and isinstance(length, int):
        return pieces() if length > _SHORT * size else function(vectors)
    return ops.cond(length > _SHORT * size, pieces, lambda: function(vectors))


def _joined(function: Callable[[Any], Any], vectors: Any, count: Any) -> Any:
    """`function` of so many pieces of one length, one after the other."""
    batch, length, depth = ops.shape(vectors)
    size = -(-length // count)
    vectors = ops.pad(vectors, ((0, 0), (0, count * size - length), (0, 0)))
    pieces = ops.transpose(ops.reshape(vectors, (batch, count, size, depth)), (1, 0, 2, 3))
    results = ops.transpose(ops.map(function, pieces), (1, 0, 2, 3))
    return ops.reshape(results, (batch, count * size, ops.shape(results)[-1]))[:, :length]


def _at_least(lowest: int, number: Any) -> Any:
    return max(lowest, number) if isinstance(number, int) else ops.maximum(lowest, number)
