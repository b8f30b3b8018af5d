"""A comparison of two tiny systems."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.compared_runs import read_runs
from pipelines.compared_segments import segment_masks
from pipelines.compared_systems import group_systems
from pipelines.comparison_report import ComparisonReport, compare_all
from tests.helpers.session_files import document, session_columns, write_sessions

_METRICS = ["session_auc", "auc_at_10", "ndcg", "ndcg_at_10"]


def small_report(
    folder: Path, *, without: Sequence[str] = (), unknown_users: int = 0, **changes: Any
) -> ComparisonReport:
    """AW-MoE, whose document has `changes`, against DIN, from files `without` some columns.

    Of that many sessions, the first ones, the user is not known.
    """
    runs = (("din", 0.0, dict[str, Any]()), ("aw_moe", 0.7, changes))
    paths = []
    for model, gain, others in runs:
        columns = session_columns(61, gain=gain, chance=len(model))
        columns["user_id"][:unknown_users] = "unknown"
        columns = {name: values for name, values in columns.items() if name not in without}
        paths.append(write_sessions(folder / model, columns, document(model, **others)))
    compared = read_runs(paths, _METRICS, None)
    systems = group_systems(compared.runs)
    masks = segment_masks(compared.sessions, ["all"])
    return compare_all(compared, systems, systems[0], _METRICS, masks, draws=50, seed=1)
