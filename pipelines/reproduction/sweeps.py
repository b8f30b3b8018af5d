"""The points of Figure 8 that there are runs of."""

from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.systems import CENTER, SWEPT, swept_system


def swept_points(setting: str, systems: EvaluatedSystems) -> dict[float, str]:
    """Maps a swept setting to the system of each of its values, ascending.

    The center stands for the value it has.
    """
    points = {
        float(value): swept_system(setting, value).name
        for value in SWEPT[setting]
        if swept_system(setting, value).name in systems.runs
    }
    if CENTER in systems.runs:
        center = next(iter(systems.runs[CENTER].values()))
        points[float(center.settings[setting])] = CENTER
    return dict(sorted(points.items()))
