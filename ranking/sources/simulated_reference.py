"""How well the best and the simplest ranking do on simulated sessions."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_catalog import Floats
from ranking.sources.simulated_sessions import SimulatedSessions


def reference_metrics(sessions: SimulatedSessions, rows: slice) -> Mapping[str, float]:
    """Maps sessions to the mean session AUC of their true probabilities and of popularity.

    Keys look like `test_click_auc_of_oracle`; one is left out where no session has both classes.

    Args:
        sessions: Simulated sessions.
        rows: Which of them are test sessions.
    """
    shown = sessions.is_shown[rows]
    popularity = sessions.popularity[rows].astype(np.float64)
    labels = {
        "click": (sessions.click[rows], sessions.click_probability[rows]),
        "order": (sessions.order[rows], sessions.order_probability[rows]),
    }
    metrics = {}
    for name, (label, probability) in labels.items():
        for reference, scores in (("oracle", probability), ("popularity", popularity)):
            areas = session_auc(scores, label & shown, ~label & shown)
            if len(areas):
                metrics[f"test_{name}_auc_of_{reference}"] = round(float(areas.mean()), 4)
    return metrics


def session_auc(
    scores: Floats, positives: NDArray[np.bool_], negatives: NDArray[np.bool_]
) -> Floats:
    """Maps scores `[S, C]` to the AUC of each session that has both classes; ties are one half."""
    difference = scores[:, :, None] - scores[:, None, :]
    won = (difference > 0) + 0.5 * (difference == 0)
    pairs = positives[:, :, None] & negatives[:, None, :]
    counts = pairs.sum(axis=(1, 2))
    has_both = counts > 0
    return np.asarray((won * pairs).sum(axis=(1, 2))[has_both] / counts[has_both])
