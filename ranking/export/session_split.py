"""A score network in two: what needs the session alone, and what needs a candidate too."""

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import keras

from ranking.features.inputs import input_keys
from ranking.features.spec import BEHAVIORS, CANDIDATES, FeatureSpec
from ranking.layers.length_mask import LengthMask
from ranking.models.scoring import GATE

# A width that no layer has: an axis of this size in a result is the axis of the behaviors.
_MARK = 999_983


@dataclasses.dataclass(frozen=True)
class SessionSplit:
    """Two networks that together are one score network. Shapes: B sessions, T behaviors.

    Attributes:
        state: Encoded session and behaviors, and `gate` where the score network reads one -> the
            state by name, tensors `[B, ...]` or `[B, T, ...]`.
        score: State and encoded candidates -> what the score network returns.
    """

    state: keras.Model
    score: keras.Model


def split_by_session(spec: FeatureSpec, score: keras.Model) -> SessionSplit:
    """Cuts a score network where its way from the session meets the candidates.

    The state is what operations that depend on candidates read of operations that do not. Masks
    are no part of it: a server that merges requests pads a mask with its first element, so masks
    are made anew from the lengths, which are. Results that only add an axis are taken before it.

    Names of the state are the same whenever the same model is cut: a tensor is called after the
    named layer that it comes from, lengths after their key, each behind `state_`; the gate stays
    `gate`.

    Args:
        spec: The spec of the network's inputs.
        score: A functional network over `keras_inputs` of `spec`, and `gate` where there is one.
    """
    graph = _Graph(score, input_keys(spec, (CANDIDATES,)))
    cut = _cut(spec, graph)
    state = dict(zip(_names(cut.frontier), cut.frontier, strict=True))
    candidates = {each.name: each for each in score.inputs if graph.needs_candidates(each)}
    inputs, values = {}, {}
    for name, tensor in (state | candidates).items():
        inputs[name] = keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
        values[id(tensor)] = inputs[name]
    values |= {id(tensor): values[id(stand_in)] for tensor, stand_in in cut.stand_ins}
    for node in graph.nodes:
        if graph.needs_candidates(node.outputs[0]) or id(node) in cut.repeated:
            _run_again(node, values)
    outputs = {name: values[id(tensor)] for name, tensor in score.output.items()}
    return SessionSplit(
        keras.Model(graph.inputs_of(cut.frontier), state, name="session_state"),
        keras.Model(inputs, outputs, name="score_with_state"),
    )


class _Graph:
    """The operations of a functional network in the order of their use, inputs left out.

    Keras has no public way to walk a network; these attributes are the ones that its own
    `keras.Model` walks by.
    """

    def __init__(self, network: keras.Model, candidate_keys: Collection[str]) -> None:
        self.nodes: list[Any] = []
        self._inputs = {id(tensor): tensor for tensor in network.inputs}
        self._needs = {id(tensor): tensor.name in candidate_keys for tensor in network.inputs}
        seen = set(map(id, map(_node_of, network.inputs)))
        waiting = [(_node_of(tensor), False) for tensor in reversed(network.outputs)]
        while waiting:
            node, is_ready = waiting.pop()
            if is_ready:
                self.nodes.append(node)
                needs = any(self._needs[id(tensor)] for tensor in node.input_tensors)
                self._needs |= {id(tensor): needs for tensor in node.outputs}
            elif id(node) not in seen:
                seen.add(id(node))
                waiting.append((node, True))
                waiting += [(_node_of(tensor), False) for tensor in node.input_tensors]

    def needs_candidates(self, tensor: Any) -> bool:
        """Whether a tensor depends on an input of the candidates."""
        return self._needs[id(tensor)]

    def inputs_of(self, tensors: Iterable[Any]) -> dict[str, Any]:
        """The inputs of the network that tensors depend on, by name."""
        found, waiting, seen = {}, list(tensors), set()
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in self._inputs:
                found[tensor.name] = tensor
            elif id(tensor) not in seen:
                seen.add(id(tensor))
                waiting += _node_of(tensor).input_tensors
        return {tensor.name: tensor for tensor in self._inputs.values() if tensor.name in found}


def _node_of(tensor: Any) -> Any:
    """The use of an operation that a symbolic tensor is a result of."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


@dataclasses.dataclass(frozen=True)
class _Cut:
    """Where a graph is cut.

    Attributes:
        frontier: The tensors of the state.
        repeated: The uses of operations that are run on the state, by their `id`.
        stand_ins: Pairs of a tensor that only its width is read of and one of the state that is as
            wide.
    """

    frontier: list[Any]
    repeated: set[int]
    stand_ins: list[tuple[Any, Any]]


def _cut(spec: FeatureSpec, graph: _Graph) -> _Cut:
    waiting = [
        tensor
        for node in graph.nodes
        if graph.needs_candidates(node.outputs[0])
        for tensor in node.input_tensors
        if not graph.needs_candidates(tensor)
    ]
    frontier: dict[int, Any] = {}
    repeated: set[int] = set()
    widths: dict[int, Any] = {}
    while waiting:
        tensor = waiting.pop(0)
        node = _node_of(tensor)
        if not _is_repeated(node, tensor):
            frontier[id(tensor)] = tensor
        elif id(node) not in repeated:
            repeated.add(id(node))
            read = list(node.input_tensors)
            if isinstance(node.operation, LengthMask):
                width = read.pop(1)
                widths[id(width)] = width
            waiting += read
    return _with_widths(spec, graph, _Cut(list(frontier.values()), repeated, []), widths)


def _with_widths(spec: FeatureSpec, graph: _Graph, cut: _Cut, widths: dict[int, Any]) -> _Cut:
    """The cut with a stand-in for every tensor of `widths`, or the tensor itself."""
    frontier, stand_ins = list(cut.frontier), []
    has_behaviors = _marked(spec, graph, [*frontier, *widths.values()])
    wide = [tensor for tensor in frontier if has_behaviors[id(tensor)]]
    in_frontier = set(map(id, frontier))
    for tensor in widths.values():
        if id(tensor) in in_frontier:
            continue
        if wide and has_behaviors[id(tensor)]:
            stand_ins.append((tensor, wide[0]))
        else:
            frontier.append(tensor)
    return _Cut(frontier, cut.repeated, stand_ins)


def _is_repeated(node: Any, tensor: Any) -> bool:
    """Whether an operation is run on the state rather than before it."""
    if node.is_input:
        return False
    if tensor.dtype == "bool" or all(each.dtype == "bool" for each in node.input_tensors):
        return True
    if isinstance(node.operation, keras.layers.Layer) or len(node.input_tensors) != 1:
        return False
    before, after = node.input_tensors[0].shape, tensor.shape
    without_ones = [[size for size in shape if size != 1] for shape in (before, after)]
    return len(after) > len(before) and without_ones[0] == without_ones[1]


def _marked(spec: FeatureSpec, graph: _Graph, tensors: Sequence[Any]) -> dict[int, bool]:
    """Whether the second axis of a tensor is that of the behaviors."""
    inputs = graph.inputs_of(tensors)
    of_behaviors = set(input_keys(spec, (BEHAVIORS,)))
    marked = {}
    for name, tensor in inputs.items():
        shape = list(tensor.shape)
        if name in of_behaviors and len(shape) > 1:
            shape[1] = _MARK
        marked[name] = keras.KerasTensor(shape, tensor.dtype, name=name)
    outputs = keras.Model(inputs, list(tensors)).compute_output_spec(marked)
    return {
        id(tensor): len(output.shape) > 1 and output.shape[1] == _MARK
        for tensor, output in zip(tensors, outputs, strict=True)
    }


def _run_again(node: Any, values: dict[int, Any]) -> None:
    args, kwargs = node.arguments.fill_in(values)
    outputs = keras.tree.flatten(node.operation(*args, **kwargs))
    values.update((id(old), new) for old, new in zip(node.outputs, outputs, strict=True))


def _names(tensors: Sequence[Any]) -> list[str]:
    names: list[str] = []
    for tensor in tensors:
        name = base = _base_name(tensor)
        number = 1
        while name in names:
            number += 1
            name = f"{base}_{number}"
        names.append(name)
    return names


def _base_name(tensor: Any) -> str:
    """`state_` and the layer that a tensor comes from; parts of models have names with a dot."""
    if _node_of(tensor).is_input:
        return GATE if tensor.name == GATE else f"state_{tensor.name}"
    name = _node_of(tensor).operation.name
    inputs = _node_of(tensor).input_tensors
    while "." not in name and len(inputs) == 1 and not _node_of(inputs[0]).is_input:
        node = _node_of(inputs[0])
        name, inputs = node.operation.name, node.input_tensors
    if "." in name:
        return "state_" + name.replace(".", "_")
    return "state_session" if len(tensor.shape) == 2 else "state_behaviors"
