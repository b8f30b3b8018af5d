"""A run: one training with its folder of results."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ranking.features.flush import flush_content, flush_names
from ranking.features.prepared_data import MANIFEST_FILE, PreparedData, file_sha256
from ranking.features.spec import FeatureSpec
from ranking.features.spec_reader import read_spec
from ranking.features.whole_folder import whole_folder
from ranking.models.catalog import model_entry
from ranking.settings_parser import SettingsError
from ranking.training.checkpoints import checkpoint_steps
from ranking.training.differences import differences
from ranking.training.metrics_file import read_metrics
from ranking.training.settings import TrainingSettings

SETTINGS_FILE = "settings.json"
SPEC_FILE = "feature_spec.json"
METRICS_FILE = "metrics.json"
VOCABULARIES = "vocabularies"


@dataclasses.dataclass(frozen=True)
class Run:
    """What defines a run, and where its results go.

    Attributes:
        folder: The run's folder.
        model: Name of the model in the catalog.
        model_settings: That model's settings.
        training: How to train it.
        seed: Seeds weights, batches and sampling.
        data: Folder of the prepared data.
        simulated: Whether those data are simulated.
        spec: The prepared data's spec.
        warm_start: Folder of the run that weights were taken from at the start; `None` where all
            are drawn at random.
    """

    folder: Path
    model: str
    model_settings: Any
    training: TrainingSettings
    seed: int
    data: Path
    simulated: bool
    spec: FeatureSpec
    warm_start: Path | None = None

    @property
    def vocabularies(self) -> Path:
        """The run's own copy of the vocabularies, so that an export needs nothing else."""
        return self.folder / VOCABULARIES

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints go."""
        return self.folder / "checkpoints"

    @property
    def metrics_path(self) -> Path:
        """The file that says a run is finished."""
        return self.folder / METRICS_FILE

    @property
    def origin(self) -> dict[str, Any]:
        """What a checkpoint says of its run; prepared data may lie elsewhere later."""
        return {name: value for name, value in self.document().items() if name != "data"}

    def document(self) -> dict[str, Any]:
        """What `settings.json` holds."""
        return {
            "model": self.model,
            "model_settings": dataclasses.asdict(self.model_settings),
            "training_settings": dataclasses.asdict(self.training),
            "seed": self.seed,
            "data": str(self.data),
            "simulated": self.simulated,
            "spec_fingerprint": self.spec.fingerprint,
            "warm_start": None if self.warm_start is None else str(self.warm_start),
        }


def start_run(run: Run, data: PreparedData, *, overwrite: bool = False) -> bool:
    """Makes the folder of `run` -> whether it continues an unfinished run of the same settings.

    A run that never came to a checkpoint is replaced: nothing of it is lost.

    Raises:
        ValueError: If the folder holds a finished run, or an unfinished one with other settings or
            other data.
        FileExistsError: If there is a file, or a folder that is no run's.
    """
    if not overwrite and holds_results(run):
        _check_continues(run, data)
        return True
    with whole_folder(run.folder, overwrite=True, mark=SETTINGS_FILE) as partial:
        shutil.copytree(data.vocabulary_folder, partial / VOCABULARIES)
        (partial / SPEC_FILE).write_text(run.spec.to_json(), encoding="utf-8")
        document = json.dumps(started_document(run, data), indent=1)
        (partial / SETTINGS_FILE).write_text(document, encoding="utf-8")
        flush_content(partial)  # No checkpoint is worth anything without.
    flush_names(run.folder.resolve().parent)
    return False


def open_run(folder: Path) -> Run:
    """A run's folder -> the run.

    Raises:
        ValueError: If the folder is not a run's, or its spec or settings were changed.
    """
    document = _read_settings(folder)
    spec = read_spec(folder / SPEC_FILE)
    try:
        _check_spec(folder, spec, document["spec_fingerprint"])
        settings_class = model_entry(document["model"]).settings_class
        return Run(
            folder=folder,
            model=document["model"],
            model_settings=settings_class(**_tuples(document["model_settings"])),
            training=TrainingSettings(**document["training_settings"]),
            seed=document["seed"],
            data=Path(document["data"]),
            simulated=document["simulated"],
            spec=spec,
            warm_start=Path(document["warm_start"]) if document.get("warm_start") else None,
        )
    except (KeyError, TypeError, AttributeError, SettingsError) as error:
        raise ValueError(
            f"{folder / SETTINGS_FILE} must be as this version of the project writes it: {error}. "
            "Restore the file, or train again."
        ) from error


def _check_spec(folder: Path, spec: FeatureSpec, fingerprint: str) -> None:
    if spec.fingerprint != fingerprint:
        raise ValueError(
            f"{folder / SPEC_FILE} must be the spec that the run was trained with. Its fingerprint "
            f"is {spec.fingerprint[:12]}, {SETTINGS_FILE} says {fingerprint[:12]}. Restore the "
            "file, or train again."
        )


def holds_results(run: Run) -> bool:
    """Whether there is something in the folder of `run` that a fresh start would lose."""
    return (run.folder / SETTINGS_FILE).is_file() and (
        run.metrics_path.exists() or bool(checkpoint_steps(run.checkpoints))
    )


def started_document(run: Run, data: PreparedData) -> dict[str, Any]:
    """What `settings.json` holds of a run that starts on `data`."""
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    manifest = file_sha256(data.folder / MANIFEST_FILE)
    return {**run.document(), "manifest_sha256": manifest, "versions": versions}


def trained_document(run: Run) -> dict[str, Any]:
    """What is known of a run with a folder: `Run.document`, and as far as the folder says it

    - `finished`: whether its training came to an end;
    - `manifest_sha256`: of the data it is trained on;
    - `max_steps`: where a finished training was stopped; `None` where it came to its own end.
    """
    document = {**run.document(), "finished": run.metrics_path.is_file()}
    settings = _read_settings(run.folder)
    if "manifest_sha256" in settings:
        document["manifest_sha256"] = settings["manifest_sha256"]
    if document["finished"]:
        train = read_metrics(run.metrics_path).get("train", {})
        if "max_steps" in train:
            document["max_steps"] = stopped_at(train["steps"], train["max_steps"])
    return document


def stopped_at(steps: int, max_steps: int | None) -> int | None:
    """Steps of a finished training -> `max_steps` where that ended it, else `None`; NaN is none."""
    return max_steps if max_steps is not None and steps >= max_steps else None


def _check_continues(run: Run, data: PreparedData) -> None:
    remedy = "Choose another --out, or add --overwrite to replace it."
    if run.metrics_path.exists():
        raise ValueError(f"{run.folder} already holds a finished run. {remedy}")
    names = differences(_read_settings(run.folder), started_document(run, data))
    different = [name for name in names if not name.startswith("versions.")]
    if different:
        raise ValueError(
            f"{run.folder} holds an unfinished run with other settings or data. Different: "
            f"{', '.join(different)}. {remedy}"
        )
    open_run(run.folder)  # Raises where the spec was changed meanwhile.


def _read_settings(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} must be the folder of a run, with a readable {SETTINGS_FILE}: {error}. "
            f"Train one with `python -m pipelines.train --out={folder} ...`."
        ) from error
    if not isinstance(document, dict):
        raise ValueError(f"{folder / SETTINGS_FILE} must hold a JSON object. Train the run again.")
    return document


def _tuples(document: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
