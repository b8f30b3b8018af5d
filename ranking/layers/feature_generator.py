"""What features mean in each scenario: scaled by a gate that the scenario sets."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count, check_sizes
from ranking.layers.view_dense import ViewDense

_GATES = ("element", "field")


@keras.saving.register_keras_serializable(package="ranking")
class FeatureGenerator(keras.layers.Layer):
    """Turns features into those of each scenario: `(B, C, D)`, `(B, C, S, Dt)` -> `(B, C, S, D)`.

        h[k] = FFN([stop(features), trigger[k]]),    outputs[k] = scale * sigmoid(h[k]) * features

    The FFN has one hidden layer.

    Shapes are written with B = batch, C = candidates, S = scenarios, D and Dt = widths.

    Args:
        gate: `"element"`: one number per element of the features; `"field"`: one per field, which
            scales all elements of it.
        field_sizes: Widths of the fields, which add up to D. With `"field"`, and only there.
        stop_gradient: Whether the gradient stops at the features in the FFN, so that they are
            trained through the product alone.
        scale: The largest factor. At 2 a gate starts at about 1.
        hidden_size: Size of the hidden layer. `None`: a quarter of D, at least 1.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        features: Float tensor `(B, C, D)`: scenario-agnostic features.
        trigger: Float tensor `(B, C, S, Dt)`. Padding is computed like anything else: clear it
            before.

    Returns:
        Float tensor `(B, C, S, D)`.

    Raises:
        ValueError: If an argument is out of range, if the tensors are not of these ranks, or if the
            fields do not add up to D.

    Example:
    >>> generator = FeatureGenerator(gate="field", field_sizes=(3, 4))
    >>> generator(keras.ops.ones((2, 3, 7)), keras.ops.ones((2, 3, 2, 5))).shape
    TensorShape([2, 3, 2, 7])

    Reference:
        Unified Search and Recommendation (arXiv 2405.10835), equations 6 and 7.
    """

    def __init__(
        self,
        *,
        gate: str = "element",
        field_sizes: Sequence[int] | None = None,
        stop_gradient: bool = True,
        scale: float = 1.0,
        hidden_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_gate(gate, field_sizes)
        if not scale > 0:
            raise ValueError(f"`scale` must be above 0. Received: scale={scale!r}")
        if hidden_size is not None:
            check_count("hidden_size", hidden_size)
        self.gate = gate
        self.field_sizes = None if field_sizes is None else tuple(field_sizes)
        self.stop_gradient = stop_gradient
        self.scale = scale
        self.hidden_size = hidden_size

    def build(self, features_shape: Any, trigger_shape: Any) -> None:
        self._check_shapes(features_shape, trigger_shape)
        width = features_shape[-1]
        hidden = self.hidden_size or max(width // 4, 1)
        common = {"dtype": self.dtype_policy}
        self.hidden_layer = ViewDense(hidden, name="hidden_layer", **common)
        self.hidden_layer.build(features_shape, trigger_shape)
        gates = width if self.field_sizes is None else len(self.field_sizes)
        self.gate_layer = keras.layers.Dense(gates, name="gate_layer", **common)
        self.gate_layer.build((*trigger_shape[:-1], hidden))
        self.built = True

    def call(self, features: Any, trigger: Any) -> Any:
        read = ops.stop_gradient(features) if self.stop_gradient else features
        gates = self.scale * ops.sigmoid(self.gate_layer(self.hidden_layer(read, trigger)))
        if self.field_sizes is not None:
            fields = enumerate(self.field_sizes)
            field_of = [index for index, size in fields for _ in range(size)]
            gates = ops.take(gates, ops.convert_to_tensor(field_of), axis=-1)
        return gates * ops.expand_dims(features, 2)

    def compute_output_shape(
        self, features_shape: Any, trigger_shape: Any
    ) -> tuple[int | None, ...]:
        return (*trigger_shape[:3], features_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "gate": self.gate,
            "field_sizes": self.field_sizes,
            "stop_gradient": self.stop_gradient,
            "scale": self.scale,
            "hidden_size": self.hidden_size,
        }

    def _check_shapes(self, features_shape: Any, trigger_shape: Any) -> None:
        if len(features_shape) != 3 or len(trigger_shape) != 4:
            raise ValueError(
                f"{type(self).__name__} takes `features` of shape (B, C, D) and `trigger` of shape "
                f"(B, C, S, Dt). Received: features.shape={tuple(features_shape)}, "
                f"trigger.shape={tuple(trigger_shape)}"
            )
        if self.field_sizes is not None and sum(self.field_sizes) != features_shape[-1]:
            raise ValueError(
                f"{type(self).__name__} needs `field_sizes` that add up to the width of "
                f"`features`. Received: field_sizes={self.field_sizes}, "
                f"features.shape={tuple(features_shape)}"
            )


def _check_gate(gate: str, field_sizes: Sequence[int] | None) -> None:
    check_choice("gate", gate, _GATES)
    if (gate == "field") != (field_sizes is not None):
        raise ValueError(
            "`field_sizes` must be given with `gate='field'`, and only there. "
            f"Received: gate={gate!r}, field_sizes={field_sizes!r}"
        )
    if field_sizes is not None:
        check_sizes("field_sizes", field_sizes)
