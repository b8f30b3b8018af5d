"""The report on USR: Markdown, HTML and JSON from the same numbers."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.reproduction.evaluated_systems import EvaluatedSystems, read_evaluated
from pipelines.reproduction.page import Block, Page, Section, Text
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.report_figures import Figure
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.run_facts import RunFacts, run_facts
from pipelines.reproduction.runs_section import runs_section
from pipelines.reproduction.written_page import write_page
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.data_facts import DataFacts, data_facts
from pipelines.usr_reproduction.judged_gains import JudgedGain, backbones_ahead, judged_gains
from pipelines.usr_reproduction.stress_curves import (
    corruption_curves,
    given_systems,
    read_variants,
    similarity_curves,
)
from pipelines.usr_reproduction.system_costs import CANDIDATES, cost_table, system_costs
from pipelines.usr_reproduction.table_one import auc_table, gains_table
from pipelines.usr_reproduction.usr_systems import CENTER, DIFFERENCE, NOISE, SYSTEMS
from pipelines.usr_reproduction.usr_words import (
    CORRUPTION_WORDS,
    COST_WORDS,
    GAIN_WORDS,
    SIMILARITY_WORDS,
    TABLE_WORDS,
    lead,
    verdict_counts,
)
from pipelines.usr_reproduction.variation_sections import (
    ablation_section,
    size_section,
    stress_section,
)
from pipelines.usr_reproduction.view_section import variance_section, view_section


def write_report(request: ReportRequest, plan: Plan, *, draws: int = 2000) -> list[Path]:
    """Writes `<name>.md`, `.html` and `.json`, and pictures -> the first three.

    Args:
        request: What the report says that its runs do not.
        plan: Where runs and data are.
        draws: How often users are redrawn.

    Raises:
        ValueError: If there is no run, or runs cannot be compared.
    """
    request.folder.mkdir(parents=True, exist_ok=True)
    definitions = {name: SYSTEMS[name] for name in given_systems()}
    given = AucMeasurements(read_evaluated(plan.runs, request.data_name, definitions), draws=draws)
    variants = {
        value: AucMeasurements(systems, draws=draws)
        for value, systems in read_variants(plan).items()
    }
    gains, facts = judged_gains(given), data_facts(plan.data)
    figures = _figures(request, plan, given, variants)
    every = _every_run(given, variants)
    runs = [run_facts(run) for run in every.all_runs]
    costs = system_costs(given.systems)
    sections = [
        Section("Gains", [Text(GAIN_WORDS), gains_table(gains)]),
        Section("Table 1", [Text(TABLE_WORDS), auc_table(given, gains)]),
        *_cost_sections(costs),
        *(figure.section for figure in figures.values()),
        runs_section(every, runs, CENTER, request),
    ]
    page = Page(
        f"USR on {request.data_name}" + (" (simulated data)" if every.simulated else ""),
        lead(request, every, gains, facts),
        sections,
    )
    numbers = _document(request, given, gains, facts, runs)
    numbers |= {name: figure.numbers for name, figure in figures.items()}
    numbers["costs"] = {name: dataclasses.asdict(cost) for name, cost in costs.items()}
    return write_page(request, page, numbers)


def _figures(
    request: ReportRequest,
    plan: Plan,
    given: AucMeasurements,
    variants: Mapping[float, AucMeasurements],
) -> dict[str, Figure]:
    """The figures that there are runs for."""
    path = request.path
    found = {
        "views": view_section(given.systems, plan.data, path("-views.png")),
        "variance": variance_section(given.systems, path("-variance.png")),
        "ablation": ablation_section(given, path("-ablation.png")),
        "sizes": size_section(given, path("-sizes.png")),
        "similarity": stress_section(
            similarity_curves(given, dict(variants), plan.data),
            given.cells,
            path("-similarity.png"),
            option=DIFFERENCE,
            title="Stress test: how much scenarios differ",
            words=SIMILARITY_WORDS,
        ),
        "corruption": stress_section(
            corruption_curves(given, plan.data),
            given.cells,
            path("-corruption.png"),
            option=NOISE,
            title="Stress test: wrong global labels",
            words=CORRUPTION_WORDS,
        ),
    }
    return {name: figure for name, figure in found.items() if figure is not None}


def _cost_sections(costs: Mapping[str, Any]) -> list[Section]:
    if not costs:
        return []
    behaviors = next(iter(costs.values())).behaviors
    words = COST_WORDS.format(behaviors=behaviors, candidates=CANDIDATES)
    blocks: list[Block] = [Text(words), cost_table(dict(costs))]
    return [Section("Size and operations", blocks)]


def _every_run(
    given: AucMeasurements, variants: Mapping[float, AucMeasurements]
) -> EvaluatedSystems:
    """The runs on all data, with the sessions of the given data."""
    runs = dict(given.systems.runs)
    unevaluated = list(given.systems.unevaluated)
    for measurements in variants.values():
        runs |= measurements.systems.runs
        unevaluated += measurements.systems.unevaluated
    return dataclasses.replace(
        given.systems,
        runs={name: runs[name] for name in SYSTEMS if name in runs},
        unevaluated=tuple(unevaluated),
        definitions=SYSTEMS,
    )


def _document(
    request: ReportRequest,
    given: AucMeasurements,
    gains: Sequence[JudgedGain],
    facts: DataFacts | None,
    runs: Sequence[RunFacts],
) -> dict[str, Any]:
    systems = given.systems
    return {
        "data": request.data_name,
        "simulated": systems.simulated,
        "facts": None if facts is None else facts.document(),
        "tasks": list(systems.sessions.tasks),
        "sessions": len(systems.sessions),
        "runs": [dataclasses.asdict(fact) for fact in runs],
        "settings": {
            system: next(iter(each.values())).settings for system, each in systems.runs.items()
        },
        "origin": request.origin and request.origin.document(),
        "missing": list(request.missing),
        "gains": [gain.document() for gain in gains],
        "verdicts": verdict_counts(gains),
        "ahead": backbones_ahead(gains, significantly=False),
        "ahead_significantly": backbones_ahead(gains, significantly=True),
        **given.document(),
    }
