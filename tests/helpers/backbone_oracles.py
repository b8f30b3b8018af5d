"""The equations of backbones as loops over NumPy numbers, one impression at a time.

Weights are read from the layers. `scenario` holds one session's weights of the scenarios.
"""

import numpy as np

from tests.helpers import oracles


def shared_bottom(layer, x, scenario):
    """`(D,)`, `(S,)` -> `(J,)`."""
    hidden = oracles.relu(oracles.mlp(oracles.dense_pairs(layer.bottom), x))
    return _towers(layer, {}, hidden, scenario)


def mmoe(layer, x, scenario):
    """MMoE, equations 6 to 8: `(D,)`, `(S,)` -> `(J,)`."""
    experts = stack_outputs(layer.experts, x)
    mixed = {}
    for s, j in np.ndindex(len(scenario), layer.num_tasks):
        weights = gate(layer.gates, (s, j), x)
        mixed[s, j] = sum(weights[k] * experts[(k,)] for k in range(layer.num_experts))
    return _towers(layer, mixed, None, scenario)


def ple(layer, x, scenario):
    """PLE, equations 2 to 7: `(D,)`, `(S,)` -> `(J,)`."""
    groups = list(np.ndindex(len(scenario), layer.num_tasks))
    extracted, shared = dict.fromkeys(groups, x), x
    for index in range(layer.num_levels):
        extracted, shared = expert_level(getattr(layer, f"level_{index}"), extracted, shared)
    return _towers(layer, extracted, None, scenario)


def expert_level(level, groups, shared):
    """One level of PLE: a vector by group, and the shared module's -> the same of the next level.

    The shared module's is `None` after the last level.
    """
    own = {}
    for group, x in groups.items():
        own[group] = [
            stack_network(level.specific, (*group, m), x) for m in range(level.specific_experts)
        ]
    of_shared = [stack_network(level.shared, (n,), shared) for n in range(level.shared_experts)]
    extracted = {
        group: _weighed(gate(level.group_gates, group, x), own[group] + of_shared)
        for group, x in groups.items()
    }
    if level.is_last:
        return extracted, None
    every = [expert for group in groups for expert in own[group]] + of_shared
    return extracted, _weighed(gate(level.shared_gate, (), shared), every)


def gate(gates, index, x):
    """The weights that one of `ExpertGates` gives to its experts: `(D,)` -> `(K,)`."""
    (kernel,) = gates.get_weights()
    return oracles.softmax(oracles.dense(kernel[index], np.zeros(gates.num_experts), x))


def stack_outputs(networks, x):
    """What each network of a `StackedMlp` says, by its place in the stack."""
    return {index: stack_network(networks, index, x) for index in np.ndindex(networks.stack)}


def stack_network(networks, index, x):
    """One network of a `StackedMlp`: `(D,)` -> `(last size,)`."""
    pairs = [(kernel[index], bias[index][0]) for kernel, bias in oracles.dense_pairs(networks)]
    outputs = oracles.mlp(pairs, x)
    return oracles.relu(outputs) if networks.output_size is None else outputs


def towers(layer, vectors, scenario):
    """The tasks' logits of `ScenarioTowers`, from the vector that each tower reads."""
    logits = np.zeros(layer.num_tasks)
    for s, j in np.ndindex(len(scenario), layer.num_tasks):
        logits[j] += scenario[s] * stack_network(layer.networks, (s, j), vectors[s, j])[0]
    return logits


def _towers(layer, vectors, shared, scenario):
    places = np.ndindex(len(scenario), layer.num_tasks)
    read = {place: vectors.get(place, shared) for place in places}
    return towers(layer.towers, read, scenario)


def _weighed(weights, experts):
    assert len(weights) == len(experts)
    return sum(weight * expert for weight, expert in zip(weights, experts, strict=True))
