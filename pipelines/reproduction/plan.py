"""What is asked of a reproduction."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is asked of a reproduction.

    Attributes:
        data: Folder of prepared data.
        out: Folder of the reproduction.
        parts: Which tables and figures it is for.
        seeds: Runs of each system.
        sweep_seeds: Runs of each point of a sweep.
        settings: As typed, `name=value` or `system:name=value`.
        preset: Training settings to start from.
        max_steps: Stops every training of the catalog's models early, for a trial.
        long_tail: Most behaviors of a long-tail user; `None` to find it in the data.
        second_long_tail: A segment of users that is also long-tail; `None` for the default.
    """

    data: Path
    out: Path
    parts: Sequence[str]
    seeds: int = 3
    sweep_seeds: int = 1
    settings: Sequence[str] = ()
    preset: str = "fast"
    max_steps: int | None = None
    long_tail: int | None = None
    second_long_tail: str | None = None

    @property
    def runs(self) -> Path:
        """Where the folders of runs are."""
        return self.out / "runs"

    def data_of(self, variant: str) -> Path:
        """The folder of prepared data that a system's variant stands for."""
        return self.out / "data" / variant if variant else self.data
