"""Every setting that models of several scenarios alone have changes what they compute."""

import pytest

from ranking.models.catalog import MODELS
from tests.helpers.setting_cases import check_changes_something, settings_of

OTHERS = ("dnn", "din", "category_moe", "aw_moe")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "kind", "name"), settings_of(*(name for name in MODELS if name not in OTHERS))
)
def test_every_setting_changes_something(model, kind, name):
    check_changes_something(model, kind, name)
