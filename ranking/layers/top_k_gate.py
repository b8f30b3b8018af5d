"""Sparse gate: the k best experts of an input, by logits with trained noise."""

import math
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count
from ranking.layers.clear_padding import clear_padding

NOISE_SCALES = ("softplus", "clip", "raw")
_NEVER = -1e30  # exp of it is 0, and it survives a subtraction, which minus infinity does not
_SMALLEST_SCALE = 1e-2  # A chance divided by less is 0 or 1 to all digits, its gradient may be NaN.


@keras.saving.register_keras_serializable(package="ranking")
class TopKGate(keras.layers.Layer):
    """Keeps the k largest logits of each row: `(..., K)` -> gate `(..., K)`, load `(..., K)`.

        noisy = logits + normal(0, 1) * scale(noise_logits)         in training
        gate = softmax over the k largest of `noisy`, 0 elsewhere

    Exactly k experts are chosen, the first ones where logits are equal. An expert that is not
    chosen gets no gradient from the gate, so noise is what makes experts try other inputs.

    The *load* is the chance that an expert is chosen if its own noise alone were drawn again:

        load_i = Phi((logits_i - threshold_i) / scale_i)

    with Phi the normal distribution function and threshold_i the k-th largest of the *other*
    experts' noisy logits. Both sides are logits: a threshold among probabilities would be another
    unit. The load is smooth where the choice is a step, so that a loss can even it out. Without
    noise it is 1 for chosen experts, 0 for others, and has no gradient.

    Shapes are written with K = experts.

    Args:
        k: Number of experts kept, at least 1 and below K.
        noise_scale: How noise logits become the noise's deviation: `"softplus"`, `"clip"` at 0, or
            `"raw"`, where the sign means nothing.
        seed: Seed of the noise. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        logits: Float tensor `(..., K)`.
        noise_logits: Float tensor `(..., K)`. `None`: no noise.
        valid: Boolean tensor `(...)`, `True` at real rows. Others get zeros, whatever they
            held. `None`: every row is real.
        training: Whether there is noise.

    Returns:
        Gate and load, float32 under any policy.

    Raises:
        ValueError: If an argument is out of range, or if K is unknown or not above k.

    Example:
    >>> import numpy as np
    >>> gate, load = TopKGate(2)(np.array([[0.0, 7.0, 7.0]]))
    >>> gate.numpy().tolist(), load.numpy().tolist()
    ([[0.0, 0.5, 0.5]], [[0.0, 1.0, 1.0]])

    Reference:
        Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, section 2.1
        and appendix A. Clipped and raw scales are not in the paper.
    """

    def __init__(
        self, k: int, *, noise_scale: str = "softplus", seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        check_count("k", k)
        check_choice("noise_scale", noise_scale, NOISE_SCALES)
        self.k = k
        self.noise_scale = noise_scale
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # tf.train.Checkpoint follows the attributes of layers, and a seed generator is no layer:
        # without this attribute a restored run would draw other noise.
        self.seed_state = self.seed_generator.state.value

    def build(self, *shapes: Any) -> None:
        self.built = True  # Some versions of Keras do not tell of the shapes of masks.

    def call(
        self,
        logits: Any,
        noise_logits: Any = None,
        valid: Any = None,
        training: bool | None = None,
    ) -> tuple[Any, Any]:
        self._check_width(logits)
        logits, scale = _cleared(logits, valid), None
        noisy = logits
        if training and noise_logits is not None:
            scale = self._scale(_cleared(noise_logits, valid))
            shape = ops.shape(logits)
            noise = keras.random.normal(shape, dtype="float32", seed=self.seed_generator)
            noisy = logits + scale * noise
        largest, experts = ops.top_k(noisy, self.k + 1)
        chosen = _marked(experts[..., : self.k], logits.shape[-1])
        gate = ops.softmax(ops.where(chosen, noisy, _NEVER), axis=-1)
        if scale is None:
            load = ops.cast(chosen, "float32")
        else:
            last, next_best = largest[..., self.k - 1 : self.k], largest[..., self.k :]
            # Without a chosen expert the next best is the k-th; without another nothing changes.
            load = _chance(logits - ops.where(chosen, next_best, last), scale)
        return _cleared(gate, valid), _cleared(load, valid)

    def compute_output_spec(
        self,
        logits: Any,
        noise_logits: Any = None,
        valid: Any = None,
        training: bool | None = None,
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        self._check_width(logits)
        shape = tuple(logits.shape)
        return keras.KerasTensor(shape, dtype="float32"), keras.KerasTensor(shape, dtype="float32")

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # Masks are passed by name.

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "k": self.k,
            "noise_scale": self.noise_scale,
            "seed": self.seed,
        }

    def _check_width(self, logits: Any) -> None:
        if logits.shape[-1] is None or logits.shape[-1] <= self.k:
            raise ValueError(
                f"{type(self).__name__} needs `logits` of more experts than it keeps. "
                f"Received: logits.shape={tuple(logits.shape)}, k={self.k}"
            )

    def _scale(self, noise_logits: Any) -> Any:
        if self.noise_scale == "softplus":
            return ops.softplus(noise_logits)
        return ops.maximum(noise_logits, 0.0) if self.noise_scale == "clip" else noise_logits


def _cleared(rows: Any, mask: Any) -> Any:
    rows = ops.cast(rows, "float32")
    return rows if mask is None else clear_padding(rows, mask)


def _marked(experts: Any, num_experts: int) -> Any:
    """Numbers of experts `(..., k)` -> `(..., K)`, `True` at each of them."""
    return ops.any(ops.expand_dims(experts, -1) == ops.arange(num_experts), axis=-2)


def _chance(distance: Any, scale: Any) -> Any:
    """The chance that normal noise of this deviation stays below the distance."""
    scale = ops.maximum(ops.abs(scale), _SMALLEST_SCALE)
    return 0.5 * (1.0 + ops.erf(distance / (scale * math.sqrt(2.0))))
