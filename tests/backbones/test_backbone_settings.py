import pytest

from ranking.backbones.backbone_settings import BackboneSettings, TowerSettings, split_hidden_sizes
from ranking.settings_parser import SettingsError


@pytest.mark.parametrize(
    ("layers", "expected"),
    [(0, ((7, 5, 3), ())), (1, ((7, 5), (3,))), (2, ((7,), (5, 3)))],
)
def test_the_last_layers_are_the_towers(layers, expected):
    assert split_hidden_sizes(TowerSettings((7, 5, 3), tower_layers=layers)) == expected


def test_the_settings_of_a_backbone_that_is_not_chosen_need_not_fit():
    settings = TowerSettings((7,), tower_layers=2)
    with pytest.raises(SettingsError, match=r"`tower_layers` must be below .* is 1\. .*=2"):
        split_hidden_sizes(settings)


def test_bad_settings_are_refused():
    with pytest.raises(SettingsError, match=r"`backbone_hidden_sizes` must be one size or more"):
        BackboneSettings(())
    with pytest.raises(SettingsError, match=r"`backbone_hidden_sizes` must be at least 1"):
        BackboneSettings((7, 0))
    with pytest.raises(SettingsError, match=r"`tower_layers` must be at least 0\. .*=-1"):
        TowerSettings(tower_layers=-1)
