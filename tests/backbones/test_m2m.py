import keras
import numpy as np
import pytest

from ranking.backbones.m2m import M2m, M2mSettings, make_m2m
from ranking.settings_parser import SettingsError
from tests.helpers import backbone_checks as checks
from tests.helpers import meta_oracles
from tests.helpers.layer_checks import check_padding_never_matters, run_layer_checks
from tests.helpers.scenario_batches import CONTEXT, B, C, D, make_scenario_batch, shake_weights

ARGUMENTS = {
    "num_tasks": 2,
    "num_experts": 3,
    "hidden_sizes": (13, 5),
    "scenario_size": 7,
    "unit_layers": 1,
    "tower_layers": 2,
}


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.set_random_seed(1)  # Half precision is close, but how close hangs on the draw.


def built(num_scenarios, *, context=True, **changes):
    layer = M2m(**{**ARGUMENTS, **changes})
    context_shape = (B, CONTEXT) if context else None
    layer.build((B, C, D), (B, num_scenarios), (B, C), context_shape)
    shake_weights(layer, 0.1)
    return layer


@pytest.mark.parametrize("meta_units", ["shared", "per_task"])
def test_layer_contract(meta_units):
    arguments = {**ARGUMENTS, "meta_units": meta_units}
    run_layer_checks(M2m, arguments, make_scenario_batch(2), (B, C, 2))


@pytest.mark.parametrize("num_scenarios", [2, 3])
@pytest.mark.parametrize("num_tasks", [1, 2])
@pytest.mark.parametrize(
    ("meta_units", "context"), [("shared", True), ("per_task", True), ("per_task", False)]
)
def test_logits_equal_the_loops(num_scenarios, num_tasks, meta_units, context):
    changes = {"num_tasks": num_tasks, "meta_units": meta_units, "unit_layers": 1 + context}
    layer = built(num_scenarios, context=context, **changes)
    batch = make_scenario_batch(num_scenarios, context=context)
    found = np.asarray(layer(*batch.values()))
    assert found.shape == (B, C, num_tasks) and np.isfinite(found).all()
    for b, c in np.argwhere(batch["candidates_mask"])[::3]:
        known = batch["context"][b] if context else None
        expected = meta_oracles.m2m(layer, batch["vectors"][b, c], batch["scenario"][b], known)
        np.testing.assert_allclose(found[b, c], expected, rtol=1e-4, atol=1e-4)


def test_padding_never_matters():
    checks.check_backbone_padding(M2m(**ARGUMENTS))
    batch = make_scenario_batch(2)
    check_padding_never_matters(built(2), batch, "vectors", batch["candidates_mask"])


def test_no_candidates_give_no_logits():
    checks.check_no_candidates(M2m(**ARGUMENTS))
    checks.check_no_candidates(M2m(**ARGUMENTS, meta_units="per_task"))


def test_unknown_scenario_has_the_mean_embedding():
    layer, batch = built(3), make_scenario_batch(3)
    batch["scenario"][:] = 1 / 3
    unknown = layer(*batch.values())
    (embeddings,) = layer.scenario_embedding.get_weights()
    layer.scenario_embedding.set_weights([np.tile(embeddings.mean(0), (3, 1))])
    batch["scenario"] = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1]]
    np.testing.assert_allclose(layer(*batch.values()), unknown, atol=1e-5)


@pytest.mark.parametrize("changed", ["scenario", "context"])
def test_what_is_known_of_the_session_changes_its_logits(changed):
    layer, batch = built(2), make_scenario_batch(2)
    other = {**batch, changed: np.roll(batch[changed], -1, axis=0)}
    difference = np.abs(np.asarray(layer(*batch.values())) - np.asarray(layer(*other.values())))
    assert difference[0].max() > 1e-3


@pytest.mark.parametrize("scenario", [0, 2])
def test_a_session_teaches_its_own_embedding_only(scenario):
    gradients = checks.gradients_of_scenario(M2m(**ARGUMENTS), 3, scenario)
    checks.check_own_scenario_only(gradients, ("scenario_embedding/",), 3, scenario)
    assert all(np.any(array) for array in gradients.values())


def test_checkpoint_holds_every_weight(tmp_path):
    checks.check_checkpoint(lambda: M2m(**ARGUMENTS), tmp_path)


@pytest.mark.parametrize(("meta_units", "units"), [("shared", 1), ("per_task", 2)])
def test_count_of_weights(meta_units, units):
    layer = built(3, meta_units=meta_units)
    experts = 3 * checks.count_mlp(D, 13, 5)
    tasks = 2 * 5 + checks.count_mlp(5, 5)
    knowledge = 3 * 7 + checks.count_mlp(7 + CONTEXT, 7)
    attention = units * (8 * (10**2 + 10) + 10)
    tower = 2 * units * 8 * (5**2 + 5) + 2 * 6
    assert layer.count_params() == experts + tasks + knowledge + attention + tower


def test_settings_become_the_layer():
    settings = M2mSettings(
        backbone_hidden_sizes=(7, 5),
        m2m_experts=3,
        m2m_scenario_size=11,
        m2m_unit_layers=2,
        m2m_tower_layers=4,
        m2m_meta_units="per_task",
    )
    layer = make_m2m(settings, 2, "backbone")
    assert (layer.name, layer.num_tasks, layer.hidden_sizes) == ("backbone", 2, (7, 5))
    assert (layer.num_experts, layer.scenario_size) == (3, 11)
    assert layer.attention.num_layers == layer.tower.unit_layers == 2
    assert layer.tower.num_layers == 4
    assert layer.attention.meta_units == layer.tower.meta_units == "per_task"


@pytest.mark.parametrize(
    "name", ["m2m_experts", "m2m_scenario_size", "m2m_unit_layers", "m2m_tower_layers"]
)
def test_bad_sizes_are_refused(name):
    with pytest.raises(SettingsError, match=rf"`{name}` must be at least 1.*=0"):
        M2mSettings(**{name: 0})


def test_bad_choice_is_refused():
    with pytest.raises(SettingsError, match=r"`m2m_meta_units` must be one of.*'own'"):
        M2mSettings(m2m_meta_units="own")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tasks": 0}, r"`num_tasks` must be.*=0"),
        ({"num_experts": 0}, r"`num_experts` must be.*=0"),
        ({"hidden_sizes": ()}, r"`hidden_sizes` must hold.*\(\)"),
        ({"scenario_size": 0}, r"`scenario_size` must be.*=0"),
        ({"tower_layers": 0}, r"`num_layers` must be.*=0"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        M2m(**{**ARGUMENTS, **changes})
