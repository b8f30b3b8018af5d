"""What a traced function computes: every operation of its graph and of the functions it calls."""

from collections.abc import Iterator

from tensorflow.types.experimental import ConcreteFunction


def output_shapes(function: ConcreteFunction) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    """The kind of each operation with the shape of each of its outputs of known rank."""
    graph = function.graph.as_graph_def(add_shapes=True)
    called = [node for inner in graph.library.function for node in inner.node_def]
    for node in (*graph.node, *called):
        for shape in node.attr["_output_shapes"].list.shape:
            if not shape.unknown_rank:
                yield node.op, tuple(None if at.size < 0 else at.size for at in shape.dim)
