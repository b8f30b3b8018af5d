"""The AW-MoE paper as something to reproduce."""

from pathlib import Path

from pipelines.reproduction.paper import Paper
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.systems import PARTS, SWEEPS, SYSTEMS


def _report(request: ReportRequest, plan: Plan) -> list[Path]:
    # Imported here: matplotlib and scikit-learn take seconds.
    from pipelines.reproduction.evaluated_sets import test_sets
    from pipelines.reproduction.evaluated_systems import read_evaluated
    from pipelines.reproduction.measurements import Measurements
    from pipelines.reproduction.report import write_report

    systems = read_evaluated(plan.runs, request.data_name, SYSTEMS)
    sets = test_sets(systems.sessions, plan.long_tail, plan.second_long_tail)
    return write_report(request, Measurements(systems, sets))


AW_MOE = Paper(
    name="aw_moe",
    systems=SYSTEMS,
    parts=PARTS,
    swept_parts=frozenset([SWEEPS]),
    report=_report,
    own_flags=("long_tail", "second_long_tail"),
)
