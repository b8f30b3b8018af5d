"""Dense layer of low rank, the core of whose kernel is generated from a condition."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class AdaptiveDense(keras.layers.Layer):
    """Dense layer with a kernel per condition: `(B, C, N)` -> `(B, C, units)`.

        outputs = activation(inputs V S[b] U + bias),      S[b] = reshape(condition[b] G + g)

    V `(N, K)` and U `(K, units)` are shared by all conditions, the core S `(K, K)` is generated.
    The product is done from the inputs on, without a kernel `(N, units)` ever being made. In
    training V and U are products of two matrices each, over an inner width P; a *folded* layer
    holds them as one, with the same outputs.

    S starts as a small change of the identity: at first, conditions have most in common.

    Shapes are written with B = batch, C = candidates, N = width, K = rank, P = inner width,
    Z = width of the condition.

    Args:
        units: Width of the output.
        rank: Size K of the generated core.
        inner_size: Inner width P of V and U. `None`: the layer is folded.
        activation: Applied to the output.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(B, C, N)`, finite at padding too.
        condition: Float tensor `(B, Z)`, for one core per session, or `(B, C, Z)`, for one per
            candidate.

    Raises:
        ValueError: If an argument is out of range, or if `inner_size` is below `rank`.

    Example:
    >>> layer = AdaptiveDense(7, rank=2, inner_size=3)
    >>> inputs, condition = keras.ops.ones((4, 5, 11)), keras.ops.ones((4, 6))
    >>> layer(inputs, condition).shape
    TensorShape([4, 5, 7])
    >>> layer.count_params() - layer.fold().count_params()
    30

    Reference:
        APG: Adaptive Parameter Generation Network for Click-Through Rate Prediction, section 3.
    """

    def __init__(
        self,
        units: int,
        *,
        rank: int,
        inner_size: int | None,
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("units", units)
        check_count("rank", rank)
        if inner_size is not None:
            check_inner_size(inner_size, rank)
        self.units = units
        self.rank = rank
        self.inner_size = inner_size
        self.activation = keras.activations.get(activation)

    def build(self, inputs_shape: Any, condition_shape: Any) -> None:
        self._add_factor("input_factor", inputs_shape[-1], self.rank)
        self._add_factor("output_factor", self.rank, self.units)
        self.core_kernel = self.add_weight(
            name="core_kernel",
            shape=(condition_shape[-1], self.rank**2),
            initializer="glorot_uniform",
        )
        self.core_bias = self.add_weight(
            name="core_bias", shape=(self.rank, self.rank), initializer="identity"
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.built = True

    def call(self, inputs: Any, condition: Any) -> Any:
        core = ops.matmul(condition, self.core_kernel)
        core = ops.reshape(core, (*ops.shape(condition)[:-1], self.rank, self.rank))
        core = core + self.core_bias
        hidden = ops.matmul(inputs, self._factor("input_factor"))  # (B, C, K)
        if len(condition.shape) == 2:
            hidden = ops.matmul(hidden, core)
        else:
            # A sum, for a product of that many matrices so small takes longer.
            hidden = ops.sum(ops.expand_dims(hidden, -1) * core, axis=-2)
        outputs = ops.matmul(hidden, self._factor("output_factor")) + self.bias
        return self.activation(outputs)

    def compute_output_shape(
        self, inputs_shape: Any, condition_shape: Any
    ) -> tuple[int | None, ...]:
        return (*inputs_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "rank": self.rank,
            "inner_size": self.inner_size,
            "activation": keras.activations.serialize(self.activation),
        }

    def fold(self) -> "AdaptiveDense":
        """This layer, which must be built, -> one for serving, with the same outputs and as many
        weights as they need. Its later training would be another one."""
        folded = type(self).from_config({**self.get_config(), "inner_size": None})
        width = self._factor("input_factor").shape[0]
        folded.build((None, None, width), (None, self.core_kernel.shape[0]))
        for name in ("input_factor", "output_factor"):
            getattr(folded, name).assign(self._factor(name))
        for name in ("core_kernel", "core_bias", "bias"):
            getattr(folded, name).assign(getattr(self, name))
        return folded

    def _add_factor(self, name: str, size_in: int, size_out: int) -> None:
        """A matrix `(size_in, size_out)`, or two of which it is the product."""
        if self.inner_size is None:
            shapes = {name: (size_in, size_out)}
        else:
            shapes = {
                f"{name}_left": (size_in, self.inner_size),
                f"{name}_right": (self.inner_size, size_out),
            }
        for part, shape in shapes.items():
            weight = self.add_weight(name=part, shape=shape, initializer="glorot_uniform")
            setattr(self, part, weight)

    def _factor(self, name: str) -> Any:
        if self.inner_size is None:
            return getattr(self, name)
        return ops.matmul(getattr(self, f"{name}_left"), getattr(self, f"{name}_right"))


def check_inner_size(inner_size: int, rank: int) -> None:
    """Refuses an inner width that would lower the rank.

    Raises:
        ValueError: If it is no whole number, or below `rank`.
    """
    check_count("inner_size", inner_size)
    if inner_size < rank:
        raise ValueError(
            f"`inner_size` must be at least `rank`, which it would lower. "
            f"Received: inner_size={inner_size!r}, rank={rank!r}"
        )
