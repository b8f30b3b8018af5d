import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.pair_product import context_kernels, pair_product, with_ones
from tests.helpers.numeric_gradient import numeric_gradient

B, T, C, D, H = 2, 5, 3, 7, 11


def _inputs(*, behaviors: int = T, contexts: int = C, sessions: int = B) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(1)
    shapes = {
        "behaviors": (sessions, behaviors, D),
        "context": (sessions, contexts, D),
        "kernel": (4 * D, H),
        "bias": (H,),
    }
    return {name: chance.normal(size=shape) for name, shape in shapes.items()}


def test_value_is_the_layer_over_the_four_parts() -> None:
    inputs = _inputs()
    found = np.reshape(pair_product(**inputs), (B, T, C, H))
    for b in range(B):
        for c in range(C):
            for t in range(T):
                x, y = inputs["behaviors"][b, t], inputs["context"][b, c]
                expected = np.concatenate([x, y, x - y, x * y]) @ inputs["kernel"] + inputs["bias"]
                np.testing.assert_allclose(found[b, t, c], expected, rtol=1e-10)


def test_value_is_one_product_with_kernels_that_contexts_decide() -> None:
    inputs = _inputs()
    kernels = context_kernels(*(inputs[name] for name in ("context", "kernel", "bias")))
    expected = with_ones(inputs["behaviors"]).numpy() @ kernels.numpy()
    np.testing.assert_allclose(pair_product(**inputs), expected, rtol=1e-10)


@pytest.mark.parametrize(
    "sizes", [{}, {"behaviors": 0}, {"contexts": 0}, {"contexts": 1}, {"sessions": 0}]
)
def test_gradients_are_differences(sizes: dict[str, int]) -> None:
    inputs = _inputs(**sizes)
    directions = np.random.default_rng(2).normal(size=pair_product(**inputs).shape)
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(tensors.values()))
        total = tf.reduce_sum(pair_product(**tensors) * directions)
    gradients = tape.gradient(total, tensors)
    for name, value in inputs.items():
        assert gradients[name].shape == value.shape

        def total_of(changed, name=name):
            return np.sum(pair_product(**{**inputs, name: changed}) * directions)

        expected = numeric_gradient(total_of, value)
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-6, atol=1e-6)
