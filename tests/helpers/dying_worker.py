"""`pipelines.train` that is killed after some steps: no cleaning up, no last word.

DIES_AT_STEP says after how many, in calls of one step (--set=steps_per_call=1).
"""

import os
import signal
from typing import Any

from pipelines import train
from pipelines.program import import_tensorflow_quietly, run_program


def _let_die(step: int) -> None:
    from ranking.training.loop import TrainingLoop

    run_steps = TrainingLoop.run
    taken = 0

    def run(self: TrainingLoop, iterator: Any, steps: int) -> dict[str, float]:
        nonlocal taken
        losses = run_steps(self, iterator, steps)
        taken += steps
        if taken >= step:
            os.kill(os.getpid(), signal.SIGKILL)
        return losses

    TrainingLoop.run = run


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import_tensorflow_quietly()
    _let_die(int(os.environ["DIES_AT_STEP"]))
    train._define_flags()
    run_program(train.main)
