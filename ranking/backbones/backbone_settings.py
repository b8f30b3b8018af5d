"""Settings that backbones share."""

import dataclasses

from ranking.setting_rules import require, require_sizes


@dataclasses.dataclass(frozen=True)
class BackboneSettings:
    """Settings of every backbone.

    Attributes:
        backbone_hidden_sizes: Hidden widths from what the backbone reads to its logits, however
            it divides them among its parts.
    """

    backbone_hidden_sizes: tuple[int, ...] = (128, 64, 32)

    def __post_init__(self) -> None:
        sizes = self.backbone_hidden_sizes
        require_sizes(self, "backbone_hidden_sizes")
        require(len(sizes) > 0, "backbone_hidden_sizes", "one size or more", sizes)


@dataclasses.dataclass(frozen=True)
class TowerSettings(BackboneSettings):
    """Settings of backbones whose last layers belong to one scenario and task each.

    Attributes:
        tower_layers: How many of the last hidden layers belong to the tower of a scenario and
            task; 0 leaves a tower only its logit. The layers before are the bottom's or the
            experts'.
    """

    tower_layers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.tower_layers >= 0, "tower_layers", "at least 0", self.tower_layers)


def split_hidden_sizes(settings: TowerSettings) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The hidden sizes before the towers, and those of the towers.

    This is no check of the settings themselves: a model that chooses among backbones has the
    settings of all, and only those of the chosen one must fit together.

    Raises:
        SettingsError: If the towers leave no hidden layer to the rest.

    Example:
    >>> split_hidden_sizes(TowerSettings((128, 64, 32), tower_layers=1))
    ((128, 64), (32,))
    """
    sizes, layers = settings.backbone_hidden_sizes, settings.tower_layers
    require(
        layers < len(sizes),
        "tower_layers",
        f"below the number of `backbone_hidden_sizes`, which is {len(sizes)}",
        layers,
    )
    bottom = len(sizes) - layers
    return sizes[:bottom], sizes[bottom:]
