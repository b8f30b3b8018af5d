"""What a report explains in words."""

from collections import Counter
from collections.abc import Sequence

from pipelines.reproduction.claims import CANNOT_TELL, DID_NOT_HOLD, HELD, JudgedClaim
from pipelines.reproduction.data_origin import DataOrigin
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.page import Block, Bullets, Text
from pipelines.reproduction.run_words import absence_words, data_words, run_words

CLAIMS_WORDS = (
    "Each claim of the paper beside its gain here, in session AUC unless it says otherwise. In "
    "brackets is the 95 % interval of the gain, over users and, where there are several, seeds; "
    "below it that of redrawing users alone. p-values are two-sided and corrected over all claims "
    "of this table (Holm); *alone* is before that. *Could have shown* is the smallest true "
    "difference that 80 % of such tests would have found *alone*; corrected, it takes a third "
    "more where seeds are many, and several times as much where two or three seeds differ. A "
    "claim **held** where the corrected p is below 5 % and the gain is above zero, and **did not "
    "hold** where it is below zero; everything else is **cannot tell**, and so is what was trained "
    "with one seed."
)
TABLE_WORDS = (
    "Mean over sessions, then seeds; ± is the standard deviation over seeds; *paper* is what was "
    "published for JD's search log, which nobody else has. *AUC@10* counts a "
    "purchase outside the top 10 as lost, *inside* leaves such sessions out; the paper does not "
    "say which it takes. Gains are paired by session, with their 95 % interval; *p* redraws users "
    "and seeds, *unpaired* is the paper's test, and neither is corrected for the number of cells. "
    "A gain is **bold** where p is below 5 % and both have two seeds or more."
)
AMAZON_WORDS = (
    "The paper's public data has one random negative for each positive. Here that is the first "
    "negative of each record, beside the AUC against all its negatives, which is more precise."
)
YARDSTICKS_WORDS = (
    "AW-MoE & CL against DIN and against models from outside, on the same sessions. DCN-v2 and "
    "DLRM have the budget of the others (epochs, negatives, batch size, learning rate) unless the "
    "table of runs says otherwise; trees have settings of their own. p-values are corrected over "
    "this table."
)


def lead(
    data_name: str,
    measurements: Measurements,
    claims: Sequence[JudgedClaim],
    *,
    missing: Sequence[str],
    origin: DataOrigin | None,
) -> list[Block]:
    """What stands first: what was done, on what, and what came out."""
    systems = measurements.systems
    counts = Counter(claim.verdict for claim in claims)
    tested = sum(counts[verdict] for verdict in (HELD, DID_NOT_HOLD, CANNOT_TELL))
    facts = [
        data_words(data_name, systems, origin),
        run_words(systems),
        f"**Claims:** of {tested} that could be tested, {counts[HELD]} held, "
        f"{counts[DID_NOT_HOLD]} did not hold, and of {counts[CANNOT_TELL]} the runs cannot tell.",
        *absence_words(systems, missing, "Figure 8"),
    ]
    text = (
        "Tables and figures of *Attention Weighted Mixture of Experts with Contrastive Learning "
        "for Personalized Ranking in E-commerce* (arXiv 2306.05011), beside what the same models "
        "reach here."
    )
    return [Text(text), Bullets(facts)]
