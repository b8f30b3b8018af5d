"""The USR paper as something to reproduce."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.reproduction.paper import Paper
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.system import System
from pipelines.usr_reproduction.usr_systems import PARTS, SIZES, STRESS_PARTS, SYSTEMS


def _report(request: ReportRequest, plan: Plan) -> list[Path]:
    # Imported here: matplotlib, scikit-learn and Keras take seconds.
    from pipelines.usr_reproduction.usr_report import write_report

    return write_report(request, plan)


def _possible_parts(parts: Sequence[str], data: Path) -> tuple[str, ...]:
    """The parts without stress tests, unless the data can be simulated in other ways."""
    from pipelines.usr_reproduction.stress_data import is_simulated

    possible = is_simulated(data)
    return tuple(part for part in parts if possible or part not in STRESS_PARTS)


def _is_apart(system: System, data: Path) -> bool:
    """Whether the data of a system are not those that are given."""
    from pipelines.usr_reproduction.stress_data import own_value

    option, _, value = system.variant.partition("=")
    return not option or own_value(data, option) != float(value)


def _prepare(plan: Plan, systems: Sequence[System]) -> None:
    from pipelines.usr_reproduction.stress_data import prepare_variant

    for variant in dict.fromkeys(system.variant for system in systems if system.variant):
        prepare_variant(plan, variant)


USR = Paper(
    name="usr",
    systems=SYSTEMS,
    parts=PARTS,
    swept_parts=frozenset([SIZES, *STRESS_PARTS]),
    report=_report,
    possible_parts=_possible_parts,
    is_apart=_is_apart,
    prepare=_prepare,
)
