"""What the products of a graph multiply and add."""

import math

import tensorflow as tf

_PRODUCTS = ("MatMul", "BatchMatMulV2")


def graph_products(graph: tf.Graph) -> int:
    """Floating-point operations of all matrix products of a graph whose shapes are all known.

    A multiplication and an addition each. Counted from the shapes of operands, so that nothing is
    left out silently, which TensorFlow's profiler does with operations it does not know.
    """
    return sum(map(_operations, graph.get_operations()))


def _operations(operation: tf.Operation) -> int:
    if operation.type == "Einsum":
        raise AssertionError(f"An Einsum is not counted yet: {operation.name}")
    if operation.type not in _PRODUCTS:
        return 0
    flag = "transpose_a" if operation.type == "MatMul" else "adj_x"
    left, output = operation.inputs[0].shape, operation.outputs[0].shape
    inner = left[-2] if operation.get_attr(flag) else left[-1]
    return 2 * math.prod(output) * inner
