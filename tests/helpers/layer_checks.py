"""What every layer must satisfy, whatever it computes.

`run_layer_checks` goes through all of it; `check_padding_never_matters` is for layers that take
a mask; `outputs_and_gradients` is what tests of single layers are made of.
"""

import inspect
import json
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

FILLERS = (7.0, np.inf, -np.inf, np.nan)


def run_layer_checks(
    layer_class, arguments, inputs, output_shape, *, output_dtype=None, without_gradient=()
):
    """Checks shape, dtypes, config, saving, use in a functional model and gradients of a layer.

    Args:
        layer_class: The class.
        arguments: What it is constructed with, by name.
        inputs: NumPy call arguments in their order, by name.
        output_shape: Shape it must return for them.
        output_dtype: Type it must return; `None`: the policy's compute type.
        without_gradient: Places, among the trainable weights, of those that the outputs do not
            depend on, such as a bias before a softmax: their gradients are rounding alone.
    """
    keras.utils.set_random_seed(3)
    layer = layer_class(**arguments)
    outputs = layer(*tensors(inputs).values())
    assert tuple(outputs.shape) == output_shape
    assert _dtype(outputs) == (output_dtype or "float32")
    _check_config(layer)
    _check_functional_model(layer, inputs, output_shape)
    _check_gradients(layer, inputs, without_gradient)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        _check_half_precision(layer, policy, inputs, output_dtype)


def tensors(inputs):
    """The same arguments as tensors."""
    return {name: tf.convert_to_tensor(array) for name, array in inputs.items()}


def outputs_and_gradients(layer, inputs, **call):
    """Outputs, gradients of the trainable weights, and gradients of the float inputs by name.

    `call` is passed on to the layer. The gradients are those of a fixed, uneven weighted sum of the
    outputs.
    """
    arguments = tensors(inputs)
    floats = {name: tensor for name, tensor in arguments.items() if tensor.dtype.is_floating}
    with tf.GradientTape() as tape:
        tape.watch(list(floats.values()))
        outputs = layer(*arguments.values(), **call)
        directions = np.random.default_rng(5).normal(size=outputs.shape)
        total = tf.reduce_sum(tf.cast(outputs, "float32") * directions.astype("float32"))
    variables = [variable.value for variable in layer.trainable_variables]
    zero = tf.UnconnectedGradients.ZERO
    of_weights, of_inputs = tape.gradient(total, (variables, floats), unconnected_gradients=zero)
    return (
        outputs.numpy(),
        [gradient.numpy() for gradient in of_weights],
        {name: gradient.numpy() for name, gradient in of_inputs.items()},
    )


def check_padding_never_matters(layer, inputs, padded, mask):
    """Checks that whatever stands at padding changes neither values nor gradients.

    Args:
        layer: The layer.
        inputs: NumPy call arguments in their order, by name.
        padded: Name of the argument that has padding.
        mask: Boolean array, one rank below it, `False` at its padding.
    """
    expected = None
    for filler in (0.0, *FILLERS):
        filled = np.where(mask[..., None], inputs[padded], np.float32(filler))
        outputs, of_weights, of_inputs = outputs_and_gradients(layer, {**inputs, padded: filled})
        gradient = of_inputs.pop(padded)
        np.testing.assert_array_equal(gradient[~mask], 0.0)
        found = [outputs, *of_weights, *of_inputs.values(), gradient]
        expected = expected or found
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert np.isfinite(expected[0]).all()


def _dtype(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


def _check_config(layer):
    config = layer.get_config()
    parameters = inspect.signature(type(layer).__init__).parameters.values()
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    assert names - {"self"} <= set(config), "an argument is missing in the config"
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert serialized["registered_name"] == f"ranking>{type(layer).__name__}"
    clone = keras.saving.deserialize_keras_object(serialized)
    assert json.dumps(clone.get_config()) == json.dumps(config)


def _check_functional_model(layer, inputs, output_shape):
    """A model that knows no size but the widths of vectors, before and after saving."""
    symbols = {name: _symbol(name, array) for name, array in inputs.items()}
    outputs = layer(*symbols.values())
    sizes = zip(outputs.shape, output_shape, strict=True)
    assert all(size in (None, known) for size, known in sizes)
    model = keras.Model(symbols, outputs)
    expected = model(tensors(inputs))
    assert _dtype(expected) == outputs.dtype
    np.testing.assert_array_equal(expected, layer(*tensors(inputs).values()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        with warnings.catch_warnings():
            # Keras copies variables in a way that NumPy 2 warns about.
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            model.save(path)
        loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(loaded(tensors(inputs)), expected)


def _symbol(name, array):
    known = array.shape[-1:] if array.dtype.kind == "f" else ()
    unknown = [None] * (array.ndim - 1 - len(known))
    return keras.Input((*unknown, *known), dtype=array.dtype.name, name=name)


def _check_gradients(layer, inputs, without_gradient):
    if not layer.trainable_variables:
        return
    _, of_weights, of_inputs = outputs_and_gradients(layer, inputs)
    for place, gradient in enumerate((*of_weights, *of_inputs.values())):
        assert np.isfinite(gradient).all()
        if place in without_gradient:
            np.testing.assert_allclose(gradient, 0.0, atol=1e-5)
        else:
            assert np.any(gradient), "a gradient is zero throughout"


def _check_half_precision(layer, policy, inputs, output_dtype):
    expected = np.asarray(layer(*tensors(inputs).values()), "float32")
    config = {**layer.get_config(), "dtype": policy}
    half = type(layer).from_config(config)
    half.build(*_build_shapes(half, inputs))
    half.set_weights(layer.get_weights())
    outputs = half(*tensors(inputs).values())
    assert _dtype(outputs) == (output_dtype or half.compute_dtype)
    assert {variable.dtype for variable in half.trainable_variables} <= {"float32"}
    digits = 2**-10 if policy == "mixed_float16" else 2**-7
    tolerance = 8 * digits * max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(np.asarray(outputs, "float32"), expected, atol=tolerance)
    outputs, of_weights, of_inputs = outputs_and_gradients(half, inputs)
    assert all(np.isfinite(array).all() for array in (outputs, *of_weights, *of_inputs.values()))


def _build_shapes(layer, inputs):
    names = [name for name in inspect.signature(layer.build).parameters if name.endswith("shape")]
    return [array.shape for array in list(inputs.values())[: len(names)]]
