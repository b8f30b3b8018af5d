"""One training of a reproduction: what is asked of it, and the command that does it."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.reproduction.system import TRAIN, TREES, System


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A system with a seed.

    Attributes:
        system: What is trained.
        seed: Seeds weights, batches and sampling.
        overrides: Settings as typed, by name: the user's, and above them those of the system.
        preset: Training settings to start from.
        data: Folder of prepared data.
        out: Folder of the reproduction.
        max_steps: Stops training early, for a trial.
    """

    system: System
    seed: int
    overrides: Mapping[str, str]
    preset: str
    data: Path
    out: Path
    max_steps: int | None = None

    @property
    def name(self) -> str:
        """What messages call it, and its folder."""
        return f"{self.system.name}-seed{self.seed}"

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.out / "runs" / self.name

    @property
    def log(self) -> Path:
        """Where the output of its training goes."""
        return self.out / "logs" / f"{self.name}.log"

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to train."""
        return (self.folder / "metrics.json").is_file()

    @property
    def is_catalog_model(self) -> bool:
        """Whether it is a model of the catalog, whose settings can be checked before training."""
        return self.system.program == TRAIN

    def command(self) -> list[str]:
        """What trains it."""
        model = [] if self.system.program == TREES else [f"--model={self.system.model}"]
        command = [sys.executable, "-m", self.system.program, *model]
        command += [f"--data={self.data}", f"--out={self.folder}", f"--seed={self.seed}"]
        command += [f"--set={name}={value}" for name, value in self.overrides.items()]
        if self.is_catalog_model:
            command += [f"--preset={self.preset}", "--noexport"]
        if self.max_steps is not None:
            command.append(f"--max_steps={self.max_steps}")
        return command
