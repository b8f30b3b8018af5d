import numpy as np
import pytest

from ranking.layers.sequence_encoder import SequenceEncoder
from tests.helpers.layer_checks import check_padding_never_matters, run_layer_checks
from tests.helpers.transformer_inputs import HEADS, B, C, D, T, make_inputs


def make_arguments(parts):
    """Projected behaviors and targets, as they come from elsewhere."""
    targets = make_inputs(width=4 * D)["target"]
    return {**make_inputs(width=parts * D), "target": targets}


def test_layer_contract():
    arguments = {"size": D, "num_heads": HEADS, "output": "mean", "max_length": 4}
    run_layer_checks(SequenceEncoder, arguments, make_arguments(4), (B, C, D))


@pytest.mark.parametrize(
    ("num_layers", "output", "parts"), [(1, "target", 2), (2, "target", 4), (1, "concat", 4)]
)
def test_padding_content_never_matters(num_layers, output, parts):
    layer = SequenceEncoder(D, num_layers=num_layers, num_heads=HEADS, output=output, max_length=T)
    assert layer.behaviors_attend == (parts == 4)
    inputs = make_arguments(parts)
    check_padding_never_matters(layer, inputs, "behaviors", inputs["behaviors_mask"])


def test_concatenated_positions_stand_at_the_end():
    layer = SequenceEncoder(D, num_heads=HEADS, output="concat", max_length=T + 2)
    inputs = make_arguments(4)
    found = np.reshape(layer(*inputs.values()), (B, C, T + 3, D))
    for session, mask in zip(found, inputs["behaviors_mask"], strict=True):
        is_used = np.any(session, axis=(0, 2))
        np.testing.assert_array_equal(is_used, np.arange(T + 3) >= T + 2 - np.sum(mask))
    target = SequenceEncoder(D, num_heads=HEADS)
    target.build((B, T, 2 * D), (B, C, 4 * D))
    target.set_weights(layer.get_weights())
    expected = target(inputs["behaviors"][..., : 2 * D], inputs["target"], inputs["behaviors_mask"])
    np.testing.assert_allclose(found[:, :, -1], expected, atol=1e-5)


def test_bad_arguments_and_shapes_are_refused():
    for options, message in (
        ({"num_layers": 0}, "`num_layers` must be a whole number"),
        ({"output": "newest"}, "`output` must be one of .*'newest'"),
        ({"max_length": 0}, "`max_length` must be a whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            SequenceEncoder(D, num_heads=HEADS, **options)
    with pytest.raises(ValueError, match=r"projected `behaviors` of shape \(B, T, 28\)"):
        SequenceEncoder(D, num_heads=HEADS).build((B, T, D), (B, C, 4 * D))
