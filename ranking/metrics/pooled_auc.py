"""AUC over all candidates, whatever session they come from."""

import numpy as np
import numpy.typing as npt

from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_auc import micro_session_auc


def pooled_auc(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Maps scores and labels `[N]` to the share of (positive, negative) pairs in the right order.

    Pairs cross sessions, so the metric also rewards knowing which sessions get clicks. A pair of
    equal scores counts one half; NaN without a positive or without a negative. Scores that are in
    falling order already take a fraction of the time.

    Raises:
        ValueError: If the shapes differ or are not `[N]`, or a score is NaN.

    Example:
    >>> pooled_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875
    """
    scores = np.asarray(scores)
    return micro_session_auc(RankedSessions(scores, labels, [scores.size]))
