"""The report of a reproduction: Markdown, HTML and JSON from the same numbers."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.reproduction.claim_tables import claims_table, judged_yardsticks, yardsticks_table
from pipelines.reproduction.claims import JudgedClaim, judged_claims
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.metric_tables import (
    ablation_table,
    amazon_table,
    gains_table,
    metrics_table,
)
from pipelines.reproduction.page import Block, Page, Section, Text
from pipelines.reproduction.paper_numbers import FULL
from pipelines.reproduction.references import references
from pipelines.reproduction.report_figures import (
    expert_section,
    gate_section,
    sweep_section,
)
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.report_words import (
    AMAZON_WORDS,
    CLAIMS_WORDS,
    TABLE_WORDS,
    YARDSTICKS_WORDS,
    lead,
)
from pipelines.reproduction.run_facts import RunFacts, run_facts
from pipelines.reproduction.runs_section import runs_section
from pipelines.reproduction.systems import CENTER
from pipelines.reproduction.written_page import write_page


def write_report(request: ReportRequest, measurements: Measurements) -> list[Path]:
    """Writes `<name>.md`, `.html` and `.json`, and pictures -> the first three."""
    request.folder.mkdir(parents=True, exist_ok=True)
    systems = measurements.systems
    facts = [run_facts(run) for run in systems.all_runs]
    claims, yardsticks = judged_claims(measurements), judged_yardsticks(measurements)
    figures = {
        "gate": gate_section(measurements, request.path("-gates.png")),
        "sweeps": sweep_section(measurements, request.path("-sweeps.png")),
        "expert_use": expert_section(measurements, request.path("-experts.png")),
    }
    sections = [
        Section("Claims", [Text(CLAIMS_WORDS), claims_table(claims)]),
        *_table_sections(measurements),
    ]
    if yardsticks:
        rivals: list[Block] = [Text(YARDSTICKS_WORDS), yardsticks_table(yardsticks)]
        sections.append(Section("Against the yardsticks", rivals))
    sections += [figure.section for figure in figures.values() if figure is not None]
    sections.append(runs_section(systems, facts, CENTER, request))
    page = Page(
        f"AW-MoE on {request.data_name}" + (" (simulated data)" if systems.simulated else ""),
        lead(
            request.data_name,
            measurements,
            claims,
            missing=request.missing,
            origin=request.origin,
        ),
        sections,
    )
    numbers = _document(request, measurements, facts, claims, yardsticks)
    numbers |= {name: figure.numbers for name, figure in figures.items() if figure is not None}
    return write_page(request, page, numbers)


def _table_sections(measurements: Measurements) -> list[Section]:
    """Tables II to VI, as far as there are runs for them."""
    runs, task = measurements.systems.all_runs, measurements.systems.sessions.task
    sections = []
    for test_set in measurements.test_sets.values():
        known = references(runs, task, test_set.segment) if test_set.segment else {}
        title = f"Table {test_set.table}: {test_set.title}"
        words = TABLE_WORDS if test_set.key == FULL else "Read it as Table II."
        blocks: list[Block] = [Text(f"{len(test_set):,} sessions. {words}")]
        blocks.append(metrics_table(measurements, test_set.key, known))
        gains = gains_table(measurements, test_set.key)
        sections.append(Section(title, [*blocks, gains] if gains.rows else blocks))
    everywhere = references(runs, task)
    amazon = amazon_table(measurements, everywhere)
    sections.append(Section("Table V: one negative", [Text(AMAZON_WORDS), amazon]))
    ablation = ablation_table(measurements)
    if len(ablation.rows) > 1:
        sections.append(Section("Table VI: the gate's units", [ablation]))
    return sections


def _document(
    request: ReportRequest,
    measurements: Measurements,
    facts: Sequence[RunFacts],
    claims: Sequence[JudgedClaim],
    yardsticks: Sequence[JudgedClaim],
) -> dict[str, Any]:
    systems = measurements.systems
    return {
        "data": request.data_name,
        "simulated": systems.simulated,
        "task": systems.sessions.task,
        "test_sets": {
            key: {"title": each.title, "sessions": len(each)}
            for key, each in measurements.test_sets.items()
        },
        "runs": [dataclasses.asdict(fact) for fact in facts],
        "settings": {
            system: next(iter(runs.values())).settings for system, runs in systems.runs.items()
        },
        "origin": request.origin and request.origin.document(),
        "missing": list(request.missing),
        "claims": [claim.document() for claim in claims],
        "yardsticks": [claim.document() for claim in yardsticks],
        **measurements.document(),
    }
