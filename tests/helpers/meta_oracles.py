"""M2M's equations as loops over single impressions."""

import numpy as np

from tests.helpers import oracles


def leaky_relu(x):
    return np.array([value if value > 0 else 0.2 * value for value in x])


def leaky_mlp(layer, x):
    """LeakyReLU after every layer: `(in,)` -> `(out,)`."""
    for kernel, bias in oracles.dense_pairs(layer):
        x = leaky_relu(oracles.dense(kernel, bias, x))
    return x


def meta_unit(unit, x, knowledge):
    """One row `(M,)`: every generated number by itself."""
    width = len(x)
    for index in range(unit.num_layers):
        v_w, of_w, v_b, of_b = (
            np.asarray(getattr(unit, f"{name}_{index}").value, "float64")
            for name in ("kernel_factor", "kernel_offset", "bias_factor", "bias_offset")
        )
        kernel, bias = np.array(of_w), np.array(of_b)
        for known, value in enumerate(knowledge):
            for i in range(width):
                for o in range(width):
                    kernel[i, o] += value * v_w[known, i * width + o]
            bias += value * v_b[known]
        x = leaky_relu(oracles.dense(kernel, bias, x))
    return x


def meta_attention(layer, experts, tasks, knowledge):
    """One impression: experts `(N, E)`, tasks `(J, E)` -> `(J, E)`."""
    mixed = np.zeros(tasks.shape)
    for j, task in enumerate(tasks):
        unit = j if layer.meta_units == "per_task" else 0
        score = getattr(layer, f"score_kernel_{unit}").numpy()[:, 0]
        rows = [np.concatenate([expert, task]) for expert in experts]
        rows = [meta_unit(getattr(layer, f"unit_{unit}"), row, knowledge) for row in rows]
        weights = oracles.softmax([float(row @ score) for row in rows])
        for weight, expert in zip(weights, experts, strict=True):
            mixed[j] += weight * expert
    return mixed


def meta_tower(layer, inputs, knowledge):
    """One impression: `(J, E)` -> logits `(J,)`."""
    logits = np.zeros(len(inputs))
    for j, hidden in enumerate(inputs):
        for step in range(layer.num_layers):
            unit = getattr(layer, f"unit_{step}_{j if layer.meta_units == 'per_task' else 0}")
            hidden = leaky_relu(meta_unit(unit, hidden, knowledge) + hidden)
        logits[j] = hidden @ layer.kernel.numpy()[j] + layer.bias.numpy()[j]
    return logits


def m2m(layer, x, weights, context):
    """One impression `(D,)` -> logits `(J,)`."""
    (embeddings,) = layer.scenario_embedding.get_weights()
    known = sum(weight * row for weight, row in zip(weights, embeddings, strict=True))
    known = known if context is None else np.concatenate([known, context])
    knowledge = leaky_mlp(layer.knowledge_mlp, known)
    experts = [leaky_mlp(getattr(layer, f"expert_{i}"), x) for i in range(layer.num_experts)]
    tasks = np.array([leaky_mlp(layer.task_mlp, row) for row in layer.task_embedding.numpy()])
    return meta_tower(
        layer.tower, meta_attention(layer.attention, experts, tasks, knowledge), knowledge
    )
