"""The run folder of a yardstick: a model from outside, evaluated and kept like the catalog's."""

import dataclasses
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranking.features.dataset import evaluation_batches
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import MANIFEST_FILE, PreparedData, file_sha256
from ranking.features.reading_errors import explained
from ranking.features.spec import FeatureSpec
from ranking.features.whole_folder import whole_folder
from ranking.models.single_task import resolve_task
from ranking.settings_parser import apply_overrides, parse_assignment, split_overrides
from ranking.training.evaluation import ALL, Evaluation, ScoreFunction, evaluate
from ranking.training.metrics_file import write_metrics
from ranking.training.named_batches import named_batches
from ranking.training.run_folder import METRICS_FILE, SETTINGS_FILE, SPEC_FILE, VOCABULARIES
from ranking.training.session_document import session_document, sessions_path
from ranking.training.session_file import SessionFileWriter

if TYPE_CHECKING:
    from rich.console import Console

Batch = Mapping[str, Any]

_SESSIONS_PER_BATCH = 256


@dataclasses.dataclass(frozen=True)
class BaselineRun:
    """What defines a yardstick's run, and where its results go.

    Attributes:
        folder: The run's folder.
        model: What the run is called.
        model_settings: What is trained, a dataclass.
        training_settings: How it is trained, a dataclass.
        seed: Seeds all that is random.
        data: The prepared data.
        versions: Versions of the packages that do the work.
    """

    folder: Path
    model: str
    model_settings: Any
    training_settings: Any
    seed: int
    data: PreparedData
    versions: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """What `settings.json` holds, with the keys that every run has there."""
        return {
            "model": self.model,
            "model_settings": dataclasses.asdict(self.model_settings),
            "training_settings": dataclasses.asdict(self.training_settings),
            "seed": self.seed,
            "data": str(self.data.folder),
            "simulated": self.data.manifest.simulated,
            "spec_fingerprint": self.data.spec.fingerprint,
            "manifest_sha256": file_sha256(self.data.folder / MANIFEST_FILE),
            "versions": dict(self.versions),
        }


def read_settings(model: Any, training: Any, typed: Sequence[str]) -> tuple[Any, Any]:
    """Settings as they are by default and `name=value` as typed -> the settings that are meant.

    Raises:
        SettingsError: If there is no such setting, or it does not take the value.
    """
    groups = {"model": model, "training": training}
    overrides = split_overrides(dict(map(parse_assignment, typed)), groups)
    return (
        apply_overrides(model, overrides["model"]),
        apply_overrides(training, overrides["training"]),
    )


def check_data(data: PreparedData, task: str) -> None:
    """Checks before training what would come out only at its end.

    Raises:
        ValueError: If a split or a file is missing, the spec has no label `task` (empty: its
            first), or training candidates are all of one class.
    """
    for split in dict.fromkeys(("train", "test", *data.manifest.splits)):
        data.files(split)
    label, counts = resolve_task(data.spec, task), data.manifest.splits["train"]
    if not 0 < counts.positives[label] < counts.candidates:
        raise ValueError(
            f"The train split of {data.folder} must have candidates with {label} = 1 and with "
            f"{label} = 0. Received: {counts.positives[label]} of {counts.candidates} with 1. Look "
            "at the labels in the source, or name another label (--set task=...)."
        )


def session_auc(
    score: ScoreFunction, batches: Iterable[Batch], spec: FeatureSpec, task: str
) -> float:
    """The session AUC of scores on encoded evaluation batches."""
    return float(evaluate(score, batches, spec).metrics()[task][ALL]["session_auc"])


def split_batches(data: PreparedData, encoder: Encoder, split: str) -> Any:
    """A split -> a data set of encoded batches with every session once, to be read repeatedly."""
    return evaluation_batches(
        data, encoder, split=split, sessions_per_batch=_SESSIONS_PER_BATCH, replicas=1
    )


def write_run(
    run: BaselineRun,
    encoder: Encoder,
    score: ScoreFunction,
    *,
    train: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    overwrite: bool,
) -> Evaluation:
    """Evaluates a trained yardstick on the test split and makes its folder, whole or not at all.

    Args:
        run: The run.
        encoder: Encoder of the data's spec.
        score: Maps an encoded batch to `{task: probabilities [B, C]}`.
        train: What `metrics.json` says of the training, such as its steps.
        history: One entry for each time that the validation split was looked at.
        overwrite: Whether to replace a run that is there.

    Raises:
        FileExistsError: If the folder is there and may not be replaced.
        ValueError: If a record cannot be read.
    """
    data = run.data
    with whole_folder(run.folder, overwrite=overwrite, mark=SETTINGS_FILE) as partial:
        shutil.copytree(data.vocabulary_folder, partial / VOCABULARIES)
        (partial / SPEC_FILE).write_text(data.spec.to_json(), encoding="utf-8")
        document = json.dumps(run.document(), indent=1)
        (partial / SETTINGS_FILE).write_text(document, encoding="utf-8")
        about = session_document(run.document(), data, "test")
        with SessionFileWriter(sessions_path(partial, "test"), about) as rows, explained(data):
            evaluation = evaluate(
                score,
                named_batches(data, encoder, split="test", sessions_per_batch=_SESSIONS_PER_BATCH),
                data.spec,
                data.vocabulary_folder,
                sessions=rows,
            )
        write_metrics(
            partial / METRICS_FILE,
            {"test": evaluation.document(), "train": dict(train), "history": list(history)},
        )
    return evaluation


def print_run(console: "Console", run: BaselineRun, evaluation: Evaluation) -> None:
    """Prints the metrics of the test split and where everything is."""
    from pipelines.metrics_table import print_metrics

    simulated = ", simulated data" if run.data.manifest.simulated else ""
    for task, segments in evaluation.report().items():
        title = f"{task} by {run.model} on {run.data.spec.name}, test split{simulated}"
        print_metrics(console, segments, title)
    console.print(f"{'sessions':>8}: {sessions_path(run.folder, 'test')}", highlight=False)
    console.print(f"{'metrics':>8}: {run.folder / METRICS_FILE}", highlight=False)
