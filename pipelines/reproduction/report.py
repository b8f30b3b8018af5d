"""The report of a reproduction: Markdown, HTML and JSON from the same numbers."""

import dataclasses
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.reproduction.claim_tables import claims_table, judged_yardsticks, yardsticks_table
from pipelines.reproduction.claims import JudgedClaim, judged_claims
from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.html_page import html_page
from pipelines.reproduction.markdown_page import markdown
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.metric_tables import (
    ablation_table,
    amazon_table,
    gains_table,
    metrics_table,
)
from pipelines.reproduction.page import Block, Code, Page, Section, Text
from pipelines.reproduction.paper_numbers import FULL
from pipelines.reproduction.references import references
from pipelines.reproduction.report_figures import (
    expert_section,
    gate_section,
    sweep_section,
)
from pipelines.reproduction.report_words import (
    AMAZON_WORDS,
    CLAIMS_WORDS,
    TABLE_WORDS,
    YARDSTICKS_WORDS,
    lead,
)
from pipelines.reproduction.run_facts import RunFacts, run_facts, runs_table, typed, usual_settings
from ranking.training.metrics_file import write_metrics


@dataclasses.dataclass(frozen=True)
class ReportRequest:
    """What a report says that its runs do not.

    Attributes:
        folder: Where its files go.
        name: What they are called, without ending: paper and data.
        data_name: What the data are called.
        command: What makes it again.
        missing: Runs that were asked for and are not there.
        train_sessions: Sessions of the train split, if they are known.
    """

    folder: Path
    name: str
    data_name: str
    command: str
    missing: Sequence[str] = ()
    train_sessions: int | None = None

    def path(self, ending: str) -> Path:
        """The file with that ending."""
        return self.folder / f"{self.name}{ending}"


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
    sections.append(_runs_section(request, systems, facts))
    page = Page(
        f"AW-MoE on {request.data_name}" + (" (simulated data)" if systems.simulated else ""),
        lead(
            request.data_name,
            measurements,
            claims,
            missing=request.missing,
            train_sessions=request.train_sessions,
        ),
        sections,
    )
    numbers = _document(request, measurements, facts, claims, yardsticks)
    numbers |= {name: figure.numbers for name, figure in figures.items() if figure is not None}
    write_metrics(request.path(".json"), numbers)
    _write(request.path(".md"), markdown(page))
    _write(request.path(".html"), html_page(page))
    return [request.path(ending) for ending in (".md", ".html", ".json")]


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


def _runs_section(
    request: ReportRequest, systems: EvaluatedSystems, facts: Sequence[RunFacts]
) -> Section:
    settings = [f"{name}={typed(value)}" for name, value in usual_settings(systems).items()]
    versions = sorted({f"{name} {each}" for fact in facts for name, each in fact.versions.items()})
    blocks: list[Block] = [
        runs_table(systems, facts),
        Text("Settings, where the table names no other:"),
        Code(textwrap.fill("  ".join(settings), 96, break_long_words=False)),
        Text(f"Trained with {', '.join(versions)}. To make this report again:"),
        Code(request.command),
    ]
    return Section("Runs", blocks)


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
        "missing": list(request.missing),
        "claims": [claim.document() for claim in claims],
        "yardsticks": [claim.document() for claim in yardsticks],
        **measurements.document(),
    }


def _write(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
