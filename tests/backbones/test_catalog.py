"""All backbones behind one call, and what is told of them."""

import dataclasses

import keras
import numpy as np
import pytest

from ranking.backbones.catalog import BACKBONES, BackboneInput, backbone_logits

B, C, T, D, S = 5, 3, 7, 11, 2


@pytest.fixture(scope="module")
def read():
    generator = np.random.default_rng(5)

    def normal(*shape):
        return keras.ops.convert_to_tensor(generator.normal(size=shape).astype("float32"))

    return BackboneInput(
        vectors=normal(B, C, D),
        scenario=keras.ops.one_hot(np.arange(B) % S, S),
        candidates_mask=keras.ops.ones((B, C), "bool"),
        context=normal(B, 3),
        behaviors=normal(B, T, 4),
        behaviors_mask=keras.ops.ones((B, T), "bool"),
        query=normal(B, 4),
    )


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_logits_of_its_own_for_each_task(name, read):
    entry = BACKBONES[name]
    logits = backbone_logits(name, read, entry.settings_class(), 2, "backbone")
    found = keras.ops.convert_to_numpy(logits)
    assert found.shape == (B, C, 2)
    assert np.isfinite(found).all()
    assert not np.allclose(found[..., 0], found[..., 1])
    assert entry.summary


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_does_without_context_and_query(name, read):
    read = dataclasses.replace(read, context=None, query=None)
    settings = BACKBONES[name].settings_class()
    assert backbone_logits(name, read, settings, 1, "backbone").shape == (B, C, 1)


@pytest.mark.parametrize("name", BACKBONES)
def test_settings_are_called_after_their_backbone(name):
    shared = {"backbone_hidden_sizes", "tower_layers"}
    names = {field.name for field in dataclasses.fields(BACKBONES[name].settings_class)}
    assert all(setting.startswith(f"{name}_") for setting in names - shared)
