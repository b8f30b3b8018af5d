"""STAR's equations as loops over single impressions. `by` maps a name to a float64 array."""

import numpy as np

from tests.helpers import oracles


def arrays(layer):
    """Weights of a layer that holds no other layer, by name."""
    return {weight.name: np.asarray(weight.value, "float64") for weight in layer.weights}


def scenario_statistics(vectors, scenario, mask):
    """Mean and variance of each scenario's valid rows, `None` where it has none."""
    found = []
    for p in range(scenario.shape[1]):
        rows = [
            (float(scenario[b, p]), vectors[b, c].astype("float64"))
            for b, c in np.argwhere(mask)
            if scenario[b, p] > 0
        ]
        total = sum(weight for weight, _ in rows)
        if not rows:
            found.append(None)
            continue
        mean = sum(weight * row for weight, row in rows) / total
        variance = sum(weight * (row - mean) ** 2 for weight, row in rows) / total
        found.append((mean, variance))
    return found


def partitioned_normalization(by, x, weights, means, variances, epsilon):
    """One impression `(D,)` of a session of these scenario weights `(S,)`."""
    outputs = np.zeros(len(x))
    for d in range(len(x)):
        mixed = {"mean": 0.0, "variance": 0.0, "scale": 0.0, "offset": 0.0}
        for p, weight in enumerate(weights):
            mixed["mean"] += weight * means[p][d]
            mixed["variance"] += weight * variances[p][d]
            mixed["scale"] += weight * by["scenario_scale"][p, d]
            mixed["offset"] += weight * by["scenario_offset"][p, d]
        standardized = (x[d] - mixed["mean"]) / np.sqrt(mixed["variance"] + epsilon)
        outputs[d] = by["scale"][d] * mixed["scale"] * standardized
        outputs[d] += by["offset"][d] + mixed["offset"]
    return outputs


def star_dense(by, x, weights):
    """One impression `(N,)` -> `(units,)`, without activation."""
    outputs = np.array(by["bias"])
    for o in range(len(outputs)):
        for p, weight in enumerate(weights):
            outputs[o] += weight * by["scenario_bias"][p, o]
            for i in range(len(x)):
                outputs[o] += weight * x[i] * by["scenario_kernel"][p, i, o] * by["kernel"][i, o]
    return outputs


def star(layer, x, weights, means, variances):
    """One impression `(D,)` -> logits `(J,)`."""
    hidden = partitioned_normalization(
        arrays(layer.norm), x, weights, means, variances, layer.norm.epsilon
    )
    last = len(layer.hidden_sizes)
    for index in range(last + 1):
        hidden = star_dense(arrays(getattr(layer, f"star_{index}")), hidden, weights)
        hidden = hidden if index == last else oracles.relu(hidden)
    (embeddings,) = layer.scenario_embedding.get_weights()
    embedding = sum(weight * row for weight, row in zip(weights, embeddings, strict=True))
    auxiliary = oracles.dense_pairs(layer.auxiliary)
    return hidden + oracles.mlp(auxiliary, np.concatenate([embedding, x]))
