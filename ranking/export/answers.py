"""The ways to ask a model for scores, each as a server is asked."""

from collections.abc import Mapping

import numpy as np

from ranking.export.loaded_model import LoadedModel
from ranking.export.signatures import (
    EXAMPLES,
    GATE_SIGNATURE,
    SCORE_SIGNATURE,
    SCORE_WITH_STATE,
    SERVING_DEFAULT,
    STATE_SIGNATURE,
)

Request = Mapping[str, np.ndarray]

# What is asked first, for what `score...` needs beside the request, and what is asked for scores.
_STEPS = {
    SERVING_DEFAULT: (SERVING_DEFAULT,),
    SCORE_SIGNATURE: (GATE_SIGNATURE, SCORE_SIGNATURE),
    SCORE_WITH_STATE: (STATE_SIGNATURE, SCORE_WITH_STATE),
    EXAMPLES: (EXAMPLES,),
}


def ways_to_score(model: LoadedModel, request: Request) -> tuple[str, ...]:
    """The signatures of a model that score a request; `examples` needs the session's record."""
    return tuple(
        name
        for name in _STEPS
        if name in model.signatures and (name != EXAMPLES or EXAMPLES in request)
    )


def way_in_words(signature: str) -> str:
    """A scoring signature and what is asked before it.

    >>> way_in_words("score_with_state")
    'session_state then score_with_state'
    """
    return " then ".join(_STEPS[signature])


def whole_request(model: LoadedModel, request: Request, signature: str) -> dict[str, np.ndarray]:
    """A request with what a signature's inputs hold that another signature gives: gate or state."""
    first = _STEPS.get(signature, (signature,))[:-1]
    results = {name: value for step in first for name, value in model(step, request).items()}
    return {**request, **results}
