import json

import numpy as np
import pytest

from ranking.layers.attention_projections import AttentionProjections
from ranking.layers.transformer_block import TransformerBlock
from tests.helpers import transformer_oracle
from tests.helpers.view_inputs import randomize

B, T, D, HEADS = 2, 5, 6, 3
MASK = np.array([[1, 0, 1, 0, 1], [0] * T], bool)


@pytest.mark.parametrize(("groups", "targets"), [(1, 7), (7, 1)])
@pytest.mark.parametrize("behaviors_attend", [True, False])
def test_value_equals_every_sequence_computed_whole(groups, targets, behaviors_attend):
    generator = np.random.default_rng(1)
    behaviors = generator.normal(size=(B, groups, T, D)).astype("float32")
    target = generator.normal(size=(B, groups, targets, D)).astype("float32")
    projections = AttentionProjections(D)
    layer = TransformerBlock(
        D, num_heads=HEADS, feed_forward_size=11, behaviors_attend=behaviors_attend
    )
    projected = projections(behaviors, attends=behaviors_attend), projections(target)
    layer(*projected, MASK)
    of_behaviors, of_target = randomize(layer)(*projected, MASK)
    assert of_target.shape == (B, groups * targets, 1, D)
    assert (of_behaviors is None) != behaviors_attend
    for b, g, r in np.ndindex(B, groups, targets):
        sequence = [*behaviors[b, g][MASK[b]].astype("float64"), target[b, g, r]]
        *expected, last = transformer_oracle.block(layer, projections, sequence)
        c = g * targets + r
        np.testing.assert_allclose(of_target[b, c, 0], last, atol=2e-5)
        if behaviors_attend and expected:
            np.testing.assert_allclose(of_behaviors[b, c][MASK[b]], expected, atol=2e-5)


def test_config_makes_the_same_layer():
    options = {"num_heads": 3, "feed_forward_size": 7, "behaviors_attend": False, "dropout": 0.5}
    config = json.loads(json.dumps(TransformerBlock(D, **options).get_config()))
    assert {name: config[name] for name in options} == options
    assert TransformerBlock.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 4}, "`num_heads` must divide `size`.*size=6, num_heads=4"),
        ({"num_heads": 0}, "`num_heads` must be a whole number"),
        ({"num_heads": 3, "feed_forward_size": 0}, "`feed_forward_size` must be a whole number"),
        ({"num_heads": 3, "dropout": 1.0}, "`dropout` must be at least 0 and below 1"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TransformerBlock(D, **options)
