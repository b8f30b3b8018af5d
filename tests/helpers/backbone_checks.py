"""What every backbone with towers must satisfy, whatever it computes.

Shapes: B sessions, C candidates, D width, S scenarios, J tasks.
"""

import numpy as np
import tensorflow as tf

from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)

B, C, D = 5, 3, 7


def backbone_inputs(num_scenarios, ids=None):
    """Call arguments by name. Sessions go through the scenarios, the last one is of none."""
    generator = np.random.default_rng(11)
    if ids is None:
        ids = [b % num_scenarios for b in range(B - 1)] + [None]
    mask = np.arange(C) < np.resize([2, C, 1], len(ids))[:, None]
    return {
        "vectors": generator.normal(size=(len(ids), C, D)).astype("float32"),
        "scenario": np.stack([_weights(num_scenarios, one) for one in ids]),
        "candidates_mask": mask,
    }


def check_backbone_contract(layer_class, arguments):
    """Checks what holds for every layer, on two scenarios."""
    run_layer_checks(layer_class, arguments, backbone_inputs(2), (B, C, arguments["num_tasks"]))


def check_backbone_values(layer, oracle, num_scenarios):
    """Checks the logits at real candidates against the loops."""
    inputs = backbone_inputs(num_scenarios)
    found = np.asarray(layer(*inputs.values()))
    assert found.shape == (B, C, layer.num_tasks)
    for b, c in zip(*np.nonzero(inputs["candidates_mask"]), strict=True):
        expected = oracle(layer, inputs["vectors"][b, c], inputs["scenario"][b])
        np.testing.assert_allclose(found[b, c], expected, atol=1e-5)
    assert np.ptp(found[inputs["candidates_mask"]]) > 1e-3


def check_backbone_padding(layer):
    """Checks that what stands at padded candidates never matters, nor how many there are."""
    inputs = backbone_inputs(2)
    check_padding_never_matters(layer, inputs, "vectors", inputs["candidates_mask"])
    longer = {
        "vectors": np.pad(inputs["vectors"], ((0, 0), (0, 2), (0, 0)), constant_values=np.nan),
        "scenario": inputs["scenario"],
        "candidates_mask": np.pad(inputs["candidates_mask"], ((0, 0), (0, 2))),
    }
    found = np.asarray(layer(*longer.values()))
    expected = layer(*inputs.values())
    np.testing.assert_allclose(found[:, :C], expected, atol=1e-6)
    assert np.isfinite(found).all()


def check_no_candidates(layer):
    """Checks that sessions without candidates, and no sessions at all, have no logits."""
    for sessions, candidates in ((B, 0), (0, C)):
        inputs = {
            "vectors": np.zeros((sessions, candidates, D), "float32"),
            "scenario": np.zeros((sessions, 2), "float32"),
            "candidates_mask": np.zeros((sessions, candidates), bool),
        }
        outputs, of_weights, _ = outputs_and_gradients(layer, inputs)
        assert outputs.shape == (sessions, candidates, layer.num_tasks)
        assert all(np.all(gradient == 0) for gradient in of_weights)


def check_unknown_scenario(layer):
    """Checks that a session of no known scenario gets the mean of the scenarios' logits."""
    scenarios = (0, 1, 2)
    inputs = backbone_inputs(3, [None, *scenarios])
    for name in ("vectors", "candidates_mask"):
        inputs[name][:] = inputs[name][1]
    unknown, *known = np.asarray(layer(*inputs.values()))
    np.testing.assert_allclose(unknown, np.mean(known, axis=0), atol=1e-6)
    assert not np.allclose(known[0], known[1], atol=1e-4)


def check_context_is_not_read(layer):
    """Checks that a session's vector changes nothing, whatever it holds."""
    inputs = backbone_inputs(2)
    expected = layer(*inputs.values())
    found = layer(*inputs.values(), np.full((B, 13), np.nan, "float32"))
    np.testing.assert_array_equal(found, expected)


def check_checkpoint(make_layer, folder):
    """Checks that a checkpoint restores every weight of a layer."""
    inputs = list(backbone_inputs(2).values())
    layer, other = make_layer(), make_layer()
    expected, different = layer(*inputs), other(*inputs)
    assert not np.allclose(expected, different)
    path = tf.train.Checkpoint(layer=layer).save(str(folder / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(other(*inputs), expected)


def gradients_of_scenario(layer, num_scenarios, scenario):
    """Gradients of the weights by their path, of sessions that all are of one scenario."""
    inputs = backbone_inputs(num_scenarios, [scenario] * B)
    _, of_weights, _ = outputs_and_gradients(layer, inputs)
    names = [variable.path.split("/", 1)[1] for variable in layer.trainable_variables]
    assert len(set(names)) == len(names)
    return dict(zip(names, of_weights, strict=True))


def check_own_scenario_only(gradients, prefixes, num_scenarios, scenario):
    """Checks that weights `(S, ...)` under these names learn from their own scenario only."""
    chosen = {name: array for name, array in gradients.items() if name.startswith(prefixes)}
    assert {prefix for prefix in prefixes for name in chosen if name.startswith(prefix)} == set(
        prefixes
    )
    for name, array in chosen.items():
        for other in range(num_scenarios):
            assert np.any(array[other]) == (other == scenario), (name, other)


def count_mlp(*sizes):
    """Parameters of a stack of dense layers with biases, P of models' formulas."""
    return sum((before + 1) * after for before, after in zip(sizes, sizes[1:], strict=False))


def _weights(num_scenarios, scenario):
    if scenario is None:
        return np.full(num_scenarios, 1 / num_scenarios, "float32")
    return np.eye(num_scenarios, dtype="float32")[scenario]
