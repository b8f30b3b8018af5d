"""Names of variables that do not depend on what else a process has built."""

import pytest

from ranking.models.catalog import MODELS, build
from ranking.training.variable_names import variable_names
from tests.helpers.model_spec import search_spec


@pytest.mark.parametrize("model", ["dnn", "aw_moe"])
def test_a_network_built_again_has_the_same_names(model: str) -> None:
    spec, settings = search_spec(), MODELS[model].settings_class()
    paths = [
        [variable.path for variable in build(model, spec, settings).training.variables]
        for _ in range(2)
    ]
    assert paths[0] != paths[1]
    names = variable_names(paths[0])
    assert names == variable_names(paths[1])
    assert len(set(names)) == len(names)


def test_numbers_count_within_a_parent() -> None:
    paths = ["a/dense_3/kernel", "a/dense_9/kernel", "b/dense_9/kernel", "a/dense_3/bias"]
    assert variable_names(paths) == [
        "a/dense/kernel",
        "a/dense#1/kernel",
        "b/dense/kernel",
        "a/dense/bias",
    ]
