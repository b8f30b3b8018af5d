import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.split_mlp import SplitMlp

CHANCE = np.random.default_rng(5)
SESSION = CHANCE.normal(size=(2, 3)).astype("float32")
ITEMS = CHANCE.normal(size=(2, 7, 5)).astype("float32")


def joined(mlp, vectors):
    """The formula over vectors that were put side by side."""
    hidden = np.maximum(vectors @ mlp.kernel.numpy() + mlp.bias.numpy(), 0)
    if mlp.following_layers is not None:
        for kernel, bias in zip(*[iter(mlp.following_layers.get_weights())] * 2, strict=True):
            hidden = np.maximum(hidden @ kernel + bias, 0)
    return hidden


def made(*args, **kwargs):
    mlp = SplitMlp(*args, **kwargs)
    mlp.build([(None, 3)])
    mlp.set_weights([CHANCE.normal(size=weight.shape) for weight in mlp.weights])
    return mlp


@pytest.mark.parametrize("num_layers", [1, 3])
def test_parts_count_as_if_they_were_joined(num_layers):
    mlp = made(8, 11, num_layers=num_layers)
    copies = np.repeat(SESSION[:, None, :], 7, axis=1)
    expected = joined(mlp, np.concatenate([copies, ITEMS], axis=-1))
    np.testing.assert_allclose(mlp([SESSION, ITEMS]), expected, rtol=1e-4, atol=1e-5)


def test_a_last_part_left_out_counts_as_zeros():
    mlp = made(8, 11)
    expected = joined(mlp, np.concatenate([ITEMS, np.zeros((2, 7, 3), "float32")], axis=-1))
    np.testing.assert_allclose(mlp([ITEMS]), expected, rtol=1e-4, atol=1e-5)


def test_a_shared_part_is_multiplied_once_per_session():
    mlp = made(8, 11)
    graph = tf.function(lambda session, items: mlp([session, items])).get_concrete_function(
        tf.TensorSpec([2, 3]), tf.TensorSpec([2, 7, 5])
    )
    products = [op for op in graph.graph.get_operations() if "MatMul" in op.type]
    assert sorted(op.inputs[0].shape[-1] for op in products) == [3, 5]
    (of_session,) = [op for op in products if op.inputs[0].shape[-1] == 3]
    assert of_session.inputs[0].shape.num_elements() == SESSION.size


def test_no_positions_at_all_are_fine():
    assert made(5, 11)([ITEMS[:, :0]]).shape == (2, 0, 11)


def test_too_wide_parts_are_refused():
    with pytest.raises(ValueError, match="at most `input_size` numbers .* 8 numbers, input_size=7"):
        SplitMlp(7, 11)([SESSION, ITEMS])


@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_layers"])
def test_sizes_below_one_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        SplitMlp(**({"input_size": 3, "hidden_size": 5} | {name: 0}))


def test_shapes_are_known_without_values():
    output = SplitMlp(8, 11)([keras.Input((3,)), keras.Input((None, 5))])
    assert output.shape == (None, None, 11)


def test_config_makes_an_equal_layer():
    mlp = SplitMlp(8, 11, num_layers=2, name="mlp", dtype="mixed_bfloat16")
    copy = SplitMlp.from_config(mlp.get_config())
    assert copy.get_config() == mlp.get_config()
    assert copy.num_layers == 2 and copy.following_layers.dtype_policy.name == "mixed_bfloat16"


def test_half_precision_works_with_full_precision_weights():
    mlp = SplitMlp(8, 11, dtype="mixed_float16")
    assert mlp([SESSION, ITEMS]).dtype == tf.float16
    assert mlp.kernel.dtype == "float32"
