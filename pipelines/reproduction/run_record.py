"""What is noted about a training beside its log: how long it took, and where it was stopped."""

import dataclasses
import json
from pathlib import Path

from ranking.training.metrics_file import write_metrics


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A training as the reproduction saw it.

    Attributes:
        seconds: Time it took, all attempts together.
        max_steps: Steps after which it was to stop, if not at its end; where `metrics.json` of the
            run says it too, that counts.
    """

    seconds: float
    max_steps: int | None


def write_record(log: Path, record: RunRecord) -> None:
    """Writes the record beside a run's log."""
    write_metrics(_path(log), dataclasses.asdict(record))


def read_record(log: Path) -> RunRecord | None:
    """The record beside a run's log; `None` where the run was trained by hand."""
    try:
        return RunRecord(**json.loads(_path(log).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _path(log: Path) -> Path:
    return log.with_suffix(".json")
