"""What USR gains over Base while the data change."""

from pathlib import Path

from pipelines.reproduction.evaluated_systems import EvaluatedSystems, read_evaluated
from pipelines.reproduction.plan import Plan
from pipelines.usr_reproduction.auc_cells import AucCell
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.stress_data import own_value
from pipelines.usr_reproduction.usr_systems import (
    BASE,
    CENTER,
    DIFFERENCE,
    GLMT_ALONE,
    NOISE,
    STRESS_VALUES,
    SYSTEMS,
    point_name,
    variant_name,
)
from ranking.metrics.comparison import Comparison

Curves = dict[str, dict[float, dict[AucCell, Comparison]]]

COMPARED = {CENTER: "USR", GLMT_ALONE: "GLMT alone"}
"""System -> what curves call it."""


def given_systems() -> dict[str, str]:
    """The systems that are tested on the sessions of the given data.

    Noise changes global labels alone, which no test reads, so what was trained with it is here.
    """
    return {
        name: system.variant
        for name, system in SYSTEMS.items()
        if not system.variant or system.variant.startswith(NOISE)
    }


def read_variants(plan: Plan) -> dict[float, EvaluatedSystems]:
    """The runs on data whose scenarios differ otherwise, by how much they do."""
    found = {}
    for value in STRESS_VALUES[DIFFERENCE]:
        variant = variant_name(DIFFERENCE, value)
        definitions = {name: each for name, each in SYSTEMS.items() if each.variant == variant}
        if _any_run(plan.runs, list(definitions)):
            found[value] = read_evaluated(plan.runs, variant, definitions)
    return found


def similarity_curves(
    given: AucMeasurements, variants: dict[float, AucMeasurements], data: Path
) -> Curves:
    """Gains over Base by how much scenarios differ; the given data are one of the points."""
    curves: Curves = {title: {} for title in COMPARED.values()}
    for system, title in COMPARED.items():
        points = {
            value: _gains(
                measurements,
                point_name(BASE, DIFFERENCE, value),
                point_name(system, DIFFERENCE, value),
            )
            for value, measurements in variants.items()
        }
        own = own_value(data, DIFFERENCE)
        if own is not None:
            points[own] = _gains(given, BASE, system)
        curves[title] = {value: points[value] for value in sorted(points) if points[value]}
    return {title: points for title, points in curves.items() if len(points) > 1}


def corruption_curves(given: AucMeasurements, data: Path) -> Curves:
    """Gains over Base by the share of global labels that were replaced by coins."""
    curves: Curves = {}
    for system, title in COMPARED.items():
        values = {value: point_name(system, NOISE, value) for value in STRESS_VALUES[NOISE]}
        values[own_value(data, NOISE) or 0.0] = system
        points = {value: _gains(given, BASE, name) for value, name in sorted(values.items())}
        curves[title] = {value: gains for value, gains in points.items() if gains}
    return {title: points for title, points in curves.items() if len(points) > 1}


def _gains(measurements: AucMeasurements, base: str, other: str) -> dict[AucCell, Comparison]:
    found = {cell: measurements.compare(base, other, cell) for cell in measurements.cells}
    return {cell: comparison for cell, comparison in found.items() if comparison is not None}


def _any_run(folder: Path, systems: list[str]) -> bool:
    """Whether one of the systems has an evaluated run."""
    return any(
        (path / "metrics.json").is_file() and any(path.glob("sessions-*test.parquet"))
        for system in systems
        for path in folder.glob(f"{system}-seed*")
    )
