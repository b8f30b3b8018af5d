"""The last section of every report: the runs, their settings, and how to make it again."""

import textwrap
from collections.abc import Sequence

from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.page import Block, Code, Section, Text
from pipelines.reproduction.run_facts import RunFacts, runs_table, typed, usual_settings


def runs_section(
    systems: EvaluatedSystems, facts: Sequence[RunFacts], center: str, command: str
) -> Section:
    """The runs with their settings, those apart that the `center` system has too, and `command`."""
    usual = usual_settings(systems, center)
    settings = [f"{name}={typed(value)}" for name, value in usual.items()]
    versions = sorted({f"{name} {each}" for fact in facts for name, each in fact.versions.items()})
    blocks: list[Block] = [
        runs_table(systems, facts, center),
        Text("Settings, where the table names no other:"),
        Code(textwrap.fill("  ".join(settings), 96, break_long_words=False)),
        Text(f"Trained with {', '.join(versions)}. To make this report again:"),
        Code(command),
    ]
    return Section("Runs", blocks)
