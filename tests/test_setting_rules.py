import dataclasses
from typing import Literal

import pytest

from ranking.setting_rules import require, require_choices, require_sizes
from ranking.settings_parser import SettingsError


@dataclasses.dataclass(frozen=True)
class Settings:
    size: int = 3
    sizes: tuple[int, ...] = (5, 7)
    pool: Literal["sum", "mean"] = "sum"


def test_what_holds_passes():
    require(True, "size", "anything", 3)
    require_choices(Settings())
    require_sizes(Settings(), "size", "sizes")
    require_sizes(Settings(sizes=()), "sizes")


def test_what_does_not_hold_is_named_with_its_rule_and_value():
    with pytest.raises(SettingsError, match=r"^Setting `size` must be even. Received: size=3$"):
        require(False, "size", "even", 3)
    with pytest.raises(SettingsError, match="`pool` must be one of sum, mean. .* pool='max'"):
        require_choices(Settings(pool="max"))
    with pytest.raises(SettingsError, match=r"`sizes` must be at least 1. .* sizes=\(5, 0\)"):
        require_sizes(Settings(sizes=(5, 0)), "size", "sizes")
