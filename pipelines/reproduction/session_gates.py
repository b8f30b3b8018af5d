"""The gate outputs of an evaluation, checked."""

import numpy as np
import numpy.typing as npt

from ranking.training.session_file import SessionFile


def session_gates(sessions: SessionFile) -> npt.NDArray[np.float64]:
    """Maps an evaluation to the gate of each session `[S, K]`.

    Raises:
        ValueError: If the model has no gate, there is no session, or a gate is not finite.
    """
    if "gate" not in sessions:
        raise ValueError(
            f"{sessions.path} must have the column `gate`, but its model has none. "
            f"Received: model {sessions.document.get('model')!r}. Use a run of a model with a gate."
        )
    if not len(sessions):
        raise ValueError(f"{sessions.path} must hold at least one session. Received: none")
    gates = sessions.gates().astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(gates).all(axis=1))
    if len(wrong):
        raise ValueError(
            f"{sessions.path}: column `gate` must be finite. Received: {gates[wrong[0]]} in "
            f"row {wrong[0]}, and {len(wrong)} such rows. Evaluate a run that did not diverge."
        )
    return gates
