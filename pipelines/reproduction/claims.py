"""What the AW-MoE paper claims, and what the runs say about each claim."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.paper_numbers import (
    AMAZON,
    BEST,
    FULL,
    LONG_TAIL_1,
    LONG_TAIL_2,
    paper_gain,
)
from pipelines.reproduction.sweeps import swept_points
from ranking.metrics.comparison import BETTER, WORSE, Comparison, holm

HELD, DID_NOT_HOLD, CANNOT_TELL = "held", "did not hold", "cannot tell"
_VERDICTS = {BETTER: HELD, WORSE: DID_NOT_HOLD}
_AUC, _AUC_AT_10 = "session_auc", "auc_at_10"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim: one system has a larger metric than another, or gains more in a test set.

    Attributes:
        text: In words.
        base: The system that is said to be worse.
        other: The system that is said to be better.
        test_set: Where.
        gains: Whether the claim is that the gain is larger there than on the full test set.
    """

    text: str
    base: str
    other: str
    test_set: str = FULL
    gains: bool = False

    def paper(self) -> dict[str, float]:
        """The paper's gains, by the data they are of."""
        at = {"JD": paper_gain(self.test_set, self.base, self.other)}
        everywhere = paper_gain(FULL, self.base, self.other)
        if self.gains and at["JD"] is not None and everywhere is not None:
            at["JD"] -= everywhere
        if self.test_set == FULL:
            at["Amazon"] = paper_gain(AMAZON, self.base, self.other)
        return {data: gain for data, gain in at.items() if gain is not None}


CLAIMS = (
    Claim("DIN ranks better than DNN", "dnn", "din"),
    Claim("Category-MoE ranks better than DIN", "din", "category_moe"),
    Claim("AW-MoE ranks better than Category-MoE", "category_moe", "aw_moe"),
    Claim("Contrastive learning (CL) helps", "aw_moe", "aw_moe_cl"),
    Claim(
        "CL helps users with short histories more than all users",
        "aw_moe",
        "aw_moe_cl",
        LONG_TAIL_1,
        gains=True,
    ),
    Claim(
        "CL helps the second group of long-tail users more than all users",
        "aw_moe",
        "aw_moe_cl",
        LONG_TAIL_2,
        gains=True,
    ),
    Claim("The gate unit (GU) helps", "aw_moe_base", "aw_moe_gu"),
    Claim("The activation unit (AU) helps", "aw_moe_base", "aw_moe_au"),
    Claim("GU and AU together are better than GU alone", "aw_moe_gu", "aw_moe"),
    Claim("GU and AU together are better than AU alone", "aw_moe_au", "aw_moe"),
)
"""Claims about session AUC, Tables II to VI."""


@dataclasses.dataclass(frozen=True)
class JudgedClaim:
    """A claim beside what was measured.

    Attributes:
        text: In words.
        paper: The paper's gain, by the data it is of; none where it is in a figure only.
        comparison: What was measured, corrected over all claims; `None` where runs are missing.
        note: What else there is to say.
    """

    text: str
    paper: dict[str, float]
    comparison: Comparison | None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`HELD`, `DID_NOT_HOLD`, `CANNOT_TELL`, or empty where runs are missing.

        A claim is about models, not about one training of each: without the spread over seeds
        nothing can be told.
        """
        if self.comparison is None:
            return ""
        if not self.comparison.seed_spread_known:
            return CANNOT_TELL
        return _VERDICTS.get(self.comparison.verdict, CANNOT_TELL)

    @property
    def excludes_papers_gain(self) -> bool:
        """Whether the interval lies below all of the paper's gains."""
        if self.comparison is None or not self.paper:
            return False
        return self.comparison.high < min(self.paper.values())

    def document(self) -> dict[str, Any]:
        """The claim for JSON."""
        document = dataclasses.asdict(self) | {"verdict": self.verdict}
        if self.comparison is not None:
            document["comparison"]["verdict"] = self.comparison.verdict
        return document


def judged_claims(measurements: Measurements) -> list[JudgedClaim]:
    """All claims of the paper, with p-values corrected over those that could be tested."""
    claims = [_measured(claim, measurements) for claim in CLAIMS]
    claims = [claim for claim in claims if claim is not None]
    claims += [_peak(setting, best, measurements) for setting, best in BEST.items()]
    return corrected([claim for claim in claims if claim is not None])


def corrected(claims: Sequence[JudgedClaim]) -> list[JudgedClaim]:
    """Maps the claims of one family to the same with corrected p-values and their verdicts."""
    tested = iter(holm([each.comparison for each in claims if each.comparison is not None]))
    return [
        claim if claim.comparison is None else dataclasses.replace(claim, comparison=next(tested))
        for claim in claims
    ]


def _measured(claim: Claim, measurements: Measurements) -> JudgedClaim | None:
    """The claim's comparison; no claim about a test set that there is not."""
    if claim.test_set not in measurements.test_sets:
        return None
    compare = measurements.compare_gains if claim.gains else measurements.compare
    comparison = compare(claim.base, claim.other, _AUC, claim.test_set)
    missing = [name for name in (claim.base, claim.other) if name not in measurements.systems.runs]
    note = f"missing: {', '.join(missing)}" if missing else ""
    return JudgedClaim(claim.text, claim.paper(), comparison, note)


def _peak(setting: str, best: float, measurements: Measurements) -> JudgedClaim:
    """The claim that a setting is best at one value, against the best of the others."""
    text = f"`{setting}` is best at {best:g}"
    points = swept_points(setting, measurements.systems)
    tried = {
        value: comparison
        for value, system in points.items()
        if value != best and best in points
        if (comparison := measurements.compare(system, points[best], _AUC_AT_10, LONG_TAIL_1))
    }
    # Without a session that all seeds have a value for, there is no gain to choose a rival by.
    found = {value: comparison for value, comparison in tried.items() if comparison.sessions}
    if not found:
        runs = f"runs with several values of {setting}"
        missing = "sessions with a value in every run" if tried else runs
        return JudgedClaim(text, {}, None, f"missing: {missing}")
    rival = min(found, key=lambda value: found[value].gain)
    comparison = _against_all(found[rival], list(found.values()))
    return JudgedClaim(text, {}, comparison, f"compared with {rival:g}, the best other value")


def _against_all(nearest: Comparison, every: Sequence[Comparison]) -> Comparison:
    """The comparison with the best other value, with a p-value for all of them.

    To be the best, a value must beat every other: the largest p-value counts. One better value is
    enough to refute it: the smallest counts, times the number of values that could have been it.
    """
    if nearest.gain > 0:
        p_value = max((each.p_value for each in every), default=math.nan)
    else:
        p_value = min(1.0, len(every) * min(each.p_value for each in every if each.gain <= 0))
    return dataclasses.replace(nearest, p_value=p_value)
