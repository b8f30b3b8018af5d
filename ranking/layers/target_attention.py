"""Attention over a session's behaviors, and over one target more.

The softmax over behaviors and a target is one over the behaviors alone, joined with the target:

    softmax([s_1, .., s_T, s]) [v_1, .., v_T, v] = (1 - p) a + p v,
    p = sigmoid(s - log(sum_t exp(s_t)))

where a is what the behaviors alone give. So what does not depend on the target is done once for
all of them.

Shapes are written with B = batch, T = behaviors, G = groups of targets that share behaviors,
R = targets in each, d = width, h = heads. Behaviors as they came are one group for all targets
(G = 1); behaviors that have seen a target are a group with it (R = 1).
"""

from typing import Any

import keras
from keras import ops


def target_attends(target: Any, behaviors: Any, behaviors_mask: Any, num_heads: int) -> Any:
    """What targets see: `(B, G, R, 4 d)`, `(B, G, T, 2 d or more)` -> `(B, G, R, d)`.

    Args:
        target: Keys, values, queries and vectors of targets, as `AttentionProjections` puts them.
        behaviors: Keys and values of behaviors.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors.
        num_heads: Number of heads h.
    """
    size = target.shape[-1] // 4
    keys, values, queries = (_part(target, index, size, num_heads) for index in range(3))
    others, their_values = (_part(behaviors, index, size, num_heads) for index in range(2))
    seen, strength = _behaviors_seen(queries, others, their_values, behaviors_mask)
    own = ops.sum(queries * keys, axis=-1) * _scale(keys)
    share = ops.expand_dims(ops.sigmoid(own - strength), -1)
    return _join_heads(seen + share * (values - seen))


def behaviors_attend(target: Any, behaviors: Any, behaviors_mask: Any, num_heads: int) -> Any:
    """What behaviors see beside a target: `(B, G, R, 4 d)`, `(B, G, T, 4 d)` -> `(B, GR, T, d)`.

    The arguments are those of `target_attends`. What stands at padding is finite.
    """
    size = target.shape[-1] // 4
    own_keys, own_values = (_part(target, index, size, num_heads) for index in range(2))
    keys, values, queries = (_part(behaviors, index, size, num_heads) for index in range(3))
    seen, strength = _behaviors_seen(queries, keys, values, behaviors_mask)
    scores = _scores(own_keys, queries)  # (B, G, h, R, T)
    scores = ops.transpose(scores, (0, 1, 3, 4, 2))
    share = ops.sigmoid(scores - ops.expand_dims(strength, 2))
    seen = ops.expand_dims(seen, 2)  # (B, G, 1, T, h, d / h)
    seen = seen + ops.expand_dims(share, -1) * (ops.expand_dims(own_values, 3) - seen)
    batch, groups, targets, length, _ = ops.shape(scores)
    return ops.reshape(seen, (batch, groups * targets, length, size))


def _behaviors_seen(queries: Any, keys: Any, values: Any, mask: Any) -> tuple[Any, Any]:
    """What queries see of behaviors, and the logarithm of the sum of their weights.

    Takes tensors `(B, G, N or T, h, d / h)`; returns `(B, G, N, h, d / h)` and `(B, G, N, h)`.
    """
    scores = _scores(queries, keys)
    lowest = -6e4 if keras.backend.standardize_dtype(scores.dtype) == "float16" else -1e30
    scores = ops.where(mask[:, None, None, None, :], scores, lowest)
    largest = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True, initial=lowest))
    weights = ops.exp(scores - largest)
    total = ops.sum(weights, axis=-1, keepdims=True)
    total = ops.where(total > 0, total, 1.0)  # It is 0 where T is; otherwise at least exp(0).
    seen = ops.matmul(weights, _by_head(values)) / total  # (B, G, h, N, d / h)
    strength = ops.squeeze(largest + ops.log(total), -1)
    return _by_head(seen), ops.transpose(strength, (0, 1, 3, 2))


def _scores(queries: Any, keys: Any) -> Any:
    """Scaled products by head, `(B, G, h, N, T)`."""
    turned = ops.transpose(keys, (0, 1, 3, 4, 2))
    return ops.matmul(_by_head(queries), turned) * _scale(keys)


def _part(projections: Any, index: int, size: int, num_heads: int) -> Any:
    """One part of projections by head, `(B, G, N, h, d / h)`."""
    part = projections[..., index * size : (index + 1) * size]
    return ops.reshape(part, (*ops.shape(part)[:3], num_heads, size // num_heads))


def _by_head(vectors: Any) -> Any:
    """`(B, G, N, h, e)` -> `(B, G, h, N, e)`, or back."""
    return ops.transpose(vectors, (0, 1, 3, 2, 4))


def _join_heads(vectors: Any) -> Any:
    shape = ops.shape(vectors)
    return ops.reshape(vectors, (*shape[:3], vectors.shape[-2] * vectors.shape[-1]))


def _scale(vectors: Any) -> float:
    return float(vectors.shape[-1] ** -0.5)
