import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.backbones.star import Star, StarSettings, make_star
from ranking.settings_parser import SettingsError
from tests.helpers import backbone_checks as checks
from tests.helpers import star_oracles
from tests.helpers.layer_checks import run_layer_checks
from tests.helpers.scenario_batches import B, C, D, make_scenario_batch, shake_weights

ARGUMENTS = {
    "num_tasks": 2,
    "hidden_sizes": (13, 7),
    "auxiliary_hidden_sizes": (5,),
    "scenario_size": 3,
    "momentum": 0.9,
}


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.set_random_seed(1)  # Half precision is close, but how close hangs on the draw.


def built(num_scenarios, **changes):
    layer = Star(**{**ARGUMENTS, **changes})
    layer.build((B, C, D), (B, num_scenarios))
    shake_weights(layer)
    return layer


def expected_logits(layer, batch, means, variances):
    vectors, scenario, mask = batch.values()
    return {
        (b, c): star_oracles.star(layer, vectors[b, c], scenario[b], means, variances)
        for b, c in np.argwhere(mask)
    }


def test_layer_contract():
    batch = make_scenario_batch(2, context=False)
    run_layer_checks(Star, ARGUMENTS, batch, (B, C, 2))


@pytest.mark.parametrize("num_scenarios", [2, 3])
@pytest.mark.parametrize("num_tasks", [1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_logits_equal_the_loops(num_scenarios, num_tasks, training):
    layer = built(num_scenarios, num_tasks=num_tasks)
    batch = make_scenario_batch(num_scenarios, context=False)
    if training:
        statistics = star_oracles.scenario_statistics(*batch.values())
        means, variances = zip(*statistics, strict=True)
    else:
        means, variances = np.random.default_rng(3).normal(size=(2, num_scenarios, D)) ** 2
        layer.norm.moving_mean.assign(means)
        layer.norm.moving_variance.assign(variances)
    found = np.asarray(layer(*batch.values(), training=training))
    assert found.shape == (B, C, num_tasks) and np.isfinite(found).all()
    for place, expected in expected_logits(layer, batch, means, variances).items():
        np.testing.assert_allclose(found[place], expected, rtol=1e-3, atol=1e-3)


def test_moving_statistics_differ_by_scenario_and_are_used_in_inference():
    layer, batch = built(2, momentum=0.0), make_scenario_batch(2, context=False)
    batch["vectors"] += 4 * batch["scenario"][:, None, :1]
    batch["candidates_mask"][2] = False  # the unknown one, which counts everywhere
    trained = np.asarray(layer(*batch.values(), training=True))
    means = layer.norm.moving_mean.numpy()
    assert np.abs(means[0] - means[1]).min() > 1
    # Without momentum they are those of the batch just seen.
    np.testing.assert_allclose(layer(*batch.values()), trained, atol=1e-4)
    swapped = {**batch, "scenario": batch["scenario"][:, ::-1]}
    assert np.abs(np.asarray(layer(*swapped.values())) - trained).max() > 0.1


def test_scenarios_start_alike_but_for_the_auxiliary_network():
    layer, batch = Star(**ARGUMENTS), make_scenario_batch(3, context=False)
    batch["vectors"][:], batch["candidates_mask"][:] = batch["vectors"][0], True
    layer.build((B, C, D), (B, 3))
    for weight in layer.auxiliary.weights:
        weight.assign(np.zeros(weight.shape))
    found = np.asarray(layer(*batch.values()))
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-5)
    assert np.ptp(found) > 0.1


@pytest.mark.parametrize("scenario", [0, 2])
def test_a_session_teaches_its_own_scenario_only(scenario):
    layer = Star(**ARGUMENTS)
    gradients = checks.gradients_of_scenario(layer, 3, scenario)
    own = [name for name in gradients if "scenario" in name]
    assert len(own) == 2 + 2 * 3 + 1
    for name in own:
        for other in range(3):
            assert np.any(gradients[name][other]) == (other == scenario), (name, other)
    shared = [name for name in gradients if "scenario" not in name]
    assert all(np.any(gradients[name]) for name in shared)


def test_padding_never_matters():
    checks.check_backbone_padding(Star(**ARGUMENTS))


def test_padding_never_matters_in_training():
    batch = make_scenario_batch(2, context=False)
    padding = ~batch["candidates_mask"][..., None]
    found = []
    for filler in (0.0, np.nan, np.inf):
        keras.utils.set_random_seed(1)
        layer = built(2)
        vectors = tf.constant(np.where(padding, np.float32(filler), batch["vectors"]))
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            logits = layer(vectors, *list(batch.values())[1:], training=True)
            total = tf.reduce_sum(logits**2)
        weights = [weight.value for weight in layer.trainable_variables]
        gradients = tape.gradient(total, [vectors, *weights])
        assert np.all(np.asarray(gradients[0])[padding[..., 0]] == 0)
        found.append([logits, *gradients, *layer.norm.get_weights()])
    for other in found[1:]:
        for one, another in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, another)


def test_no_candidates_give_no_logits():
    checks.check_no_candidates(Star(**ARGUMENTS))


def test_context_is_not_read():
    checks.check_context_is_not_read(Star(**ARGUMENTS))


def test_unknown_scenario_is_read_by_the_mean_of_the_scenarios():
    layer, batch = built(3), make_scenario_batch(3, context=False)
    means, variances = np.random.default_rng(3).normal(size=(2, 3, D)) ** 2
    layer.norm.moving_mean.assign(means)
    layer.norm.moving_variance.assign(variances)
    batch["scenario"][:] = 1 / 3
    unknown = layer(*batch.values())
    for weight in layer.weights:
        if "scenario" in weight.path.split("/", 1)[1] or "moving" in weight.name:
            mean = np.mean(weight.numpy(), axis=0, keepdims=True)
            weight.assign(np.broadcast_to(mean, weight.shape))
    batch["scenario"] = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1]]
    np.testing.assert_allclose(layer(*batch.values()), unknown, rtol=1e-4, atol=1e-4)


def test_checkpoint_holds_every_weight(tmp_path):
    checks.check_checkpoint(lambda: Star(**ARGUMENTS), tmp_path)


@pytest.mark.parametrize("num_scenarios", [1, 3])
def test_count_of_weights(num_scenarios):
    layer = built(num_scenarios)
    dense = checks.count_mlp(D, 13, 7, 2)
    auxiliary = checks.count_mlp(3 + D, 5, 2) + 3 * num_scenarios
    trained = (1 + num_scenarios) * (2 * D + dense) + auxiliary
    assert layer.count_params() == trained + 2 * num_scenarios * D


def test_settings_become_the_layer():
    settings = StarSettings(
        backbone_hidden_sizes=(7, 5),
        star_auxiliary_hidden_sizes=(3, 2),
        star_scenario_size=11,
        star_momentum=0.5,
    )
    layer = make_star(settings, 3, "backbone")
    assert (layer.name, layer.num_tasks, layer.hidden_sizes) == ("backbone", 3, (7, 5))
    assert (layer.auxiliary_hidden_sizes, layer.scenario_size) == ((3, 2), 11)
    assert layer.norm.momentum == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"star_auxiliary_hidden_sizes": (0,)}, r"`star_auxiliary_hidden_sizes` must be.*\(0,\)"),
        ({"star_scenario_size": 0}, r"`star_scenario_size` must be.*=0"),
        ({"star_momentum": 1.0}, r"`star_momentum` must be at least 0 and below 1.*=1\.0"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        StarSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tasks": 0}, r"`num_tasks` must be.*=0"),
        ({"hidden_sizes": (0,)}, r"`hidden_sizes` must hold.*\(0,\)"),
        ({"scenario_size": 0}, r"`scenario_size` must be.*=0"),
        ({"momentum": -0.1}, r"`momentum` must be at least 0.*-0\.1"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Star(**{**ARGUMENTS, **changes})
