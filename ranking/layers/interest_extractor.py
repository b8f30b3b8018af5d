"""What a user wants in each scenario, out of what a user wants."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count, check_sizes
from ranking.layers.generated_product import GeneratedProduct

_STOPS = ("user", "condition", "input")
_GENERATORS = ("full", "low_rank")
_SHARINGS = ("shared", "per_view")
_ACTIVATIONS = ("none", "relu")


@keras.saving.register_keras_serializable(package="ranking")
class InterestExtractor(keras.layers.Layer):
    """Turns an interest into one per scenario: `(B, C, d)`, `(B, C, S, Dt)` -> `(B, C, S, d)`.

        W[k] = reshape(FC([stop(u), trigger[k]])),    interest[k] = W[k] u

    for the global interest u. The weights know what the user wants, but as the gradient stops
    there, u is trained through the product alone.

    Shapes are written with B = batch, C = candidates, S = scenarios, d and Dt = widths.

    Args:
        condition_stop_gradient: Where the gradient stops. `"user"`: at u in the condition;
            `"condition"`: at the whole condition, so that the trigger gets none; `"input"`: at the
            u that is multiplied instead, while the condition gets all of it.
        weight_generator: `"full"` generates matrices `(d, d)`; `"low_rank"` small ones `(rank,
            rank)` between two that all share, `interest[k] = U (W[k] (V u))`.
        rank: The rank of those. Nothing reads it with `"full"`.
        hidden_sizes: Sizes of the generator's hidden layers.
        sharing: `"shared"`: one generator, told by the trigger which scenario it works for.
            `"per_view"`: one of its own for each.
        use_bias: Whether a bias is generated too: `W[k] u + b[k]`, or `U (W[k] (V u) + b[k])`.
        activation: `"none"` or `"relu"`, of the result.
        residual: Whether the identity is added to `W[k]`.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        interest: Float tensor `(B, C, d)`.
        trigger: Float tensor `(B, C, S, Dt)`. S must be known. Padding is computed like anything
            else: clear it before.

    Returns:
        Float tensor `(B, C, S, d)`.

    Raises:
        ValueError: If an argument is out of range, or if the tensors are not of these ranks.

    Example:
    >>> extractor = InterestExtractor(hidden_sizes=(8,))
    >>> extractor(keras.ops.ones((2, 3, 4)), keras.ops.ones((2, 3, 2, 5))).shape
    TensorShape([2, 3, 2, 4])

    Reference:
        Unified Search and Recommendation (arXiv 2405.10835), equations 3 and 4. `residual` is not
        in the paper, `"low_rank"` follows APG.
    """

    def __init__(
        self,
        *,
        condition_stop_gradient: str = "user",
        weight_generator: str = "full",
        rank: int = 8,
        hidden_sizes: Sequence[int] = (64,),
        sharing: str = "shared",
        use_bias: bool = False,
        activation: str = "none",
        residual: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("condition_stop_gradient", condition_stop_gradient, _STOPS)
        check_choice("weight_generator", weight_generator, _GENERATORS)
        check_count("rank", rank)
        check_sizes("hidden_sizes", hidden_sizes)
        check_choice("sharing", sharing, _SHARINGS)
        check_choice("activation", activation, _ACTIVATIONS)
        self.condition_stop_gradient = condition_stop_gradient
        self.weight_generator = weight_generator
        self.rank = rank
        self.hidden_sizes = tuple(hidden_sizes)
        self.sharing = sharing
        self.use_bias = use_bias
        self.activation = activation
        self.residual = residual

    def build(self, interest_shape: Any, trigger_shape: Any) -> None:
        self._check_shapes(interest_shape, trigger_shape)
        *outer, size = interest_shape
        views, width = trigger_shape[2:]
        inner = size
        if self.weight_generator == "low_rank":
            inner = self.rank
            self.down = self._shared_matrix("down", (*outer, size), inner)
            self.up = self._shared_matrix("up", (*outer, views, inner), size)
        self.num_generators = views if self.sharing == "per_view" else 1
        for index in range(self.num_generators):
            generator = GeneratedProduct(
                inner,
                hidden_sizes=self.hidden_sizes,
                use_bias=self.use_bias,
                dtype=self.dtype_policy,
                name=f"generator_{index}",
            )
            generator.build(
                (*outer, inner), interest_shape, (*outer, views // self.num_generators, width)
            )
            # One attribute per layer, no list: tf.train.Checkpoint does not look into Keras lists.
            setattr(self, generator.name, generator)
        self.built = True

    def call(self, interest: Any, trigger: Any) -> Any:
        multiplied, condition = interest, interest
        if self.condition_stop_gradient == "input":
            multiplied = ops.stop_gradient(interest)
        else:
            condition = ops.stop_gradient(interest)
        if self.condition_stop_gradient == "condition":
            trigger = ops.stop_gradient(trigger)
        outputs = self._products(multiplied, condition, trigger)
        if self.residual:
            outputs = outputs + ops.expand_dims(multiplied, 2)
        return ops.relu(outputs) if self.activation == "relu" else outputs

    def compute_output_shape(
        self, interest_shape: Any, trigger_shape: Any
    ) -> tuple[int | None, ...]:
        return (*trigger_shape[:3], interest_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "condition_stop_gradient": self.condition_stop_gradient,
            "weight_generator": self.weight_generator,
            "rank": self.rank,
            "hidden_sizes": self.hidden_sizes,
            "sharing": self.sharing,
            "use_bias": self.use_bias,
            "activation": self.activation,
            "residual": self.residual,
        }

    def _products(self, multiplied: Any, condition: Any, trigger: Any) -> Any:
        """`W[k] u` of every view, `(B, C, S, d)`."""
        low_rank = self.weight_generator == "low_rank"
        inputs = self.down(multiplied) if low_rank else multiplied
        if self.sharing == "shared":
            outputs = self.generator_0(inputs, condition, trigger)
        else:
            views = [
                getattr(self, f"generator_{k}")(inputs, condition, trigger[:, :, k : k + 1])
                for k in range(self.num_generators)
            ]
            outputs = ops.concatenate(views, axis=2)
        return self.up(outputs) if low_rank else outputs

    def _shared_matrix(self, name: str, inputs_shape: Any, output_size: int) -> Any:
        matrix = keras.layers.Dense(output_size, use_bias=False, dtype=self.dtype_policy, name=name)
        matrix.build(inputs_shape)
        return matrix

    def _check_shapes(self, interest_shape: Any, trigger_shape: Any) -> None:
        if len(interest_shape) != 3 or len(trigger_shape) != 4 or trigger_shape[2] is None:
            raise ValueError(
                f"{type(self).__name__} takes `interest` of shape (B, C, d) and `trigger` of shape "
                f"(B, C, S, Dt), S known. Received: interest.shape={tuple(interest_shape)}, "
                f"trigger.shape={tuple(trigger_shape)}"
            )
