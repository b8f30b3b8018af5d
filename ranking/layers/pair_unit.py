"""Feed-forward network over pairs of vectors."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.in_pieces import in_pieces
from ranking.layers.mlp import Mlp
from ranking.layers.pair_product import context_kernels, pair_product, with_ones


@keras.saving.register_keras_serializable(package="ranking")
class PairUnit(keras.layers.Layer):
    """Scores each behavior x against a context y: `(B, T, D)`, `(B, D)` -> `(B, T, U)`.

    The network reads `[x, y, x - y, x * y]`. With U = 1 it is the activation unit, with one
    output per expert the gate unit. Its first layer is linear in the four parts, so with the
    kernel cut into the four blocks W1, W2, W3, W4 that meet them

        [x, y, x - y, x * y] W + b = x (W1 + W3 + diag(y) W4) + (y (W2 - W3) + b)

    which reads x alone, with a kernel and a bias that the context y decides. So nothing is put
    together per pair, and the first layer of all contexts is one product per session: its behaviors
    with the kernels of its contexts side by side. The kernel is stored whole, `(4D, first hidden
    size)`, as if the four parts were there.

    Shapes are written with B = batch, T = behaviors, C = candidates, D = width, H = first hidden
    size, U = outputs.

    Args:
        output_size: Number of outputs U.
        hidden_sizes: Sizes of the hidden layers, at least one.
        activation: Activation of the hidden layers.
        output_initializer_scale: The output kernel starts as this many times a Glorot uniform
            draw. Below 1 the scores start small; above 0 gradients reach the hidden layers from
            the first step on, and the output kernel's own gradient does not depend on it.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors: Float tensor `(B, T, D)`. T may be 0 or unknown. Padding is scored like
            anything else: clear it before, leave its scores out after.
        context: Float tensor `(B, D)`, or `(B, C, D)` for one context per candidate.
        training: Whether a gradient will be asked for: it is computed in less time then. Without,
            long histories are scored piece by piece: for many contexts their hidden vectors would
            take more memory than all else.

    Returns:
        Float tensor `(B, T, U)` or `(B, C, T, U)`.

    Raises:
        ValueError: If an argument is out of range, or if `behaviors` and `context` are not of
            these ranks or differ in width.

    Example:
    >>> unit = PairUnit(1, hidden_sizes=(8,))
    >>> unit(keras.ops.ones((2, 5, 3)), keras.ops.ones((2, 7, 3))).shape
    TensorShape([2, 7, 5, 1])

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, figures 4a and 4c. The four parts are those of the Deep Interest Network.
    """

    def __init__(
        self,
        output_size: int,
        *,
        hidden_sizes: Sequence[int] = (64, 32),
        activation: Any = "relu",
        output_initializer_scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("output_size", output_size)
        _check_hidden_sizes(hidden_sizes)
        if not output_initializer_scale > 0:
            raise ValueError(
                "`output_initializer_scale` must be above 0: from an output kernel of zeros no "
                "gradient reaches the hidden layers. "
                f"Received: output_initializer_scale={output_initializer_scale!r}"
            )
        self.output_size = output_size
        self.hidden_sizes = tuple(hidden_sizes)
        self.activation = keras.activations.get(activation)
        self.output_initializer_scale = output_initializer_scale
        self.following_layers = Mlp(
            self.hidden_sizes[1:],
            output_size,
            activation=self.activation,
            output_initializer=keras.initializers.VarianceScaling(
                output_initializer_scale**2, mode="fan_avg", distribution="uniform"
            ),
            dtype=self.dtype_policy,
            name="following_layers",
        )

    def build(self, behaviors_shape: Any, context_shape: Any) -> None:
        check_pair_shapes(type(self).__name__, behaviors_shape, context_shape)
        size = self.hidden_sizes[0]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(4 * behaviors_shape[-1], size),
            initializer="glorot_uniform",
        )
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")
        self.following_layers.build((*context_shape[:-1], behaviors_shape[1], size))
        self.built = True

    def call(self, behaviors: Any, context: Any, training: bool | None = None) -> Any:
        is_shared = len(context.shape) == 2
        if is_shared:
            context = ops.expand_dims(context, 1)
        if training:
            # A gradient needs all hidden vectors anyway.
            hidden = pair_product(behaviors, context, self.kernel, self.bias)
            outputs = self._outputs(hidden)
        else:
            kernels = context_kernels(context, self.kernel, self.bias)

            def outputs_of(part: Any) -> Any:
                return self._outputs(ops.matmul(part, kernels))

            outputs = in_pieces(outputs_of, with_ones(behaviors), ops.shape(kernels)[-1])
        outer = (ops.shape(behaviors)[0], ops.shape(behaviors)[1], ops.shape(context)[1])
        outputs = ops.transpose(ops.reshape(outputs, (*outer, self.output_size)), (0, 2, 1, 3))
        return ops.squeeze(outputs, 1) if is_shared else outputs

    def _outputs(self, hidden: Any) -> Any:
        """`(B, T, C * H)` before the activation -> `(B, T, C * U)`."""
        # Rows of a matrix: products with those are one product each, their biases included.
        rows = ops.reshape(hidden, (-1, self.hidden_sizes[0]))
        outputs = self.following_layers(self.activation(rows))
        batch, length, numbers = ops.shape(hidden)
        outer = numbers // self.hidden_sizes[0] * self.output_size
        return ops.reshape(outputs, (batch, length, outer))

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # Masks are passed by name.

    def compute_output_shape(
        self, behaviors_shape: Any, context_shape: Any
    ) -> tuple[int | None, ...]:
        return (*context_shape[:-1], behaviors_shape[1], self.output_size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "hidden_sizes": self.hidden_sizes,
            "activation": keras.activations.serialize(self.activation),
            "output_initializer_scale": self.output_initializer_scale,
        }


def check_pair_shapes(layer_name: str, behaviors_shape: Any, context_shape: Any) -> None:
    """Refuses behaviors and a context that cannot be compared element by element.

    Raises:
        ValueError: If they are not `(B, T, D)` and `(B, D)` or `(B, C, D)`, D the same and known.
    """
    received = (
        f"Received: behaviors.shape={tuple(behaviors_shape)}, context.shape={tuple(context_shape)}"
    )
    if len(behaviors_shape) != 3 or len(context_shape) not in (2, 3):
        raise ValueError(
            f"{layer_name} takes `behaviors` of shape (B, T, D) and `context` of shape (B, D) or "
            f"(B, C, D). {received}"
        )
    if behaviors_shape[-1] is None or behaviors_shape[-1] != context_shape[-1]:
        raise ValueError(
            f"{layer_name} compares `behaviors` with `context` element by element, so both need "
            f"the same, known last dimension. {received}"
        )


def _check_hidden_sizes(hidden_sizes: Sequence[int]) -> None:
    check_sizes("hidden_sizes", hidden_sizes)
    if not hidden_sizes:
        raise ValueError(
            "`hidden_sizes` must hold at least one size: the pair is read by the first hidden "
            f"layer. Received: hidden_sizes={hidden_sizes!r}"
        )
