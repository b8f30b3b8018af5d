"""Formulas on views of scenarios, as plain loops over NumPy numbers."""

import math

import numpy as np

from tests.helpers import oracles


def generated_product(layer, inputs, condition, trigger):
    """Matrix of the generator times a vector, for one view: `(D,)`, `(E,)`, `(F,)` -> `(U,)`."""
    hidden = np.concatenate([condition, trigger])
    if layer.hidden_sizes:
        weights = oracles.dense_pairs(layer.first_layer)
        if len(layer.hidden_sizes) > 1:
            weights += oracles.dense_pairs(layer.following_layers)
        for kernel, bias in weights:
            hidden = oracles.relu(oracles.dense(kernel, bias, hidden))
    kernel = np.asarray(layer.kernel.value, "float64")  # (D, H + 1, U)
    width, rows, size = kernel.shape
    # The last layer as it is written: H numbers to U * D, and those as a matrix.
    flat = np.transpose(kernel, (1, 2, 0)).reshape(rows, size * width)
    matrix = oracles.dense(flat[:-1], flat[-1], hidden).reshape(size, width)
    outputs = np.array([sum(matrix[u, i] * inputs[i] for i in range(width)) for u in range(size)])
    if layer.use_bias:
        ((kernel, bias),) = oracles.dense_pairs(layer.bias)
        outputs += oracles.dense(kernel, bias, hidden)
    return outputs


def interest_extractor(layer, interest, trigger):
    """USR equations 3 and 4 for one candidate: `(d,)`, `(S, Dt)` -> `(S, d)`."""
    views = []
    for k in range(len(trigger)):
        generator = layer.generator_0
        if layer.sharing == "per_view":
            generator = getattr(layer, f"generator_{k}")
        inputs = interest
        if layer.weight_generator == "low_rank":
            inputs = _matrix(layer.down).T @ interest
        view = generated_product(generator, inputs, interest, trigger[k])
        if layer.weight_generator == "low_rank":
            view = _matrix(layer.up).T @ view
        if layer.residual:
            view = view + interest
        views.append(oracles.relu(view) if layer.activation == "relu" else view)
    return np.array(views)


def feature_generator(layer, features, trigger):
    """USR equations 6 and 7 for one candidate: `(D,)`, `(S, Dt)` -> `(S, D)`."""
    weights = oracles.dense_pairs(layer.hidden_layer) + oracles.dense_pairs(layer.gate_layer)
    views = np.zeros((len(trigger), len(features)))
    for k in range(len(trigger)):
        gates = oracles.mlp(weights, np.concatenate([features, trigger[k]]))
        factors = [layer.scale / (1 + math.exp(-gate)) for gate in gates]
        sizes = layer.field_sizes or [1] * len(features)
        of_element = [f for f, size in zip(factors, sizes, strict=True) for _ in range(size)]
        views[k] = np.array(of_element) * features
    return views


def view_contrast(
    views, positive_rows, mask, *, negatives="batch", similarity="cosine", temperature=0.1
):
    """USR equations 5 and 8: sum over anchors that have a positive, and their number."""
    total, count = 0.0, 0
    number, scenarios, _ = views.shape

    def alike(a, b):
        product = sum(x * y for x, y in zip(a, b, strict=True))
        if similarity == "dot":
            return product / temperature
        lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
        return (product / lengths if lengths else 0.0) / temperature

    for n in range(number):
        positive = positive_rows[n]
        if not mask[n] or not mask[positive] or positive == n or scenarios < 2:
            continue
        for k in range(scenarios):
            to_positive = math.exp(alike(views[n, k], views[positive, k]))
            rows = [n] if negatives == "own" else [m for m in range(number) if mask[m]]
            denominator = to_positive
            for m in rows:
                for other in range(scenarios):
                    if other != k:
                        denominator += math.exp(alike(views[n, k], views[m, other]))
            total -= math.log(to_positive / denominator)
            count += 1
    return total, count


def within_view_variance(views, mask):
    """Mean over views of the mean squared distance of directions to their mean."""
    rows = [n for n in range(len(mask)) if mask[n]]
    variances = []
    for k in range(views.shape[1]):
        directions = [views[n, k] / np.linalg.norm(views[n, k]) for n in rows]
        mean = sum(directions) / len(rows)
        variances.append(sum(sum((each - mean) ** 2) for each in directions) / len(rows))
    return sum(variances) / len(variances)


def _matrix(dense):
    (kernel,) = dense.get_weights()
    return np.asarray(kernel, "float64")
