import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.sequence_encoder import SequenceEncoder
from ranking.layers.sequence_projections import SequenceProjections
from ranking.layers.sequence_transformer import SequenceTransformer
from tests.helpers import transformer_oracle
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
    tensors,
)
from tests.helpers.transformer_inputs import HEADS, B, C, D, T, keep, lengthen, make_inputs

M = 4  # One behavior less than the longest session has.
FORMS = pytest.mark.parametrize(
    ("num_layers", "output"),
    [(layers, output) for layers in (1, 2) for output in ("target", "concat", "mean")],
)
# One of each number of layers and of each output.
SOME = pytest.mark.parametrize(
    ("num_layers", "output"), [(1, "target"), (2, "concat"), (1, "mean")]
)
WIDTHS = {"target": D, "mean": D, "concat": (M + 1) * D}


def make_layer(**options):
    return SequenceTransformer(
        D, **{"num_heads": HEADS, "feed_forward_size": 11, "max_length": M, **options}
    )


def randomize(layer):
    """Every weight another number, so that none may be left out unnoticed."""
    generator = np.random.default_rng(3)
    layer.set_weights([generator.normal(0, 0.5, each.shape) for each in layer.get_weights()])
    return layer


def naive(layer, inputs):
    """Every candidate's sequence by itself."""
    times = inputs.get("time_differences", [None] * B)
    rows = zip(inputs["behaviors"], inputs["target"], inputs["behaviors_mask"], times, strict=True)
    encode = transformer_oracle.sequence_transformer
    return np.array(
        [
            [encode(layer, behaviors, one, mask, time) for one in target]
            for behaviors, target, mask, time in rows
        ]
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "num_layers": 2,
            "output": "concat",
            "position": "time_difference",
            "position_merge": "concat",
        },
    ],
)
def test_layer_contract(options):
    arguments = {"size": D, "num_heads": HEADS, "max_length": M, **options}
    inputs = make_inputs(times="position" in options)
    shape = (B, C, WIDTHS[options.get("output", "target")])
    run_layer_checks(SequenceTransformer, arguments, inputs, shape)


@FORMS
def test_value_equals_every_sequence_computed_whole(num_layers, output):
    layer, inputs = make_layer(num_layers=num_layers, output=output), make_inputs()
    layer(*inputs.values())
    found = np.asarray(randomize(layer)(*inputs.values()))
    assert found.shape == (B, C, WIDTHS[output])
    np.testing.assert_allclose(found, naive(layer, inputs), atol=2e-5)


@pytest.mark.parametrize("position", ["index", "time_difference"])
@pytest.mark.parametrize("merge", ["add", "concat"])
def test_positions_are_read_as_asked(position, merge):
    layer = make_layer(position=position, position_merge=merge)
    inputs = make_inputs(times=position == "time_difference")
    layer(*inputs.values())
    found = randomize(layer)(*inputs.values())
    np.testing.assert_allclose(found, naive(layer, inputs), atol=2e-5)


@SOME
def test_gradient_equals_the_difference_of_whole_sequences(num_layers, output):
    layer, inputs = make_layer(num_layers=num_layers, output=output), make_inputs()
    layer(*inputs.values())
    _, _, gradients = outputs_and_gradients(randomize(layer), inputs)
    weights = np.random.default_rng(5).normal(size=(B, C, WIDTHS[output]))
    step = 1e-5
    for name, gradient in gradients.items():
        direction = np.random.default_rng(6).normal(size=gradient.shape)
        totals = []
        for sign in (-1, 1):
            moved = {**inputs, name: inputs[name] + sign * step * direction}
            totals.append(np.sum(naive(layer, moved) * weights.astype("float32")))
        expected = (totals[1] - totals[0]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-3, atol=1e-3)


@SOME
def test_padding_content_never_matters(num_layers, output):
    layer, inputs = make_layer(num_layers=num_layers, output=output), make_inputs()
    read = keep(inputs, M)["behaviors_mask"]  # Behaviors that are too old are as good as padding.
    check_padding_never_matters(layer, inputs, "behaviors", read)


@pytest.mark.parametrize("filler", [np.nan, np.inf, 7.0])
def test_times_of_padding_never_matter(filler):
    layer, inputs = make_layer(position="time_difference", output="mean"), make_inputs(times=True)
    outputs, of_weights, of_inputs = outputs_and_gradients(layer, inputs)
    mask = inputs["behaviors_mask"]
    filled = np.where(mask, inputs["time_differences"], np.float32(filler))
    changed = outputs_and_gradients(layer, {**inputs, "time_differences": filled})
    np.testing.assert_array_equal(changed[0], outputs)
    for one, other in zip(changed[1], of_weights, strict=True):
        np.testing.assert_array_equal(one, other)
    gradient = changed[2]["time_differences"]
    np.testing.assert_array_equal(gradient, of_inputs["time_differences"])
    assert np.all(gradient[~mask] == 0) and np.any(gradient[mask])


def test_half_precision_takes_times_in_seconds():
    inputs = make_inputs(times=True)
    inputs["time_differences"] = 86_400.0 * np.abs(inputs["time_differences"]) + 70_000.0
    whole = make_layer(position="time_difference")
    half = make_layer(position="time_difference", dtype="mixed_float16")
    expected = whole(*inputs.values())
    half(*inputs.values())
    half.set_weights(whole.get_weights())
    found = np.asarray(half(*inputs.values()), "float32")
    np.testing.assert_allclose(found, expected, atol=0.05)


@SOME
def test_padding_length_never_matters(num_layers, output):
    layer, inputs = make_layer(num_layers=num_layers, output=output), make_inputs()
    expected = layer(*inputs.values())
    for sides in ({"after": 2}, {"before": 3}):
        changed = lengthen(inputs, **sides)
        np.testing.assert_allclose(layer(*changed.values()), expected, atol=1e-6)


@SOME
def test_zero_length_equals_sessions_without_behaviors(num_layers, output):
    layer = make_layer(num_layers=num_layers, output=output)
    inputs = make_inputs()
    inputs["behaviors_mask"][:] = False
    expected = layer(*inputs.values())
    empty = {**make_inputs(length=0), "target": inputs["target"]}
    outputs, of_weights, of_inputs = outputs_and_gradients(layer, empty)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    for gradient in (*of_weights, *of_inputs.values()):
        assert np.isfinite(gradient).all()
    assert np.any(of_inputs["target"])


def test_candidates_never_see_each_other():
    layer, inputs = make_layer(num_layers=2), make_inputs()
    whole = layer(*inputs.values())
    for c in range(C):
        one = {**inputs, "target": inputs["target"][:, c : c + 1]}
        found = layer(*one.values())
        assert found.shape == (B, 1, D)
        np.testing.assert_allclose(found[:, 0], whole[:, c], atol=1e-6)


def test_only_the_newest_behaviors_are_read():
    layer, inputs = make_layer(max_length=2), make_inputs()
    np.testing.assert_array_equal(layer(*inputs.values()), layer(*keep(inputs, newest=2).values()))
    changed = inputs["behaviors"].copy()
    changed[2, -3] += 1  # The third newest of the session that has all.
    np.testing.assert_array_equal(
        layer(*{**inputs, "behaviors": changed}.values()), layer(*inputs.values())
    )
    changed[2, -2] += 1
    moved = layer(*{**inputs, "behaviors": changed}.values()) - layer(*inputs.values())
    assert np.all(np.any(moved[2], axis=-1)) and not np.any(np.delete(moved, 2, axis=0))


def test_order_matters():
    layer, inputs = make_layer(), make_inputs()
    turned = {**inputs, "behaviors": inputs["behaviors"][:, ::-1]}
    outputs = layer(*inputs.values()), layer(*turned.values())
    assert not np.allclose(outputs[0][2], outputs[1][2], atol=1e-3)


@SOME
def test_cut_in_two_it_is_the_same(num_layers, output):
    layer, inputs = make_layer(num_layers=num_layers, output=output), make_inputs()
    expected = layer(*inputs.values())
    encoder = SequenceEncoder.from_config(layer.encoder.get_config())
    projections = SequenceProjections.from_config(layer.projections.get_config())
    behaviors = keras.Input((None, D))
    target = keras.Input((None, D))
    mask = keras.Input((None,), dtype="bool")
    of_behaviors = projections(behaviors, mask)
    session = keras.Model([behaviors, mask], of_behaviors)
    states = keras.Input(of_behaviors.shape[1:])
    score = keras.Model([states, target, mask], encoder(states, projections(target), mask))
    projections.set_weights(layer.projections.get_weights())
    encoder.set_weights(layer.encoder.get_weights())
    given = tensors(inputs)
    found = session([given["behaviors"], given["behaviors_mask"]])
    found = score([found, given["target"], given["behaviors_mask"]])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("output", ["target", "mean"])
def test_pairs_of_behaviors_are_never_computed_per_candidate(output):
    length, candidates = 31, 7
    inputs = make_inputs(length=length, candidates=candidates)
    layer = make_layer(output=output, max_length=length)
    graph = tf.function(lambda *arguments: layer(*arguments)).get_concrete_function(
        *(tf.convert_to_tensor(array) for array in inputs.values())
    )
    tensors = [tensor for op in graph.graph.get_operations() for tensor in op.outputs]
    largest = max(tensor.shape.num_elements() or 0 for tensor in tensors)
    # With the target alone not even a vector per candidate and behavior.
    row = D if output == "target" else HEADS * length
    assert largest < B * candidates * length * row


def test_dropout_applies_in_training_alone():
    layer, inputs = make_layer(dropout=0.5, num_layers=2), make_inputs()
    expected = layer(*inputs.values())
    np.testing.assert_array_equal(layer(*inputs.values(), training=False), expected)
    drawn = [layer(*inputs.values(), training=True) for _ in range(2)]
    assert not np.allclose(drawn[0], expected) and not np.allclose(*drawn)


def test_checkpoint_holds_every_weight(tmp_path):
    options = {"num_layers": 2, "position": "time_difference", "position_merge": "concat"}
    layer, other = make_layer(**options), make_layer(**options)
    inputs = make_inputs(times=True)
    expected = layer(*inputs.values())
    assert not np.allclose(other(*inputs.values()), expected)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(other(*inputs.values()), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 5}, r"`num_heads` must divide `size`.*size=14, num_heads=5"),
        ({"num_layers": 0}, r"`num_layers` must be a whole number from 1 on"),
        ({"feed_forward_size": 0}, r"`feed_forward_size` must be a whole number"),
        ({"output": "newest"}, r"`output` must be one of .*'newest'"),
        ({"position": "sinus"}, r"`position` must be one of .*'sinus'"),
        ({"position_merge": "sum"}, r"`merge` must be one of .*'sum'"),
        ({"max_length": 0}, r"`max_length` must be a whole number"),
        ({"dropout": 1.0}, r"`dropout` must be at least 0 and below 1"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_layer(**options)


def test_bad_shapes_and_times_are_refused():
    inputs = make_inputs(times=True)
    with pytest.raises(ValueError, match=r"of size 14 takes `behaviors` of shape \(B, T, 14\)"):
        make_layer().build((B, T, D), (B, C, D + 1))
    with pytest.raises(ValueError, match="takes `time_differences` with behaviors and"):
        make_layer()(*inputs.values())
    with pytest.raises(ValueError, match="Received: position='time_difference', no time_diff"):
        make_layer(position="time_difference")(*make_inputs().values())
