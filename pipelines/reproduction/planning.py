"""From flags to the runs of a reproduction."""

from collections.abc import Mapping

from pipelines.reproduction.paper import Paper
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.planned_run import PlannedRun
from pipelines.reproduction.run_files import finished_folders, sessions_file
from pipelines.reproduction.system import TRAIN, System
from pipelines.reproduction.system_settings import overrides_of, split_settings, system_overrides


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
        _planned(system, seed, overrides[system.name], plan)
        for seed in range(1, max(plan.seeds, plan.sweep_seeds) + 1)
        for system in systems
        if system.name in overrides and seed <= _seeds(system, paper, plan)
    ]


def reported_runs(paper: Paper, plan: Plan) -> list[PlannedRun]:
    """Maps what is asked to the runs that are there for a report, each as it would be asked for.

    A report is on all of them: of other parts than those asked for, and of more seeds.

    Raises:
        ValueError: If a setting or its system does not exist.
    """
    settings = split_settings(plan.settings, paper.systems)
    found = [
        _planned(system, seed, overrides_of(system, settings, paper.systems), plan)
        for name, seed in finished_folders(plan.runs, paper.systems)
        for system in [paper.systems[name]]
    ]
    return [run for run in found if _is_evaluated(run, plan)]


def _is_evaluated(run: PlannedRun, plan: Plan) -> bool:
    """Whether there is a file of its test sessions: of its own data, or of those that are given."""
    folders = (run.data, plan.data)
    return any(sessions_file(run.folder, folder.resolve().name) for folder in folders)


def _planned(system: System, seed: int, overrides: Mapping[str, str], plan: Plan) -> PlannedRun:
    return PlannedRun(
        system=system,
        seed=seed,
        overrides=overrides,
        preset=plan.preset,
        data=plan.data_of(system.variant),
        out=plan.out,
        max_steps=plan.max_steps if system.program == TRAIN else None,
    )


def _seeds(system: System, paper: Paper, plan: Plan) -> int:
    return max(
        plan.sweep_seeds if part in paper.swept_parts else plan.seeds
        for part in plan.parts
        if part in system.parts
    )
