"""The pictures of a report, with the numbers behind them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.reproduction.expert_use import SegmentUse, expert_use, expert_use_figure
from pipelines.reproduction.gate_figures import gate_map
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.number_words import number
from pipelines.reproduction.page import Block, Picture, Section, Table, Text
from pipelines.reproduction.paper_numbers import BEST, LONG_TAIL_1
from pipelines.reproduction.sweep_figures import sweep_figure
from pipelines.reproduction.sweeps import swept_points
from pipelines.reproduction.systems import CENTER, SWEPT
from ranking.training.session_file import SessionFile

_METRIC = "auc_at_10"
_MOST_SEGMENTS = 8


@dataclasses.dataclass(frozen=True)
class Figure:
    """A section with pictures, and its numbers for JSON."""

    section: Section
    numbers: Any


def gate_section(measurements: Measurements, path: Path) -> Figure | None:
    """Figure 7: the gates of the first run of AW-MoE & CL; `None` without one."""
    run = _center_sessions(measurements)
    if run is None:
        return None
    numbers = gate_map(run, path, simulated=measurements.systems.simulated)
    text = (
        "The gate's output of each session of the first run of AW-MoE & CL. Silhouettes, from −1 "
        "to 1 with 0 for no separation, are of the gates themselves: "
        f"all groups {number(numbers.silhouette, 2)}, "
        f"new against old users {number(numbers.silhouette_new_old, 2)}, "
        f"with against without target {number(numbers.silhouette_target, 2)}."
    )
    picture = Picture(path, "Gate outputs in two dimensions, colored by group of users")
    return Figure(
        Section("Figure 7: gate outputs by group of users", [Text(text), picture]),
        dataclasses.asdict(numbers),
    )


def sweep_section(measurements: Measurements, path: Path) -> Figure | None:
    """Figure 8: AUC@10 of the first long-tail users by the settings of contrastive learning."""
    panels: dict[str, dict[float, list[float]]] = {}
    for setting in SWEPT:
        points = swept_points(setting, measurements.systems)
        values = {value: _by_seed(measurements, system) for value, system in points.items()}
        values = {value: runs for value, runs in values.items() if runs}
        if len(values) > 1:
            panels[setting] = values
    if not panels:
        return None
    sweep_figure(
        panels,
        BEST,
        path,
        metric="AUC@10, long-tail users 1",
        simulated=measurements.systems.simulated,
    )
    text = (
        "One setting of contrastive learning is varied at a time, around AW-MoE & CL. The paper's "
        "figure peaks at the shaded values; the claims above say whether these runs do."
    )
    picture = Picture(path, "AUC@10 of long-tail users by three settings of contrastive learning")
    table = _sweep_table(panels)
    return Figure(
        Section("Figure 8: settings of contrastive learning", [Text(text), picture, table]), panels
    )


def expert_section(measurements: Measurements, path: Path) -> Figure | None:
    """Which experts the segments use, in the first run of AW-MoE & CL."""
    run = _center_sessions(measurements)
    if run is None:
        return None
    uses = expert_use(run)
    expert_use_figure(uses, path, simulated=measurements.systems.simulated)
    text = (
        "The gates of the first run of AW-MoE & CL. Entropies are of the shares |g| / sum |g|, in "
        "units of log K: 0 is one expert alone, 1 all alike. An expert is dead where its mean "
        "share is below 1 %."
    )
    picture = Picture(path, "Mean activation of each expert by segment")
    blocks: list[Block] = [Text(text), picture, _use_table(uses)]
    numbers = [
        {
            "dimension": use.dimension,
            "segment": use.segment,
            **{
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in vars(use.usage).items()
            },
        }
        for use in uses
    ]
    return Figure(Section("Use of experts", blocks), numbers)


def _center_sessions(measurements: Measurements) -> SessionFile | None:
    runs = measurements.systems.runs.get(CENTER)
    if not runs:
        return None
    sessions = SessionFile(next(iter(runs.values())).sessions_path)
    return sessions if "gate" in sessions else None


def _by_seed(measurements: Measurements, system: str) -> list[float]:
    chosen = measurements.test_sets[LONG_TAIL_1].sessions
    values = [run.metrics[_METRIC][chosen] for run in measurements.systems.runs[system].values()]
    return [float(np.nanmean(each)) for each in values if not np.isnan(each).all()]


def _sweep_table(panels: dict[str, dict[float, list[float]]]) -> Table:
    rows = [
        [f"`{setting}`", f"{value:g}", number(float(np.mean(runs))), str(len(runs))]
        for setting, points in panels.items()
        for value, runs in points.items()
    ]
    return Table(["Setting", "Value", "AUC@10, long-tail users 1", "Seeds"], rows)


def _use_table(uses: Sequence[SegmentUse]) -> Table:
    rows = []
    for dimension in dict.fromkeys(use.dimension for use in uses):
        own = [use for use in uses if use.dimension == dimension]
        largest = sorted(own, key=lambda use: -use.usage.sessions)[:_MOST_SEGMENTS]
        rows += [_use_row(use) for use in own if use in largest]
    header = ["Sessions of", "Sessions", "Mean activation of experts"]
    return Table([*header, "Entropy of a session", "Entropy of all", "Dead experts"], rows)


def _use_row(use: SegmentUse) -> list[str]:
    usage = use.usage
    name = use.segment if use.segment == use.dimension else f"{use.dimension} {use.segment}"
    dead = [str(k + 1) for k in np.flatnonzero(usage.dead_on_average)]
    return [
        name,
        f"{usage.sessions:,}",
        ", ".join(number(float(value), 2) for value in usage.mean),
        number(usage.session_entropy, 2),
        number(usage.entropy, 2),
        ", ".join(dead) or "none",
    ]
