"""A transformer over one sequence at a time, each computed whole: nothing shared, nothing left out.

The weights are those of a `SequenceTransformer`, or of parts of it.
"""

import math

import numpy as np

from tests.helpers import oracles

_EPSILON = 1e-5


def sequence_transformer(layer, behaviors, target, mask, times=None):
    """One candidate: `(T, d)`, `(d,)` -> `(d,)`, or `(M + 1) d` numbers of all positions."""
    config = layer.get_config()
    rows = [t for t in range(len(mask)) if mask[t]][-config["max_length"] :]
    sequence = []
    for i, t in enumerate(rows):
        time = None if times is None else times[t]
        sequence.append(placed(layer.projections.positions, behaviors[t], len(rows) - i, time))
    sequence.append(placed(layer.projections.positions, target, 0, 0.0))
    for index in range(config["num_layers"]):
        projections = layer.projections.projections
        if index:
            projections = getattr(layer.encoder, f"projections_{index}")
        sequence = block(getattr(layer.encoder, f"block_{index}"), projections, sequence)
    if config["output"] == "target":
        return sequence[-1]
    if config["output"] == "mean":
        return sum(sequence) / len(sequence)
    zeros = [np.zeros(len(target))] * (config["max_length"] + 1 - len(sequence))
    return np.concatenate([*zeros, *sequence])


def placed(positions, vector, place, time):
    """A vector with its position: place 0 is the target's, 1 that of the newest behavior."""
    if positions.position == "index":
        position = _array(positions.table)[place]
    else:
        logarithm = math.copysign(math.log(1 + abs(time)), time)
        position = oracles.mlp(oracles.dense_pairs(positions.time_network), np.array([logarithm]))
    if positions.merge == "add":
        return vector + position
    ((kernel, bias),) = oracles.dense_pairs(positions.merge_layer)
    return np.concatenate([vector, position]) @ kernel + bias


def block(layer, projections, sequence):
    """One layer: every position sees every position. Vectors `(d,)` -> as many vectors `(d,)`."""
    kernel, bias = _array(projections.kernel), _array(projections.bias)
    projected = [vector @ kernel + bias for vector in sequence]
    keys, values, queries = zip(*(np.split(each, 3) for each in projected), strict=True)
    return [
        _encode(layer, vector, _attend(query, keys, values, layer.num_heads))
        for vector, query in zip(sequence, queries, strict=True)
    ]


def _attend(query, keys, values, num_heads):
    width = len(query) // num_heads
    seen = np.zeros(len(query))
    for head in range(num_heads):
        part = slice(head * width, (head + 1) * width)
        scores = [query[part] @ key[part] / math.sqrt(width) for key in keys]
        for weight, value in zip(oracles.softmax(scores), values, strict=True):
            seen[part] += weight * value[part]
    return seen


def _encode(layer, vector, seen):
    ((kernel, bias),) = oracles.dense_pairs(layer.attention_dense)
    vector = _normalize(layer.attention_norm, vector + seen @ kernel + bias)
    ((kernel, bias),) = oracles.dense_pairs(layer.hidden_dense)
    hidden = vector @ kernel + bias
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
    ((kernel, bias),) = oracles.dense_pairs(layer.output_dense)
    return _normalize(layer.output_norm, vector + hidden @ kernel + bias)


def _normalize(layer, vector):
    gamma, beta = (np.asarray(array, "float64") for array in layer.get_weights())
    mean = np.mean(vector)
    variance = np.mean((vector - mean) ** 2)
    return gamma * (vector - mean) / math.sqrt(variance + _EPSILON) + beta


def _array(variable):
    return np.asarray(variable.value, "float64")
