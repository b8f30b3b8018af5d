"""First layer of a network over pairs, with a kernel per context."""

from collections.abc import Callable
from typing import Any

from keras import ops


def pair_product(behaviors: Any, context: Any, kernel: Any, bias: Any) -> Any:
    """`[x, y, x - y, x * y] W + b` of every pair: `(B, T, D)`, `(B, C, D)` -> `(B, T, C * H)`.

    The product of `with_ones(behaviors)` with `context_kernels`, whose gradients take less time
    here: none is computed for the ones, and that of a context is a product of one row.

    Args:
        behaviors: Float tensor `(B, T, D)`, x.
        context: Float tensor `(B, C, D)`, y.
        kernel: W, `(4 * D, H)`.
        bias: b, `(H,)`.

    Example:
    >>> import numpy as np
    >>> kernel = np.array([[1.0], [10.0], [100.0], [1000.0]])
    >>> pair_product(np.array([[[3.0]]]), np.array([[[2.0]]]), kernel, np.array([0.5])).numpy()
    array([[[6123.5]]])
    """
    behaviors, context = ops.convert_to_tensor(behaviors), ops.convert_to_tensor(context)
    product: Any = ops.custom_gradient(_product)
    return product(behaviors, context, *_linear_parts(context, kernel, bias))


def context_kernels(context: Any, kernel: Any, bias: Any) -> Any:
    """One kernel per context, with its bias as last row: `(B, C, D)` -> `(B, D + 1, C * H)`."""
    base, slope, biases = _linear_parts(context, kernel, bias)
    return _with_biases(_kernels(_factors(context), slope, base, context), biases)


def with_ones(behaviors: Any) -> Any:
    """`(B, T, D)` -> `(B, T, D + 1)`, the last 1, to meet the biases of `context_kernels`."""
    return ops.concatenate([behaviors, ops.ones_like(behaviors[..., :1])], axis=-1)


def _linear_parts(context: Any, kernel: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Base and slope `(D, H)` of the kernels `base + diag(y) slope`, and biases `(B, C, H)`."""
    first, second, difference, product = ops.split(kernel, 4)
    return first + difference, product, ops.matmul(context, second - difference) + bias


def _product(
    behaviors: Any, context: Any, base: Any, slope: Any, biases: Any
) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    inputs, factors = with_ones(behaviors), _factors(context)
    kernels = _kernels(factors, slope, base, context)
    outputs = ops.matmul(inputs, _with_biases(kernels, biases))

    def gradients(*arguments: Any, upstream: Any = None) -> tuple[Any, ...]:
        upstream = arguments[0] if upstream is None else upstream
        of_behaviors = ops.matmul(upstream, _transposed(kernels))
        of_kernels = ops.transpose(ops.matmul(_transposed(inputs), upstream), (1, 0, 2))
        width, size = slope.shape
        of_biases = ops.reshape(of_kernels[width], ops.shape(biases))
        of_kernels = ops.reshape(of_kernels[:width], (width, -1, size))
        of_context = ops.matmul(ops.expand_dims(slope, 1), _transposed(of_kernels))[:, 0]
        of_context = ops.reshape(ops.transpose(of_context), ops.shape(context))
        of_slope_and_base = ops.matmul(_transposed(factors), of_kernels)
        of_slope, of_base = of_slope_and_base[:, 0], of_slope_and_base[:, 1]
        return of_behaviors, of_context, of_base, of_slope, of_biases

    return outputs, gradients


def _factors(context: Any) -> Any:
    """`(B, C, D)` -> `(D, B * C, 2)`: the context's number and 1."""
    factors = ops.stack([context, ops.ones_like(context)], axis=-1)
    return ops.reshape(ops.transpose(factors, (2, 0, 1, 3)), (context.shape[-1], -1, 2))


def _kernels(factors: Any, slope: Any, base: Any, context: Any) -> Any:
    """Row d of a context's kernel is `y[d] * slope[d] + base[d]`: -> `(B, D, C * H)`.

    It is written as a product, because the gradient of that is a product too, not a sum over the
    contexts of a tensor as large as all kernels.
    """
    batch, contexts, width = ops.shape(context)[0], ops.shape(context)[1], context.shape[-1]
    kernels = ops.matmul(factors, ops.stack([slope, base], axis=1))
    kernels = ops.reshape(kernels, (width, batch, contexts * slope.shape[-1]))
    return ops.transpose(kernels, (1, 0, 2))


def _with_biases(kernels: Any, biases: Any) -> Any:
    """`(B, D, C * H)`, `(B, C, H)` -> `(B, D + 1, C * H)`."""
    rows = ops.reshape(biases, (ops.shape(biases)[0], 1, ops.shape(kernels)[-1]))
    return ops.concatenate([kernels, rows], axis=1)


def _transposed(matrices: Any) -> Any:
    # TensorFlow folds this into the product that reads it.
    return ops.transpose(matrices, (0, 2, 1))
