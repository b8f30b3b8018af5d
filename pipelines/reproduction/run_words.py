"""What every report says in words about its data and its runs."""

from collections.abc import Sequence

import numpy as np

from pipelines.reproduction.data_origin import DataOrigin
from pipelines.reproduction.evaluated_systems import EvaluatedSystems


def data_words(data_name: str, systems: EvaluatedSystems, origin: DataOrigin | None) -> str:
    """What was tested on, and how much was trained on where that is known."""
    sessions = systems.sessions
    kind = "simulated sessions" if systems.simulated else "sessions"
    users = "" if sessions.users is None else f" by {len(np.unique(sessions.users)):,} users"
    tasks = f"task{'s' * (len(sessions.tasks) > 1)} " + ", ".join(f"`{t}`" for t in sessions.tasks)
    trained = ""
    if origin is not None:
        trained = f" Models were trained on {origin.train_sessions:,} sessions."
    return (
        f"**Data:** {data_name}, {len(sessions):,} {kind} of the test split{users}, "
        f"{sessions.lengths.mean():.1f} candidates each; {tasks}.{trained}"
    )


def run_words(systems: EvaluatedSystems) -> str:
    """How many runs there are of how many systems."""
    numbers = {len(runs) for runs in systems.runs.values()}
    low, high = min(numbers), max(numbers)
    seeds = "1 seed" if high == 1 else f"{high} seeds"
    each = f"{seeds} each" if low == high else f"{low} to {seeds} each"
    return f"**Runs:** {len(systems.all_runs)} of {len(systems.runs)} systems, {each}."


def absence_words(systems: EvaluatedSystems, missing: Sequence[str], sweep: str) -> list[str]:
    """What a reader must know: that data are simulated, and which runs are not there.

    Args:
        systems: The runs that are there.
        missing: Names of those that are not.
        sweep: What points are for.
    """
    words = []
    if systems.simulated:
        words.append(
            "**The sessions are simulated.** They show that the code works and how large a "
            "difference such a sample can show; they say nothing about real users."
        )
    if systems.unevaluated:
        names = ", ".join(path.name for path in systems.unevaluated)
        words.append(
            f"**Not evaluated:** {names}. `python -m pipelines.evaluate --run=<run>` does it."
        )
    if missing:
        words.append(f"**Missing:** {_grouped(missing, systems, sweep)}.")
    return words


def _grouped(runs: Sequence[str], systems: EvaluatedSystems, sweep: str) -> str:
    """Runs by system: `din-seed1`, `din-seed2` -> `din` (seeds 1, 2)."""
    seeds: dict[str, list[str]] = {}
    for run in runs:
        system, _, seed = run.rpartition("-seed")
        seeds.setdefault(system, []).append(seed)
    points = [system for system in seeds if systems.definitions[system].is_point]
    words = [
        f"`{system}` (seed{'s' * (len(each) > 1)} {', '.join(each)})"
        for system, each in seeds.items()
        if system not in points
    ]
    if points:
        words.append(f"runs of {len(points)} point{'s' * (len(points) > 1)} of {sweep}")
    return ", ".join(words)
