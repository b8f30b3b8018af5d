"""Whether what is ranked stands among the behaviors already."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import BEHAVIORS, CANDIDATES, PADDING_ID, UNKNOWN_ID, FeatureSpec


def occurs_in_history(
    batch: Mapping[str, Any], spec: FeatureSpec, name: str
) -> npt.NDArray[np.bool_]:
    """Maps an encoded batch to whether each candidate's id occurs among the behaviors, `[B, C]`.

    Padding and the unknown id stand for nothing, so they match nothing.

    Args:
        batch: The batch.
        spec: The fields of the batch.
        name: A field with a single id that behaviors and candidates share.
    """
    candidates = np.asarray(batch[spec.field(CANDIDATES, name).key])
    behaviors = np.asarray(batch[spec.field(BEHAVIORS, name).key])
    lengths = np.asarray(batch["behaviors_length"])
    behaviors = np.where(np.arange(behaviors.shape[1]) < lengths[:, None], behaviors, PADDING_ID)
    occurs = np.zeros(candidates.shape, dtype=bool)
    # One behavior at a time: comparing all at once would take B x C x T bytes.
    for column in behaviors.T:
        occurs |= candidates == column[:, None]
    return occurs & (candidates > UNKNOWN_ID)
