"""What a report explains in words."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipelines.reproduction.claims import CANNOT_TELL, DID_NOT_HOLD, HELD, JudgedClaim
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.page import Block, Bullets, Text
from pipelines.reproduction.systems import SYSTEMS

CLAIMS_WORDS = (
    "Each claim of the paper beside its gain here, in session AUC unless it says otherwise. In "
    "brackets is the 95 % interval of the gain, over users and, where there are several, seeds; "
    "below it that of redrawing users alone. p-values are two-sided and corrected over all claims "
    "of this table (Holm); *alone* is before that. *Could have shown* is the smallest true "
    "difference that 80 % of such tests would have found. A claim **held** where the corrected p "
    "is below 5 % and the gain is above zero, and **did not hold** where it is below zero; "
    "everything else is **cannot tell**, and so is what was trained with one seed."
)
TABLE_WORDS = (
    "Mean over sessions, then seeds; ± is the standard deviation over seeds; *paper* is what was "
    "published for JD's search log, which nobody else has. *AUC@10* counts a "
    "purchase outside the top 10 as lost, *inside* leaves such sessions out; the paper does not "
    "say which it takes. Gains are paired by session, with their 95 % interval; *p* redraws users "
    "and seeds, *unpaired* is the paper's test, and neither is corrected for the number of cells."
)
AMAZON_WORDS = (
    "The paper's public data has one random negative for each positive. Here that is the first "
    "negative of each record, beside the AUC against all its negatives, which is more precise."
)
YARDSTICKS_WORDS = (
    "AW-MoE & CL against DIN and against models from outside, on the same sessions. p-values are "
    "corrected over this table."
)


def lead(
    data_name: str,
    measurements: Measurements,
    claims: Sequence[JudgedClaim],
    *,
    missing: Sequence[str],
    train_sessions: int | None,
) -> list[Block]:
    """What stands first: what was done, on what, and what came out."""
    systems = measurements.systems
    origin = "simulated sessions" if systems.simulated else "sessions"
    counts = Counter(claim.verdict for claim in claims)
    tested = sum(counts[verdict] for verdict in (HELD, DID_NOT_HOLD, CANNOT_TELL))
    facts = [
        f"**Data:** {data_name}, {len(systems.sessions):,} {origin} of the test split"
        f"{_users(measurements)}, {systems.sessions.lengths.mean():.1f} candidates each; task "
        f"`{systems.sessions.task}`." + _trained_on(train_sessions),
        f"**Runs:** {len(systems.all_runs)} of {len(systems.runs)} systems, "
        f"{_seeds(measurements)}.",
        f"**Claims:** of {tested} that could be tested, {counts[HELD]} held, "
        f"{counts[DID_NOT_HOLD]} did not hold, and of {counts[CANNOT_TELL]} the runs cannot tell.",
    ]
    if systems.simulated:
        facts.append(
            "**The sessions are simulated.** They show that the code works and how large a "
            "difference such a sample can show; they say nothing about real users."
        )
    if systems.unevaluated:
        names = ", ".join(path.name for path in systems.unevaluated)
        facts.append(
            f"**Not evaluated:** {names}. `python -m pipelines.evaluate --run=<run>` does it."
        )
    if missing:
        facts.append(f"**Missing:** {_grouped(missing)}.")
    text = (
        "Tables and figures of *Attention Weighted Mixture of Experts with Contrastive Learning "
        "for Personalized Ranking in E-commerce* (arXiv 2306.05011), beside what the same models "
        "reach here."
    )
    return [Text(text), Bullets(facts)]


def _trained_on(sessions: int | None) -> str:
    return "" if sessions is None else f" Models were trained on {sessions:,} sessions."


def _users(measurements: Measurements) -> str:
    users = measurements.systems.sessions.users
    return "" if users is None else f" by {len(np.unique(users)):,} users"


def _seeds(measurements: Measurements) -> str:
    numbers = {len(runs) for runs in measurements.systems.runs.values()}
    low, high = min(numbers), max(numbers)
    words = "1 seed" if high == 1 else f"{high} seeds"
    return f"{words} each" if low == high else f"{low} to {words} each"


def _grouped(runs: Sequence[str]) -> str:
    """Runs by system: `din-seed1`, `din-seed2` -> `din` (seeds 1, 2)."""
    seeds: dict[str, list[str]] = {}
    for run in runs:
        system, _, seed = run.rpartition("-seed")
        seeds.setdefault(system, []).append(seed)
    words = [
        f"`{system}` (seed{'s' * (len(each) > 1)} {', '.join(each)})"
        for system, each in seeds.items()
        if not SYSTEMS[system].is_swept
    ]
    points = sum(SYSTEMS[system].is_swept for system in seeds)
    if points:
        words.append(f"runs of {points} point{'s' * (points > 1)} of Figure 8")
    return ", ".join(words)
