"""Checkpoints of a run: whole or absent."""

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ranking.features.flush import flush_content, flush_names
from ranking.training.origin import check_origin, write_origin
from ranking.training.stored_values import restore_values

_PREFIX = "step-"
_REMEDY = "Remove its folder, which leaves the checkpoint before it where there is one."


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run stands; a checkpoint holds one.

    Attributes:
        step: Steps taken.
        sessions_per_batch: Sessions of a step.
        epoch: Epochs finished.
        epoch_step: Steps taken of the epoch after those, which is the position in its input:
            batches follow from the seed and the epoch alone.
        epoch_sums: Losses of that epoch, summed over its steps.
        best_step: The step with the best validation session AUC so far; -1 where none is known:
            before the first, and without a validation split that can be measured.
        best_value: That AUC.
        stale_epochs: Epochs since then.
        history: One entry per finished epoch: its losses and validation metrics.
    """

    step: int = 0
    sessions_per_batch: int = 0
    epoch: int = 0
    epoch_step: int = 0
    epoch_sums: dict[str, float] = dataclasses.field(default_factory=dict)
    best_step: int = -1
    best_value: float = 0.0
    stale_epochs: int = 0
    history: tuple[dict[str, float], ...] = ()


class Checkpoints:
    """The checkpoints in `folder`: the newest, and the best on validation.

    A checkpoint is a folder `step-00001200` with the weights, the optimizer's slots, the states of
    the random generators (all in `variables`), `progress.json`, and `run.json`, which says what run
    it is of. It is written under another name, flushed to the disk and renamed once whole, so that
    neither a killed run nor a power loss leaves one that is half written.

    Args:
        folder: Where they are.
        model: What is saved and restored.
        optimizer: Its optimizer; `None` where the run does not go on.
        origin: What the run is (`Run.origin`). A checkpoint of another is refused.
    """

    def __init__(
        self,
        folder: Path,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer | None = None,
        *,
        origin: Mapping[str, Any],
    ) -> None:
        self.folder = folder
        self._origin = dict(origin)
        state = {"model": [variable.value for variable in model.variables]}
        if optimizer is not None:
            state["optimizer"] = [variable.value for variable in optimizer.variables]
        self._state = state

    def save(self, progress: Progress) -> Path:
        """Writes the state of the run as it is now, then removes what is neither this checkpoint
        nor the best one."""
        final = self._path(progress.step)
        partial = self.folder / f".partial-{final.name}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        tf.train.Checkpoint(**self._state).write(str(partial / "variables"))
        document = json.dumps(dataclasses.asdict(progress), indent=1)
        (partial / "progress.json").write_text(document, encoding="utf-8")
        write_origin(partial, self._origin)
        flush_content(partial)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        flush_names(self.folder)  # before those that it replaces go
        for step in self._steps():
            if step not in (progress.step, progress.best_step):
                shutil.rmtree(self._path(step))
        return final

    def restore_newest(self) -> Progress:
        """Restores the newest checkpoint -> its progress; a fresh `Progress` where there is none.

        Raises:
            ValueError: If the checkpoint is damaged or another run's.
        """
        steps = self._steps()
        return self._restore(steps[-1]) if steps else Progress()

    def restore_best(self) -> Progress:
        """Restores the best checkpoint on validation -> the newest progress.

        Raises:
            ValueError: If there is no checkpoint, or it is damaged or another run's.
        """
        self._restore(best_step(self.folder))
        return _read_progress(self._path(self._steps()[-1]))

    def _restore(self, step: int) -> Progress:
        path = self._path(step)
        check_origin(path, self._origin)
        try:
            restore_values(str(path / "variables"), self._state)
        except (tf.errors.OpError, ValueError) as error:
            raise ValueError(
                f"Checkpoint {path} is damaged, or of a run with other settings or another spec: "
                f"{_first_line(error)}. {_REMEDY}"
            ) from error
        return _read_progress(path)

    def _steps(self) -> list[int]:
        return checkpoint_steps(self.folder)

    def _path(self, step: int) -> Path:
        return _path(self.folder, step)


def checkpoint_steps(folder: Path) -> list[int]:
    """Folder of checkpoints -> the steps they were written at, in order."""
    names = (path.name.removeprefix(_PREFIX) for path in folder.glob(f"{_PREFIX}*"))
    return sorted(int(name) for name in names if name.isdecimal())


def best_step(folder: Path) -> int:
    """Folder of checkpoints -> the step of the best on validation; of the newest, if none is known.

    Raises:
        ValueError: If there is no checkpoint, or the newest is damaged.
    """
    steps = checkpoint_steps(folder)
    if not steps:
        raise ValueError(f"{folder} holds no checkpoint. Train the run first.")
    best = _read_progress(_path(folder, steps[-1])).best_step
    return best if best in steps else steps[-1]


def _path(folder: Path, step: int) -> Path:
    return folder / f"{_PREFIX}{step:08d}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _read_progress(path: Path) -> Progress:
    file = path / "progress.json"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Progress(**{**document, "history": tuple(document["history"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"Checkpoint {path} is damaged: {file.name}: {error}. {_REMEDY}"
        ) from error
