"""What every scenario's view is told (equation 2): the tensor that the layers get, row by row."""

import dataclasses

import keras
import numpy as np
import pytest

from ranking.models.usr_settings import UsrSettings
from tests.helpers.model_spec import encoded_batch, inputs_of, scenario_spec, with_garbage
from tests.helpers.network_checks import small_networks
from tests.helpers.usr_oracle import UsrOracle

SMALL = {
    "embedding_size": 6,
    "sequence_heads": 3,
    "feature_size": 5,
    "generator_hidden_sizes": (7,),
    "backbone_hidden_sizes": (7, 5, 3),
    "main_hidden_sizes": (5, 3),
    "backbone": "shared_bottom",
}
READERS = ("interest_extractor", "feature_generator")


class _Rows:
    """Every part of the trigger, for one session, candidate and scenario.

    Args:
        spec: The spec of the batch.
        networks: The model.
        batch: An encoded batch.
    """

    def __init__(self, spec, networks, batch):
        self.oracle = UsrOracle(spec, networks, batch)
        self.views = self.oracle.layers["scenario.views"]

    def view(self, session, candidate, scenario):
        """That of the slot's scenario, whatever scenario the session is of."""
        embedding = np.asarray(self.views.embeddings)[scenario]
        kernel, bias = map(np.asarray, self.views.dense.get_weights())
        return embedding @ kernel + bias

    def query(self, session, candidate, scenario):
        return self.oracle.query(session)

    def item(self, session, candidate, scenario):
        return self.oracle.item(session, candidate)

    def scenario_features(self, session, candidate, scenario):
        return self.oracle.features(session, candidate, agnostic=False)


def _spec_of(*scenarios):
    """The spec with these scenarios in the place of its own."""
    spec = scenario_spec()
    grade = dataclasses.replace(spec.tables["grade"], dtype="string", values=scenarios)
    session = tuple(
        dataclasses.replace(field, dtype="string") if field.name == "grade" else field
        for field in spec.session
    )
    return dataclasses.replace(spec, tables={**spec.tables, "grade": grade}, session=session)


def _check(spec, trigger, parts_of):
    """Compares what both layers get with a loop over the parts of each scenario."""
    batch = encoded_batch(spec, sessions=11)
    networks = small_networks("usr", spec, UsrSettings(**SMALL, trigger=trigger))
    training = networks.training
    found = {name: training.get_layer(name).input[1] for name in READERS}
    found = keras.Model(training.inputs, found)(inputs_of(training, with_garbage(spec, batch)))
    rows = _Rows(spec, networks, batch)
    for b, length in enumerate(batch["candidates_length"]):
        for c in range(length):
            for k, parts in enumerate(parts_of):
                expected = np.concatenate([getattr(rows, part)(b, c, k) for part in parts])
                for name in READERS:
                    np.testing.assert_allclose(found[name][b, c, k], expected, 1e-4, 1e-5)
    assert all(value.shape[2] == len(parts_of) for value in found.values())


@pytest.mark.parametrize(
    "trigger",
    [
        ("view", "query", "item"),
        ("view", "scenario_features"),
        ("scenario_features", "item", "view"),
    ],
    ids=str,
)
def test_each_view_is_told_its_own_scenario_and_the_parts_that_were_chosen(trigger):
    _check(scenario_spec(), trigger, [trigger] * 3)


@pytest.mark.parametrize(
    "scenarios",
    [("search", "recommendation"), ("recommendation", "Image Search", "search")],
    ids=str,
)
def test_split_tells_the_query_to_search_and_the_item_to_others(scenarios):
    second = {"recommendation": "item", "search": "query", "Image Search": "query"}
    _check(_spec_of(*scenarios), ("split",), [("view", second[name]) for name in scenarios])


def test_split_needs_a_query():
    spec = _spec_of("search", "recommendation")
    spec = dataclasses.replace(spec, roles=dataclasses.replace(spec.roles, query=()))
    with pytest.raises(ValueError, match="`trigger` must be some parts rather than split, because"):
        small_networks("usr", spec, UsrSettings(**SMALL, trigger=("split",)))
