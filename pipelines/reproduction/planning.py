"""From flags to the runs of a reproduction."""

from pipelines.reproduction.paper import Paper
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.planned_run import PlannedRun
from pipelines.reproduction.system import TRAIN, System
from pipelines.reproduction.system_settings import split_settings, system_overrides


def planned_runs(paper: Paper, plan: Plan) -> list[PlannedRun]:
    """Maps what is asked to the runs it takes, the first seed of every system first.

    A sweep's value that its base has already is not trained apart.

    Raises:
        ValueError: If a setting or its system does not exist, or does not take the value.
    """
    systems = [each for each in paper.systems_of(plan.parts) if paper.is_apart(each, plan.data)]
    settings = split_settings(plan.settings, paper.systems)
    overrides = system_overrides(systems, settings, plan.preset, paper.systems)
    return [
        PlannedRun(
            system=system,
            seed=seed,
            overrides=overrides[system.name],
            preset=plan.preset,
            data=plan.data_of(system.variant),
            out=plan.out,
            max_steps=plan.max_steps if system.program == TRAIN else None,
        )
        for seed in range(1, max(plan.seeds, plan.sweep_seeds) + 1)
        for system in systems
        if system.name in overrides and seed <= _seeds(system, paper, plan)
    ]


def _seeds(system: System, paper: Paper, plan: Plan) -> int:
    return max(
        plan.sweep_seeds if part in paper.swept_parts else plan.seeds
        for part in plan.parts
        if part in system.parts
    )
