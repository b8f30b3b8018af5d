"""Every setting of every model changes what the model computes; for those of `aw_moe` alone see
`test_every_setting_of_aw_moe.py`, for models of several scenarios `test_every_setting_of_usr.py`.
"""

import dataclasses

import pytest

from ranking.models.catalog import MODELS
from tests.helpers.setting_cases import (
    CASES,
    case_fingerprint,
    check_changes_something,
    declared_settings,
    settings_of,
)


@pytest.mark.parametrize("model", MODELS)
def test_every_setting_has_a_case(model):
    declared = declared_settings(model)
    assert set(declared) == {f.name for f in dataclasses.fields(MODELS[model].settings_class)}
    missing = {name for name, kind in declared.items() if name not in CASES.get(kind, {})}
    assert not missing, f"tests/helpers/setting_cases.py lacks a case for {missing}"


def test_no_case_is_left_over():
    known = {(kind, name) for kind, cases in CASES.items() for name in cases}
    assert known == {(kind, name) for _, kind, name in settings_of(*MODELS)}


@pytest.mark.parametrize("model", MODELS)
def test_equal_settings_compute_the_same(model):
    first = case_fingerprint(model, "hierarchy", ())
    assert first == case_fingerprint.__wrapped__(model, "hierarchy", ())


@pytest.mark.slow
@pytest.mark.parametrize(("model", "kind", "name"), settings_of("dnn", "din", "category_moe"))
def test_every_setting_changes_something(model, kind, name):
    check_changes_something(model, kind, name)
