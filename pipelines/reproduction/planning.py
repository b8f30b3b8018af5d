"""From flags to the runs of a reproduction."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.reproduction.planned_run import PlannedRun
from pipelines.reproduction.system_settings import split_settings, system_overrides
from pipelines.reproduction.systems import TRAIN, System, systems_of


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is asked of a reproduction.

    Attributes:
        data: Folder of prepared data.
        out: Folder of the reproduction.
        parts: Which tables and figures it is for.
        seeds: Runs of each system.
        sweep_seeds: Runs of each point of Figure 8.
        settings: As typed, `name=value` or `system:name=value`.
        preset: Training settings to start from.
        max_steps: Stops every training of the catalog's models early, for a trial.
    """

    data: Path
    out: Path
    parts: Sequence[str]
    seeds: int = 3
    sweep_seeds: int = 1
    settings: Sequence[str] = ()
    preset: str = "fast"
    max_steps: int | None = None


def planned_runs(plan: Plan) -> list[PlannedRun]:
    """Maps what is asked to the runs it takes, the first seed of every system first.

    A sweep's value that the center has already is not trained apart.

    Raises:
        ValueError: If a setting or its system does not exist, or does not take the value.
    """
    systems = systems_of(plan.parts)
    overrides = system_overrides(systems, split_settings(plan.settings), plan.preset)
    return [
        PlannedRun(
            system=system,
            seed=seed,
            overrides=overrides[system.name],
            preset=plan.preset,
            data=plan.data,
            out=plan.out,
            max_steps=plan.max_steps if system.program == TRAIN else None,
        )
        for seed in range(1, max(plan.seeds, plan.sweep_seeds) + 1)
        for system in systems
        if system.name in overrides and seed <= _seeds(system, plan)
    ]


def _seeds(system: System, plan: Plan) -> int:
    needed: Mapping[str, int] = {
        part: plan.sweep_seeds if part == "sweeps" else plan.seeds for part in plan.parts
    }
    return max(needed[part] for part in system.parts if part in needed)
