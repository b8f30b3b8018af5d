"""Every setting that `aw_moe` alone has changes what it computes."""

import pytest

from tests.helpers.setting_cases import check_changes_something, settings_of


@pytest.mark.slow
@pytest.mark.parametrize(("model", "kind", "name"), settings_of("aw_moe"))
def test_every_setting_changes_something(model, kind, name):
    check_changes_something(model, kind, name)
