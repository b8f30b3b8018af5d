import numpy as np
import pytest

from ranking.layers.sequence_projections import SequenceProjections
from tests.helpers.layer_checks import check_padding_never_matters, run_layer_checks
from tests.helpers.transformer_inputs import B, C, D, T, make_inputs


def make_arguments(**options):
    inputs = make_inputs(**options)
    del inputs["target"]
    return inputs


def test_layer_contract():
    arguments = {"size": D, "max_length": 4, "position": "time_difference"}
    run_layer_checks(SequenceProjections, arguments, make_arguments(times=True), (B, T, 4 * D))


@pytest.mark.parametrize(("behaviors_attend", "parts"), [(True, 4), (False, 2)])
def test_projections_of_what_stands_in_its_place(behaviors_attend, parts):
    layer = SequenceProjections(D, behaviors_attend=behaviors_attend)
    inputs, targets = make_arguments(), make_inputs()["target"]
    found = layer(*inputs.values())
    assert found.shape == (B, T, parts * D)
    placed = layer.positions(*inputs.values())
    expected = layer.projections(placed)[..., : parts * D]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    expected = layer.projections(layer.positions(targets))
    assert expected.shape == (B, C, 4 * D)
    np.testing.assert_array_equal(layer(targets), expected)


def test_padding_content_never_matters():
    layer, inputs = SequenceProjections(D, behaviors_attend=False), make_arguments()
    check_padding_never_matters(layer, inputs, "behaviors", inputs["behaviors_mask"])
