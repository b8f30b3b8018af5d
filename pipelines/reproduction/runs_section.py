"""The last section of every report: the runs, their settings, their data, and how to repeat it."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.reproduction.data_origin import DataOrigin
from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.page import Block, Code, Section, Text
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.run_facts import RunFacts, runs_table, typed, usual_settings


def runs_section(
    systems: EvaluatedSystems, facts: Sequence[RunFacts], center: str, request: ReportRequest
) -> Section:
    """The runs with their settings, what the `center` system has too told once, and their data."""
    versions = sorted({f"{name} {each}" for fact in facts for name, each in fact.versions.items()})
    blocks: list[Block] = [
        runs_table(systems, facts, center),
        Text("Settings, where the table names no other:"),
        _listed(usual_settings(systems, center)),
        *_data_blocks(request.origin),
        Text(f"Trained with {', '.join(versions)}. To make this report again:"),
        Code(request.command),
    ]
    return Section("Runs", blocks)


def _data_blocks(origin: DataOrigin | None) -> list[Block]:
    if origin is None:
        return []
    told = f"Data, of each history the newest {origin.behaviors} behaviors:"
    return [Text(told), _listed(origin.source)]


def _listed(values: Mapping[str, Any]) -> Code:
    words = [f"{name}={typed(value)}" for name, value in values.items()]
    return Code(textwrap.fill("  ".join(words), 96, break_long_words=False))
