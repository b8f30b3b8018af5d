import numpy as np
import pytest

from ranking.layers.sequence_positions import SequencePositions
from tests.helpers import transformer_oracle
from tests.helpers.layer_checks import check_padding_never_matters, run_layer_checks
from tests.helpers.transformer_inputs import B, D, T, lengthen, make_inputs
from tests.helpers.view_inputs import randomize

OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {"position": position, "merge": merge}
        for position in ("index", "time_difference")
        for merge in ("add", "concat")
    ],
)


def make_arguments(options):
    inputs = make_inputs(times=options.get("position") == "time_difference")
    del inputs["target"]
    return inputs


def make_layer(options, max_length=T):
    layer = SequencePositions(D, max_length=max_length, **options)
    layer.build((B, T, D))
    return randomize(layer)


@OPTIONS
def test_layer_contract(options):
    arguments = {"size": D, "max_length": T, **options}
    run_layer_checks(SequencePositions, arguments, make_arguments(options), (B, T, D))


@OPTIONS
def test_behaviors_and_targets_are_where_they_are(options):
    layer, inputs = make_layer(options), make_arguments(options)
    found, mask = np.asarray(layer(*inputs.values())), inputs["behaviors_mask"]
    for b, t in zip(*np.nonzero(mask), strict=True):
        time = inputs["time_differences"][b, t] if "time_differences" in inputs else None
        place = sum(mask[b, t:])
        expected = transformer_oracle.placed(layer, inputs["behaviors"][b, t], place, time)
        np.testing.assert_allclose(found[b, t], expected, atol=1e-5)
    targets = make_inputs()["target"]
    expected = [
        [transformer_oracle.placed(layer, one, 0, 0.0) for one in session] for session in targets
    ]
    np.testing.assert_allclose(layer(targets), expected, atol=1e-5)


@OPTIONS
def test_padding_content_never_matters(options):
    layer, inputs = make_layer(options), make_arguments(options)
    check_padding_never_matters(layer, inputs, "behaviors", inputs["behaviors_mask"])


@OPTIONS
def test_neither_padding_nor_its_length_moves_a_behavior(options):
    layer, inputs = make_layer(options), make_arguments(options)
    expected = layer(*inputs.values())[2]
    found = layer(*lengthen(inputs, before=2, after=3).values())[2]
    np.testing.assert_allclose(found[2:-3], expected, atol=1e-6)
    assert layer(*(array[:, :0] for array in inputs.values())).shape == (B, 0, D)


def test_half_precision_does_not_round_times_before_their_logarithm():
    month = 30 * 86_400.0  # Seconds: halves end at 65,504.
    inputs = {"vectors": np.zeros((1, 3, D), "float32"), "behaviors_mask": np.ones((1, 3), bool)}
    times = np.array([[month, 86_400.0, 7.0]], "float32")
    whole = make_layer({"position": "time_difference"})
    half = SequencePositions(
        D, max_length=T, position="time_difference", merge="add", dtype="mixed_float16"
    )
    half.build((B, T, D))
    half.set_weights(whole.get_weights())
    found = half(*inputs.values(), times)
    assert found.dtype == "float16"
    np.testing.assert_allclose(found, whole(*inputs.values(), times), rtol=0.01, atol=0.05)


def test_a_target_is_no_behavior_of_now():
    layer, vectors = make_layer({}), np.zeros((B, 1, D), "float32")
    now, newest = layer(vectors), layer(vectors, np.ones((B, 1), bool))
    assert not np.allclose(now, newest, atol=1e-2)


def test_bad_arguments_shapes_and_times_are_refused():
    for options, message in (
        ({"size": 0}, "`size` must be a whole number"),
        ({"max_length": 0}, "`max_length` must be a whole number"),
        ({"position": "none"}, "`position` must be one of .*'none'"),
        ({"merge": "none"}, "`merge` must be one of .*'none'"),
    ):
        with pytest.raises(ValueError, match=message):
            SequencePositions(**{"size": D, **options})
    with pytest.raises(ValueError, match=r"of size 14 takes vectors of shape \(B, N, 14\)"):
        SequencePositions(D).build((B, T, D + 1))
    times = make_arguments({"position": "time_difference"})
    with pytest.raises(ValueError, match="takes `time_differences` with behaviors"):
        make_layer({})(*times.values())
