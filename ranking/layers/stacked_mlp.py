"""A stack of networks of one structure, one per scenario, task or expert."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.stacks import check_stack, stacked_glorot


@keras.saving.register_keras_serializable(package="ranking")
class StackedMlp(keras.layers.Layer):
    """Feed-forward networks side by side: `(N, D)` or `(..., N, D)` -> `(*stack, N, last size)`.

        h <- relu(h W[i] + b[i])        for every network i of the stack, layer by layer

    The networks have the same structure and separate weights. A layer of all of them is one
    batched product with a kernel `(*stack, in, out)`. The axes of the stack stay in front, so that
    no large tensor is transposed.

    Shapes are written with N = rows, D = width.

    Args:
        stack: Sizes of the stack's axes, for example `(scenarios, tasks)`.
        hidden_sizes: Sizes of each network's hidden layers.
        output_size: Size of an output layer without activation. `None`: the last hidden layer is
            the output.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(N, D)`, which all networks read, or one whose axes before the last
            two broadcast to those of the stack.

    Returns:
        Float tensor `(*stack, N, last size)`.

    Raises:
        ValueError: If a size is out of range, if there is no layer at all, or if the last
            dimension of `inputs` is unknown.

    Example:
    >>> networks = StackedMlp((2, 3), (5,), output_size=1)
    >>> networks(keras.ops.ones((11, 7))).shape
    TensorShape([2, 3, 11, 1])
    >>> networks(keras.ops.ones((2, 3, 11, 7))).shape
    TensorShape([2, 3, 11, 1])
    """

    def __init__(
        self,
        stack: Sequence[int],
        hidden_sizes: Sequence[int],
        output_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_stack(stack)
        check_sizes("hidden_sizes", hidden_sizes)
        if output_size is not None:
            check_count("output_size", output_size)
        elif not hidden_sizes:
            raise ValueError(
                "`hidden_sizes` must hold at least one size where `output_size` is None. "
                f"Received: hidden_sizes={hidden_sizes!r}"
            )
        self.stack = tuple(stack)
        self.hidden_sizes = tuple(hidden_sizes)
        self.output_size = output_size

    def build(self, inputs_shape: Any) -> None:
        if inputs_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs inputs of a known last dimension. "
                f"Received: inputs.shape={tuple(inputs_shape)}"
            )
        width = inputs_shape[-1]
        for index, size in enumerate(self._sizes()):
            # One attribute per weight, no list: tf.train.Checkpoint does not look into Keras
            # lists.
            kernel = self.add_weight(
                name=f"kernel_{index}",
                shape=(*self.stack, width, size),
                initializer=stacked_glorot(self.stack),
            )
            setattr(self, f"kernel_{index}", kernel)
            bias = self.add_weight(
                name=f"bias_{index}", shape=(*self.stack, 1, size), initializer="zeros"
            )
            setattr(self, f"bias_{index}", bias)
            width = size
        self.built = True

    def call(self, inputs: Any) -> Any:
        outputs = inputs
        for index in range(len(self._sizes())):
            kernel, bias = getattr(self, f"kernel_{index}"), getattr(self, f"bias_{index}")
            outputs = ops.matmul(outputs, kernel) + bias  # (*stack, N, size)
            if index < len(self.hidden_sizes):
                outputs = ops.relu(outputs)
        return outputs

    def compute_output_shape(self, inputs_shape: Any) -> tuple[int | None, ...]:
        return (*self.stack, inputs_shape[-2], self._sizes()[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "stack": self.stack,
            "hidden_sizes": self.hidden_sizes,
            "output_size": self.output_size,
        }

    def _sizes(self) -> tuple[int, ...]:
        outputs = () if self.output_size is None else (self.output_size,)
        return (*self.hidden_sizes, *outputs)
