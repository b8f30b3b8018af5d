"""How to read a comparison of systems, in words."""

from pipelines.compared_systems import other_training
from pipelines.comparison_report import ALL, ComparisonReport

_METRIC_NAMES = {
    "session_auc": "session AUC",
    "auc_at_10": "AUC@10",
    "auc_at_10_skip": "AUC@10 inside",
    "ndcg": "NDCG",
    "ndcg_at_10": "NDCG@10",
}


def metric_name(metric: str) -> str:
    """Maps a metric of a session file to what people call it.

    Example:
    >>> metric_name("ndcg_at_10")
    'NDCG@10'
    """
    return _METRIC_NAMES.get(metric, metric)


def explanation(report: ComparisonReport) -> list[str]:
    """How to read the tables, in a few sentences of plain words."""
    return [
        f"Gain: mean over sessions of the system's metric less that of {report.base.label}, each a "
        f"mean over seeds. {_left_out(report)}",
        _chance(report),
        "p: two-sided, of pairs, by the same chance as the interval; the segments of a table are "
        "corrected together (Holm). It gives the verdict, at 5 %. p unpaired: the AW-MoE paper's "
        "test, which forgets that both ranked the same sessions.",
        "Could show: the smallest true gain that 80 % of such samples would have shown "
        "in one segment alone, before correction. Cannot "
        "tell: there may be no gain, or one too small for this sample. No difference: every "
        "session has the same value in both.",
        *_warnings(report),
    ]


def _left_out(report: ComparisonReport) -> str:
    most = max((row.comparison.left_out for row in report.rows if row.segment == ALL), default=0)
    sessions = len(report.compared.sessions)
    return f"Left out for want of a value in some run: up to {most:,} of {sessions:,} sessions."


def _chance(report: ComparisonReport) -> str:
    each = "users with all their sessions" if report.has_users else "sessions"
    single = [system.label for system in report.systems if len(system.runs) == 1]
    seeds = " and the seeds of training" if len(single) < len(report.systems) else ""
    text = (
        f"95 %: where the true gain lies, given the chance in drawing {each}{seeds}. Users "
        f"redrawn: the chance in drawing {each} alone, by {report.draws:,} draws."
    )
    if single:
        text += (
            f" One seed of {'; '.join(single)}: how far other seeds would differ is unknown and "
            "not counted."
        )
    return text


def _warnings(report: ComparisonReport) -> list[str]:
    lines = []
    if not report.has_users:
        lines.append("The sessions do not say whose they are: each counts as a user of its own.")
    elif unknown := report.sessions_without_user:
        lines.append(
            f"Of {len(report.compared.sessions):,} sessions, {unknown:,} do "
            "not say whose they are: each of those counts as a user of its own. Where several are "
            "one user's, intervals are too narrow and p-values too small."
        )
    if len(report.compared.manifests) > 1:
        lines.append(_other_data(report))
    if report.compared.other_segments:
        lines.append(
            f"Segments are those that {report.compared.runs[0].folder} saw; other runs see "
            f"{', '.join(report.compared.other_segments)} otherwise."
        )
    training = other_training(report.systems)
    if training:
        lines.append(f"Training differs in {'; '.join(training)}.")
    if report.compared.simulated:
        lines.append("The data are simulated: gains say nothing about real users.")
    return lines


def _other_data(report: ComparisonReport) -> str:
    """Which runs were evaluated on which data; sessions with the same ids may show other items."""
    found = "; ".join(
        f"{run.folder} on {run.document['data']} ({manifest[:12]})"
        for manifest, run in report.compared.manifests.items()
    )
    return (
        f"The data evaluated have different manifests: {found}. Their sessions agree in ids, "
        "labels and numbers of candidates, but may show other candidates: unless the data were "
        "only prepared again, evaluate all runs on the same (`python -m pipelines.evaluate "
        "--data=...`)."
    )
