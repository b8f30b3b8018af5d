import keras
import numpy as np
import pytest

from ranking.layers.number_embedding import NumberEmbedding


def test_each_number_gets_its_own_line_through_its_vector():
    numbers = np.random.default_rng(1).normal(size=(2, 3, 5)).astype("float32")
    layer = NumberEmbedding(7)
    layer.build(numbers.shape)
    layer.bias.assign(np.random.default_rng(2).normal(size=(5, 7)))
    kernel, bias = (np.asarray(weight.value) for weight in (layer.kernel, layer.bias))
    found = keras.ops.convert_to_numpy(layer(numbers))
    for b in range(2):
        for c in range(3):
            expected = [numbers[b, c, n] * kernel[n] + bias[n] for n in range(5)]
            np.testing.assert_allclose(found[b, c], np.concatenate(expected), rtol=1e-6)


def test_numbers_do_not_mix():
    numbers = np.ones((1, 3), "float32")
    layer = NumberEmbedding(2)
    before = keras.ops.convert_to_numpy(layer(numbers))
    numbers[0, 1] = 5.0
    changed = keras.ops.convert_to_numpy(layer(numbers)) != before
    assert changed[0].tolist() == [False, False, True, True, False, False]


def test_it_is_made_again_from_its_config():
    layer = NumberEmbedding(3, name="numbers")
    assert NumberEmbedding.from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="`size` must be"):
        NumberEmbedding(0)
