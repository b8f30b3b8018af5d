"""Formulas of gates that choose experts, and of the losses on them, as plain loops.

Written with N = rows, K = experts. Masks are arrays of booleans, `True` at rows that count.
"""

import math

import numpy as np

from tests.helpers.oracles import softmax


def top_k(values, k):
    """The numbers of the k largest, the first ones where values are equal."""
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))
    return order[:k]


def top_k_gate(values, k):
    """Softmax over the k largest, 0 elsewhere: `(K,)` -> `(K,)`."""
    gate, kept = np.zeros(len(values)), top_k(values, k)
    gate[kept] = softmax([values[i] for i in kept])
    return gate


def kth_excluding(values, k, i):
    """The k-th largest of all values but the i-th."""
    return sorted((values[j] for j in range(len(values)) if j != i), reverse=True)[k - 1]


def load(logits, noisy, scale, k):
    """The chance of each expert to be among the k largest with its noise drawn again."""
    chances = np.zeros(len(logits))
    for i in range(len(logits)):
        distance = logits[i] - kth_excluding(noisy, k, i)
        chances[i] = 0.5 * (1 + math.erf(distance / abs(scale[i]) / math.sqrt(2)))
    return chances


def load_balance(amounts, mask):
    """Squared coefficient of variation of the columns' sums, times the rows, and the rows."""
    rows = [n for n in range(len(mask)) if mask[n]]
    totals = [sum(amounts[n][k] for n in rows) for k in range(amounts.shape[1])]
    mean = sum(totals) / len(totals)
    variance = sum((total - mean) ** 2 for total in totals) / len(totals)
    return len(rows) * variance / mean**2, len(rows)


def adversarial(scores, chosen, disagreeing, mask):
    """Minus the squared distances of chosen to disagreeing experts, and the rows."""
    total, experts = 0.0, range(scores.shape[1])
    for n in range(len(mask)):
        for i in experts:
            for j in experts:
                if mask[n] and chosen[n][i] and disagreeing[n][j]:
                    total -= (scores[n][i] - scores[n][j]) ** 2
    return total, sum(map(bool, mask))


def hierarchical_constraint(child, parent, mask):
    """Squared distances of two rows, and the rows."""
    total = 0.0
    for n in range(len(mask)):
        for k in range(child.shape[1]):
            if mask[n]:
                total += (child[n][k] - parent[n][k]) ** 2
    return total, sum(map(bool, mask))
