"""APG's equations as loops over single impressions."""

import numpy as np

from tests.helpers import oracles


def adaptive_dense(layer, x, z):
    """One impression `(N,)` under a condition `(Z,)` -> `(units,)`, without activation.

    The kernel V S U is made whole, which the layer never does.
    """
    names = ("input_factor_left", "input_factor_right", "output_factor_left", "output_factor_right")
    v_left, v_right, u_left, u_right = (_array(layer, name) for name in names)
    core = _array(layer, "core_bias").copy()
    core_kernel = _array(layer, "core_kernel")
    for i in range(layer.rank):
        for j in range(layer.rank):
            for n in range(len(z)):
                core[i, j] += z[n] * core_kernel[n, i * layer.rank + j]
    return oracles.dense(v_left @ v_right @ core @ u_left @ u_right, _array(layer, "bias"), x)


def apg(layer, x, weights, context):
    """One impression `(D,)` -> logits `(J,)`."""
    known = []
    if layer.condition != "self":
        (embeddings,) = layer.scenario_embedding.get_weights()
        known.append(sum(weight * row for weight, row in zip(weights, embeddings, strict=True)))
        known += [] if context is None else [context]
    if layer.condition == "mix":
        known.append(x)
    hidden = x
    for index in range(len(layer.hidden_sizes)):
        z = hidden if layer.condition == "self" else np.concatenate(known)
        adaptive = getattr(layer, f"adaptive_{index}")
        hidden = oracles.relu(adaptive_dense(adaptive, hidden, z))
    return oracles.mlp(oracles.dense_pairs(layer.output_dense), hidden)


def _array(layer, name):
    return np.asarray(getattr(layer, name).value, "float64")
