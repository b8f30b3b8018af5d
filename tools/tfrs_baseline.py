r"""Trains DLRM or DCN-v2 as tensorflow-recommenders has them: a yardstick from outside.

The models train on the same prepared records as those of the catalog, one row per impression; they
have no part for sequences, so the behaviors' vectors are averaged. The best epoch on the validation
split is evaluated; settings.json, metrics.json and sessions-test.parquet come in the same form.

tensorflow-recommenders (`pip install 'ranking[tfrs]'`) needs the Keras that it was written for, and
asks for it by TF_USE_LEGACY_KERAS=1. This program sets that for its process before TensorFlow
loads. The rest of the project uses Keras 3, so nothing else can be built in the same process.

Examples:

    python -m tools.tfrs_baseline --model=tfrs_dcn --data=data/demo --out=runs/tfrs_dcn

  DLRM with narrower vectors and less dropout:
    python -m tools.tfrs_baseline --model=tfrs_dlrm --data=data/demo --out=runs/tfrs_dlrm \
      --set=width=16 --set=embedding_dropout=0.1

What the settings are: python -m pipelines.settings --model=tfrs_dcn
"""

import importlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from pipelines.program import run_program

if TYPE_CHECKING:
    from rich.console import Console

    from ranking.features.encoder import Encoder
    from tools.baseline_run import BaselineRun
    from tools.tfrs_models import ImpressionModel
    from tools.tfrs_trainer import TfrsTrainer

FLAGS = flags.FLAGS

_PACKAGE = "tensorflow_recommenders"


def _define_flags() -> None:
    flags.DEFINE_string("model", None, "tfrs_dcn or tfrs_dlrm.", required=True)
    flags.DEFINE_string("data", None, "Folder of prepared data.", required=True)
    flags.DEFINE_string("out", None, "Folder of the run, made by this program.", required=True)
    flags.DEFINE_integer("seed", 1, "Seeds weights, batches and sampling.", lower_bound=0)
    flags.DEFINE_multi_string("set", [], "Changes a setting, such as epochs=3. Repeatable.")
    flags.DEFINE_bool("overwrite", False, "Whether to replace a run that is already there.")


def main() -> None:
    """Trains, evaluates; prints the metrics table and the paths."""
    started = time.perf_counter()
    from rich.console import Console

    from ranking.features.encoder import Encoder
    from ranking.features.whole_folder import check_free
    from ranking.training.run_folder import SETTINGS_FILE
    from tools.baseline_run import print_run, write_run

    console = Console()
    run = _describe_run()
    check_free(run.folder, overwrite=FLAGS.overwrite, mark=SETTINGS_FILE)
    encoder = Encoder(run.data.spec, run.data.vocabulary_folder)
    model, trainer = _trained(console, run, encoder)
    train = {
        "steps": int(trainer.history[-1]["step"]),
        "best_step": trainer.best_step,
        "seconds": time.perf_counter() - started,
    }
    from tools.tfrs_models import score_function

    evaluation = write_run(
        run,
        encoder,
        score_function(model, _task(run)),
        train=train,
        history=trainer.history,
        overwrite=FLAGS.overwrite,
    )
    print_run(console, run, evaluation)
    console.print(f"{'time':>8}: {time.perf_counter() - started:.0f} s", highlight=False)


def _describe_run() -> "BaselineRun":
    """Flags and data -> the run they describe."""
    import tensorflow as tf

    from pipelines.yardsticks import YARDSTICKS
    from ranking.did_you_mean import did_you_mean
    from ranking.features.prepared_data import read_prepared
    from tools.baseline_run import BaselineRun, check_data, read_settings

    models = {name: each for name, each in YARDSTICKS.items() if name.startswith("tfrs_")}
    if FLAGS.model not in models:
        raise ValueError(f"There is no model `{FLAGS.model}`. {did_you_mean(FLAGS.model, models)}")
    default = models[FLAGS.model]
    settings, training = read_settings(default.settings, default.training, FLAGS.set)
    data = read_prepared(Path(FLAGS.data))
    check_data(data, settings.task)
    return BaselineRun(
        folder=Path(FLAGS.out),
        model=FLAGS.model,
        model_settings=settings,
        training_settings=training,
        seed=FLAGS.seed,
        data=data,
        versions={"tensorflow-recommenders": _recommenders(), "tensorflow": tf.__version__},
    )


def _recommenders() -> str:
    """The version of tensorflow-recommenders.

    Raises:
        ValueError: If it is not installed, or loads with another Keras than it needs.
    """
    try:
        return str(importlib.import_module(_PACKAGE).__version__)
    except ImportError as error:
        raise ValueError(
            f"This program needs tensorflow-recommenders and tf-keras: {error}. Install them with "
            "`pip install 'ranking[tfrs]'`, or start it with `make train MODEL=tfrs_dcn`."
        ) from error


def _trained(
    console: "Console", run: "BaselineRun", encoder: "Encoder"
) -> tuple["ImpressionModel", "TfrsTrainer"]:
    """Builds and trains the model -> it with the weights of its best epoch, and how that went."""
    import tf_keras

    from ranking.features.reading_errors import explained
    from tools.baseline_run import session_auc, split_batches
    from tools.tfrs_models import ImpressionModel, score_function
    from tools.tfrs_trainer import TfrsTrainer

    data, training = run.data, run.training_settings
    tf_keras.utils.set_random_seed(run.seed)
    model = ImpressionModel(data.spec, _task(run), run.model_settings)
    trainer = TfrsTrainer(model, data, encoder, _task(run), training, run.seed)
    console.print(
        f"[bold]{run.model}[/bold] on {'simulated ' if data.manifest.simulated else ''}data "
        f"{data.folder}: {trainer.steps} steps an epoch, {training.epochs} epochs at most",
        highlight=False,
    )
    validate = None
    if "validation" in data.manifest.splits:
        batches = split_batches(data, encoder, "validation")
        score = score_function(model, _task(run))

        def validate() -> float:
            with explained(data):
                return session_auc(score, batches, data.spec, _task(run))

    def observe(entry: Mapping[str, Any]) -> None:
        auc = entry.get("validation_session_auc")
        text = "" if auc is None else f", validation session AUC {auc:.4f}"
        line = f"epoch {entry['epoch']:.0f}: loss {entry['loss']:.4f}{text}"
        console.print(line, highlight=False)

    trainer.train(validate, observe)
    return model, trainer


def _task(run: "BaselineRun") -> str:
    from ranking.models.single_task import resolve_task

    return resolve_task(run.data.spec, run.model_settings.task)


if __name__ == "__main__":
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    _define_flags()
    run_program(main)
