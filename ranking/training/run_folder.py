"""A run: one training with its folder of results."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ranking.features.prepared_data import PreparedData
from ranking.features.spec import FeatureSpec
from ranking.features.spec_reader import read_spec
from ranking.models.catalog import MODELS
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
    """

    folder: Path
    model: str
    model_settings: Any
    training: TrainingSettings
    seed: int
    data: Path
    simulated: bool
    spec: FeatureSpec

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
        }


def start_run(run: Run, data: PreparedData, *, overwrite: bool = False) -> bool:
    """Makes the folder of `run` -> whether it continues an unfinished run of the same settings.

    Raises:
        ValueError: If the folder holds a finished run, a run of other settings, or anything else.
    """
    if overwrite:
        shutil.rmtree(run.folder, ignore_errors=True)
    if run.folder.exists() and any(run.folder.iterdir()):
        _check_continues(run)
        return True
    partial = run.folder.with_name(f".partial-{run.folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    shutil.copytree(data.folder / VOCABULARIES, partial / VOCABULARIES)
    (partial / SPEC_FILE).write_text(run.spec.to_json(), encoding="utf-8")
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    document = json.dumps({**run.document(), "versions": versions}, indent=1)
    (partial / SETTINGS_FILE).write_text(document, encoding="utf-8")
    os.replace(partial, run.folder)
    return False


def open_run(folder: Path) -> Run:
    """A run's folder -> the run.

    Raises:
        ValueError: If the folder is not a run's, or its spec was changed.
    """
    document = _read_settings(folder)
    spec = read_spec(folder / SPEC_FILE)
    if spec.fingerprint != document["spec_fingerprint"]:
        raise ValueError(
            f"{folder / SPEC_FILE} must be the spec that the run was trained with. Its fingerprint "
            f"is {spec.fingerprint[:12]}, {SETTINGS_FILE} says "
            f"{document['spec_fingerprint'][:12]}. Restore the file, or train again."
        )
    settings_class = MODELS[document["model"]].settings_class
    return Run(
        folder=folder,
        model=document["model"],
        model_settings=settings_class(**_tuples(document["model_settings"])),
        training=TrainingSettings(**document["training_settings"]),
        seed=document["seed"],
        data=Path(document["data"]),
        simulated=document["simulated"],
        spec=spec,
    )


def _check_continues(run: Run) -> None:
    found = _read_settings(run.folder)
    remedy = "Choose another --out, or add --overwrite to replace it."
    if (run.folder / METRICS_FILE).exists():
        raise ValueError(f"{run.folder} already holds a finished run. {remedy}")
    wanted = json.loads(json.dumps(run.document()))
    different = [key for key, value in wanted.items() if found.get(key) != value]
    if different:
        raise ValueError(
            f"{run.folder} holds an unfinished run with other settings (different: "
            f"{', '.join(different)}). {remedy}"
        )


def _read_settings(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} must be the folder of a run, with a readable {SETTINGS_FILE}. Train one with "
            f"`python -m pipelines.train --out={folder}`. ({error})"
        ) from error


def _tuples(document: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
