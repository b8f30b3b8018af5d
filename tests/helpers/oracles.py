"""The formulas once more, as plain loops over NumPy numbers: what layers and losses must equal.

Every function takes one session, one behavior or one candidate where that makes it simpler.
Weights are lists of `(kernel, bias)` pairs, first layer first; `dense_pairs` takes them out of a
layer. Masks are arrays of booleans, `True` at real positions.
"""

import math

import numpy as np


def dense_pairs(layer):
    """`(kernel, bias)` pairs of a layer that holds nothing else, first layer first."""
    arrays = [np.asarray(array, "float64") for array in layer.get_weights()]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def dense(kernel, bias, x):
    """One product: `(in,)` -> `(out,)`."""
    outputs = np.zeros(len(bias))
    for o in range(len(bias)):
        outputs[o] = bias[o]
        for i in range(len(x)):
            outputs[o] += x[i] * kernel[i, o]
    return outputs


def relu(x):
    return np.array([max(value, 0.0) for value in x])


def softmax(x):
    exponentials = [math.exp(value - max(x)) for value in x]
    return np.array([value / sum(exponentials) for value in exponentials])


def mlp(weights, x):
    """ReLU after every layer but the last: `(in,)` -> `(out,)`."""
    for kernel, bias in weights[:-1]:
        x = relu(dense(kernel, bias, x))
    return dense(*weights[-1], x)


def pair_unit(weights, x, y):
    """A network over `[x, y, x - y, x * y]`: `(D,)`, `(D,)` -> `(U,)`."""
    return mlp(weights, np.concatenate([x, y, x - y, x * y]))


def behavior_weights(scores, mask, normalization="none", scale="none"):
    """How much each behavior of one session counts, 0 at padding: `(T,)` -> `(T,)`."""
    valid = [t for t in range(len(mask)) if mask[t]]
    weights = np.zeros(len(mask))
    if normalization == "softmax" and valid:
        weights[valid] = softmax([scores[t] for t in valid])
    elif valid:
        weights[valid] = [scores[t] for t in valid]
    if scale == "sqrt_length" and valid:
        weights = weights / math.sqrt(len(valid))
    return weights


def attention_pooling(weights, behaviors, context, mask, normalization="none", scale="none"):
    """AW-MoE equation 3 for one context: `(T, D)`, `(D,)` -> `(D,)`."""
    scores = _scores(weights, behaviors, context, mask)
    attention = behavior_weights(scores, mask, normalization, scale)
    pooled = np.zeros(len(context))
    for t in range(len(mask)):
        if mask[t]:
            pooled += attention[t] * behaviors[t]
    return pooled


def attention_weighted_gate(
    gate_weights,
    activation_weights,
    behaviors,
    context,
    mask,
    *,
    attention_normalization="none",
    attention_scale="none",
    gate_normalization="none",
    pooled_kernel=None,
    bias=None,
):
    """AW-MoE equations 7 and 8 for one context: `(T, D)`, `(D,)` -> `(K,)`.

    `activation_weights` None: every score is 1. `gate_weights` None: the pooled behaviors times
    `pooled_kernel` make the gate.
    """
    scores = np.ones(len(mask))
    if activation_weights is not None:
        scores = _scores(activation_weights, behaviors, context, mask)
    attention = behavior_weights(scores, mask, attention_normalization, attention_scale)
    num_experts = len(gate_weights[-1][1]) if gate_weights is not None else pooled_kernel.shape[1]
    gate = np.zeros(num_experts) if bias is None else np.array(bias, "float64")
    for t in range(len(mask)):
        if not mask[t]:
            continue
        if gate_weights is not None:
            gate += attention[t] * pair_unit(gate_weights, behaviors[t], context)
        else:
            gate += attention[t] * dense(pooled_kernel, np.zeros(num_experts), behaviors[t])
    return softmax(gate) if gate_normalization == "softmax" else gate


def expert_bank(weights, x):
    """Each expert by itself: `(D,)` -> `(K,)`, kernels `(K, in, out)` and biases `(K, out)`."""
    scores = np.zeros(len(weights[0][0]))
    for k in range(len(scores)):
        (scores[k],) = mlp([(kernel[k], bias[k]) for kernel, bias in weights], x)
    return scores


def masked_pooling(vectors, mask, pool):
    """`(M, D)` -> `(D,)`: sum, mean or max of the valid vectors, zeros where there is none."""
    valid = [vectors[m] for m in range(len(mask)) if mask[m]]
    pooled = np.zeros(vectors.shape[1])
    if not valid:
        return pooled
    for d in range(len(pooled)):
        column = [float(vector[d]) for vector in valid]
        pooled[d] = max(column) if pool == "max" else sum(column)
        if pool == "mean":
            pooled[d] /= len(column)
    return pooled


def length_mask(lengths, size):
    """`(B,)` lengths -> `(B, size)` booleans."""
    return np.array([[t < length for t in range(size)] for length in lengths]).reshape(-1, size)


def ranking_loss(logits, labels, lengths):
    """AW-MoE equation 1, summed over valid candidates, and their number."""
    total, count = 0.0, 0
    for b in range(len(lengths)):
        for c in range(lengths[b]):
            probability = 1 / (1 + math.exp(-float(logits[b][c])))
            label = float(labels[b][c])
            total -= label * math.log(probability) + (1 - label) * math.log(1 - probability)
            count += 1
    return total, count


def info_nce(
    anchors, positives, negatives, anchors_mask, negatives_mask, positive_in_denominator=True
):
    """AW-MoE equation 10, summed over anchors that have a negative, and their number."""
    total, count = 0.0, 0
    for n in range(len(anchors)):
        valid = [j for j in range(len(negatives[n])) if negatives_mask[n][j]]
        if not anchors_mask[n] or not valid:
            continue
        positive = math.exp(sum(a * p for a, p in zip(anchors[n], positives[n], strict=True)))
        denominator = positive if positive_in_denominator else 0.0
        for j in valid:
            denominator += math.exp(
                sum(a * v for a, v in zip(anchors[n], negatives[n][j], strict=True))
            )
        total -= math.log(positive / denominator)
        count += 1
    return total, count


def _scores(weights, behaviors, context, mask):
    """One number per behavior, 0 at padding."""
    scores = np.zeros(len(mask))
    for t in range(len(mask)):
        if mask[t]:
            (scores[t],) = pair_unit(weights, behaviors[t], context)
    return scores
