"""Parameters and operations of systems, so that a gain is not taken for size."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.number_words import number
from pipelines.reproduction.page import Table
from pipelines.usr_reproduction.usr_systems import BACKBONES, base_name, usr_name

if TYPE_CHECKING:
    from ranking.training.network_cost import NetworkCost

CANDIDATES = 10


def system_costs(systems: EvaluatedSystems) -> "dict[str, NetworkCost]":
    """Maps the systems of Table 1 that were run to what scoring with them takes.

    A run that holds no spec, as after a trial by hand, is left out.
    """
    names = [each(backbone) for backbone in BACKBONES for each in (base_name, usr_name)]
    folders = {
        name: next(iter(systems.runs[name].values())).folder
        for name in names
        if name in systems.runs
    }
    return {
        name: _cost(folder)
        for name, folder in folders.items()
        if (folder / "feature_spec.json").is_file()
    }


@functools.cache
def _cost(folder: Path) -> "NetworkCost":
    from ranking.features.encoder import Encoder
    from ranking.models.catalog import build
    from ranking.training.network_cost import network_cost
    from ranking.training.run_folder import open_run

    run = open_run(folder)
    return network_cost(
        build(run.model, run.spec, run.model_settings),
        Encoder(run.spec, run.vocabularies),
        behaviors=run.spec.behaviors_max_length,
        candidates=CANDIDATES,
    )


def cost_table(costs: "dict[str, NetworkCost]") -> Table:
    """One row for each backbone: its size by itself, with USR, and how many times that is."""
    rows = []
    for backbone, title in BACKBONES.items():
        found = [costs.get(each(backbone)) for each in (base_name, usr_name)]
        if any(found):
            parameters = [None if cost is None else cost.parameters / 1e3 for cost in found]
            operations = [None if cost is None else cost.operations / 1e3 for cost in found]
            rows.append([title, *_compared(*parameters), *_compared(*operations)])
    header = [f"{what}, {which}" for what in ("Parameters", "FLOPs") for which in ("Base", "USR")]
    return Table(["Backbone", *header[:2], "times", *header[2:], "times"], rows)


def _compared(base: float | None, usr: float | None) -> list[str]:
    times = usr / base if base and usr else None
    return [_thousands(base), _thousands(usr), number(times, 2)]


def _thousands(value: float | None) -> str:
    return number(None) if value is None else f"{value:,.0f} k"
