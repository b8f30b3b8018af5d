"""What the report on USR explains in words."""

from collections import Counter
from collections.abc import Sequence

from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.page import Block, Bullets, Text
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.run_words import absence_words, data_words, run_words
from pipelines.usr_reproduction.data_facts import DataFacts, facts_words
from pipelines.usr_reproduction.hundredths import hundredths
from pipelines.usr_reproduction.judged_gains import (
    CANNOT_TELL,
    NEGATIVE,
    NULL,
    POSITIVE,
    VERDICTS,
    JudgedGain,
    backbones_ahead,
    compared_backbones,
)
from pipelines.usr_reproduction.usr_paper_numbers import SMALLEST_GAIN
from pipelines.usr_reproduction.usr_systems import BACKBONES

GAIN_WORDS = (
    "What a backbone gains when USR is put around it, in pooled AUC over all candidates of a "
    "scenario, beside the paper's gain. In brackets is the 95 % interval over users and, where "
    "there are several, seeds; below it that of redrawing users alone. p-values are two-sided and "
    "corrected over all gains of this table (Holm); *alone* is before that. *Could have shown* is "
    "the smallest true gain that 80 % of such tests would have found *alone*; corrected, it takes "
    "two fifths more where seeds are many, and several times as much where two or three seeds "
    "differ. A gain is **positive** or "
    "**negative** where the corrected p is below 5 %; **null** where it is not and the interval "
    f"lies below {hundredths(SMALLEST_GAIN)}, the smallest gain in the paper; everything else is "
    "**cannot tell**, and so is what was trained with one seed. An AUC is **undefined** where the "
    "candidates of a scenario all have the same label."
)
TABLE_WORDS = (
    "The paper's layout: mean over seeds of the pooled AUC; ± is the standard deviation over "
    "seeds; *paper* is what was published for the log of 7Fresh, which nobody else has. Base and "
    "Base+USR have the same sizes, optimizer and budget. Marks are the verdicts above. The paper's "
    "gains are the differences of its AUCs; for STAR in recommendation, CTCVR it prints +0.17 "
    "where that is +0.57."
)
COST_WORDS = (
    "Trained numbers without embedding tables, which are the same for all, and floating-point "
    "operations of a candidate where a session with {behaviors} behaviors and {candidates} "
    "candidates is scored (forward pass of the score network, counted by TensorFlow's profiler)."
)
VIEW_WORDS = (
    "Interests (i) and features (f) of test impressions in the view of every scenario, of the "
    "first run with and without the contrastive losses. The table is of the vectors themselves: "
    "the mean distance of two vectors of different views, of two of the same view, and their "
    "ratio; *variance* is that of a number of a vector within a view, over impressions."
)
VARIANCE_WORDS = (
    "The contrastive losses reward views that are the same for everybody. If the variance within a "
    "view went to zero, views would say nothing about users any more."
)
_BOLD_WORDS = (
    "**Bold** is what has a p below 5 %, not corrected for the number of cells, and two seeds or "
    "more on both sides: with one seed nothing can be told."
)
ABLATION_WORDS = (
    "USR around STAR without the interest extractor (IE), the feature generator (FG), the global "
    "label multi-task layer (GLMT), the contrastive losses, and GLMT alone. Below each AUC is its "
    "distance from the whole model in 1e-2 with the 95 % interval, and the seeds of whichever has "
    f"fewer. {_BOLD_WORDS}"
)
SIZE_WORDS = (
    "Base is STAR. `embedding_size` alone varies: the width of interests, items, queries and the "
    "encoding of scenarios. All other settings stay as they are, and so do the widths of embedding "
    "tables and of other features (`feature_size`)."
)
SIMILARITY_WORDS = (
    "Everything was simulated and trained anew with other values of `scenario_difference`: with 0, "
    "search and recommendation follow the same preferences. Base is STAR on the same data. "
    f"{_BOLD_WORDS}"
)
CORRUPTION_WORDS = (
    "A share of the global labels was replaced by coins before training; labels and test sessions "
    f"stay as they are. Base is STAR, which reads no global label. {_BOLD_WORDS}"
)


def lead(
    request: ReportRequest,
    systems: EvaluatedSystems,
    gains: Sequence[JudgedGain],
    facts: DataFacts | None,
) -> list[Block]:
    """What stands first: what was done, on what, and what came out."""
    items = [
        data_words(request.data_name, systems, request.origin),
        *facts_words(facts),
        run_words(systems),
        _gain_words(gains),
        _ahead_words(gains),
        *absence_words(systems, request.missing, "Figure 2c and the stress tests"),
    ]
    text = (
        "Tables and figures of *A Unified Search and Recommendation Framework Based on "
        "Multi-Scenario Learning for Ranking in E-commerce* (arXiv 2405.10835), beside what the "
        "same models reach here."
    )
    return [Text(text), Bullets([item for item in items if item])]


def verdict_counts(gains: Sequence[JudgedGain]) -> dict[str, int]:
    """How many of the paper's gains have each verdict."""
    counts = Counter(gain.verdict for gain in gains if gain.in_paper)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def _gain_words(gains: Sequence[JudgedGain]) -> str:
    counts = verdict_counts(gains)
    papers = sum(gain.in_paper for gain in gains)
    return (
        f"**Gains:** of the paper's {papers} gains on these scenarios and tasks, "
        f"{sum(counts.values())} could be tested: {counts[POSITIVE]} positive, "
        f"{counts[NEGATIVE]} negative, {counts[NULL]} null, and of {counts[CANNOT_TELL]} the runs "
        "cannot tell."
    )


def _ahead_words(gains: Sequence[JudgedGain]) -> str:
    """Which backbones USR is ahead of everywhere."""
    known = compared_backbones(gains)
    if not known:
        return ""
    ahead = backbones_ahead(gains, significantly=False)
    names = ", ".join(BACKBONES[name] for name in ahead)
    surely = len(backbones_ahead(gains, significantly=True))
    return (
        f"**Ahead in every scenario and task:** {len(ahead)} of {len(known)} backbones with USR"
        f"{f' ({names})' if names else ''}; every gain positive: {surely}."
    )
