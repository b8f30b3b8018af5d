import keras
import numpy as np
import pytest

from ranking.backbones.apg import CONDITIONS, Apg, ApgSettings, make_apg
from ranking.settings_parser import SettingsError
from tests.helpers import adaptive_oracles
from tests.helpers import backbone_checks as checks
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)
from tests.helpers.scenario_batches import (
    CONTEXT,
    B,
    C,
    D,
    make_scenario_batch,
    only,
    shake_weights,
)

ARGUMENTS = {
    "num_tasks": 2,
    "hidden_sizes": (13, 7),
    "rank": 3,
    "inner_size": 5,
    "scenario_size": 2,
}
READ = ("vectors", "scenario", "candidates_mask", "context")
CONDITIONS_AND_CONTEXT = [("group", True), ("group", False), ("mix", False), ("self", True)]


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.set_random_seed(1)  # Half precision is close, but how close hangs on the draw.


def built(num_scenarios, *, context=True, **changes):
    layer = Apg(**{**ARGUMENTS, **changes})
    context_shape = (B, CONTEXT) if context else None
    layer.build((B, C, D), (B, num_scenarios), (B, C), context_shape)
    shake_weights(layer)
    return layer


@pytest.mark.parametrize("inner_size", [5, None])
@pytest.mark.parametrize("condition", ["group", "mix"])
def test_layer_contract(condition, inner_size):
    arguments = {**ARGUMENTS, "condition": condition, "inner_size": inner_size}
    run_layer_checks(Apg, arguments, _small(make_scenario_batch(2)), (B, C, 2))


def test_layer_contract_of_self():
    class OfVectors(Apg):
        """Without arguments that have no gradient."""

        def build(self, vectors_shape, candidates_mask_shape=None):
            super().build(vectors_shape, (None, 2))

        def call(self, vectors, candidates_mask):
            return super().call(vectors, None, candidates_mask)

    keras.saving.register_keras_serializable("ranking")(OfVectors)
    batch = only(_small(make_scenario_batch(2)), "vectors", "candidates_mask")
    run_layer_checks(OfVectors, {**ARGUMENTS, "condition": "self"}, batch, (B, C, 2))


@pytest.mark.parametrize("num_scenarios", [2, 3])
@pytest.mark.parametrize("num_tasks", [1, 2])
@pytest.mark.parametrize(("condition", "context"), CONDITIONS_AND_CONTEXT)
def test_logits_equal_the_loops(num_scenarios, num_tasks, condition, context):
    layer = built(num_scenarios, num_tasks=num_tasks, condition=condition, context=context)
    batch = make_scenario_batch(num_scenarios, context=context)
    found = np.asarray(layer(*batch.values()))
    assert found.shape == (B, C, num_tasks) and np.isfinite(found).all()
    for b, c in np.argwhere(batch["candidates_mask"])[::3]:
        known = batch["context"][b] if context else None
        expected = adaptive_oracles.apg(layer, batch["vectors"][b, c], batch["scenario"][b], known)
        np.testing.assert_allclose(found[b, c], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("condition", "context"), CONDITIONS_AND_CONTEXT)
def test_folded_backbone_has_the_same_logits_from_fewer_weights(condition, context):
    layer = built(3, condition=condition, context=context)
    batch = make_scenario_batch(3, context=context)
    folded = layer.fold()
    np.testing.assert_array_equal(folded(*batch.values()), layer(*batch.values()))
    assert folded.count_params() < layer.count_params()
    assert folded.name == layer.name and folded.inner_size is None
    _, _, found = outputs_and_gradients(folded, batch)
    _, _, expected = outputs_and_gradients(layer, batch)
    np.testing.assert_allclose(found["vectors"], expected["vectors"], rtol=1e-4, atol=1e-4)


def test_folded_backbone_can_be_folded_again():
    layer, batch = built(2), make_scenario_batch(2)
    twice = layer.fold().fold()
    np.testing.assert_array_equal(twice(*batch.values()), layer(*batch.values()))


def test_fold_within_a_model():
    batch = make_scenario_batch(2)
    shapes = ((None, D), (2,), (None,), (CONTEXT,))
    types = ("float32", "float32", "bool", "float32")
    symbols = [
        keras.Input(shape, dtype=dtype, name=name)
        for name, shape, dtype in zip(READ, shapes, types, strict=True)
    ]
    hidden = keras.layers.Dense(D, name="before")(symbols[0])
    layer = Apg(**ARGUMENTS)
    model = keras.Model(symbols, layer(hidden, *symbols[1:]))
    folded = keras.models.clone_model(
        model, clone_function=lambda one: one.fold() if isinstance(one, Apg) else one
    )
    np.testing.assert_array_equal(folded(list(batch.values())), model(list(batch.values())))
    assert model.count_params() - folded.count_params() == (
        layer.count_params() - layer.fold().count_params()
    )


@pytest.mark.parametrize("condition", CONDITIONS)
def test_padding_never_matters(condition):
    checks.check_backbone_padding(Apg(**ARGUMENTS, condition=condition))
    batch = make_scenario_batch(2)
    layer = built(2, condition=condition)
    check_padding_never_matters(layer, batch, "vectors", batch["candidates_mask"])


@pytest.mark.parametrize("condition", CONDITIONS)
def test_no_candidates_give_no_logits(condition):
    checks.check_no_candidates(Apg(**ARGUMENTS, condition=condition))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_candidate_does_not_depend_on_the_others(condition):
    layer, batch = built(2, condition=condition), make_scenario_batch(2)
    alone = {
        **batch,
        "vectors": batch["vectors"][:, :1],
        "candidates_mask": batch["candidates_mask"][:, :1],
    }
    expected = np.asarray(layer(*batch.values()))[:, :1]
    np.testing.assert_allclose(layer(*alone.values()), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("condition", ["group", "mix"])
def test_unknown_scenario_has_the_mean_embedding(condition):
    layer, batch = built(3, condition=condition), make_scenario_batch(3)
    batch["scenario"][:] = 1 / 3
    unknown = layer(*batch.values())
    (embeddings,) = layer.scenario_embedding.get_weights()
    layer.scenario_embedding.set_weights([np.tile(embeddings.mean(0), (3, 1))])
    batch["scenario"] = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1]]
    np.testing.assert_allclose(layer(*batch.values()), unknown, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("changed", ["scenario", "context"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_is_known_of_the_session_counts_unless_the_condition_is_self(condition, changed):
    layer, batch = built(2, condition=condition), make_scenario_batch(2)
    other = {**batch, changed: np.roll(batch[changed], -1, axis=0)}
    difference = np.abs(np.asarray(layer(*batch.values())) - np.asarray(layer(*other.values())))
    if condition == "self":
        assert difference.max() == 0
    else:
        assert difference[0].max() > 1e-3


@pytest.mark.parametrize("condition", ["group", "mix"])
@pytest.mark.parametrize("scenario", [0, 2])
def test_a_session_teaches_its_own_embedding_only(condition, scenario):
    layer = Apg(**ARGUMENTS, condition=condition)
    gradients = checks.gradients_of_scenario(layer, 3, scenario)
    checks.check_own_scenario_only(gradients, ("scenario_embedding/",), 3, scenario)
    assert all(np.any(array) for array in gradients.values())


def test_checkpoint_holds_every_weight(tmp_path):
    checks.check_checkpoint(lambda: Apg(**ARGUMENTS), tmp_path)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_count_of_weights(condition):
    expected, known = checks.count_mlp(7, 2), 2 + CONTEXT
    for size_in, size_out in ((D, 13), (13, 7)):
        z = {"group": known, "mix": known + D, "self": size_in}[condition]
        expected += size_in * 5 + 2 * 5 * 3 + 5 * size_out + (z + 1) * 9 + size_out
    embedding = 0 if condition == "self" else 4 * 2
    assert built(4, condition=condition).count_params() == expected + embedding


def test_settings_become_the_layer():
    settings = ApgSettings(
        backbone_hidden_sizes=(7, 5),
        apg_condition="mix",
        apg_rank=3,
        apg_inner_size=4,
        apg_scenario_size=11,
    )
    layer = make_apg(settings, 2, "backbone")
    assert (layer.name, layer.num_tasks, layer.hidden_sizes) == ("backbone", 2, (7, 5))
    assert (layer.condition, layer.rank, layer.inner_size) == ("mix", 3, 4)
    assert layer.scenario_size == 11


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"apg_condition": "all"}, r"`apg_condition` must be one of.*'all'"),
        ({"apg_rank": 0}, r"`apg_rank` must be at least 1.*=0"),
        ({"apg_inner_size": 7}, r"`apg_inner_size` must be at least `apg_rank`, 8.*=7"),
        ({"apg_scenario_size": 0}, r"`apg_scenario_size` must be at least 1.*=0"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        ApgSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tasks": 0}, r"`num_tasks` must be.*=0"),
        ({"hidden_sizes": (0,)}, r"`hidden_sizes` must hold.*\(0,\)"),
        ({"condition": "all"}, r"`condition` must be one of.*'all'"),
        ({"rank": 0}, r"`rank` must be.*=0"),
        ({"inner_size": 2}, r"`inner_size` must be at least `rank`.*=2, rank=3"),
        ({"scenario_size": 0}, r"`scenario_size` must be.*=0"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Apg(**{**ARGUMENTS, **changes})


def _small(batch):
    """With half the vectors: in the powers of them that conditions make, rounding grows."""
    return {**batch, "vectors": batch["vectors"] / 2}
