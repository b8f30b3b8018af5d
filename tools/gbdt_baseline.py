r"""Trains gradient-boosted trees on counting features: a yardstick for models that learn vectors.

The trees (scikit-learn's) see how popular a candidate is, how its item, category, brand and other
attributes overlap with the history, and how many users of the train split had it together with what
is in the history. They train on the same prepared records as the models of the catalog and leave
settings.json, metrics.json and sessions-test.parquet in the same form.

Examples:

    python -m tools.gbdt_baseline --data=data/demo --out=runs/gbdt

  More trees, each correcting less:
    python -m tools.gbdt_baseline --data=data/demo --out=runs/gbdt_slow \
      --set=learning_rate=0.05 --set=trees=400 --set=patience=100

What the settings are: python -m pipelines.settings --model=gbdt
"""

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
    from tools.boosted_trees import BoostedTrees

FLAGS = flags.FLAGS

_SESSIONS_PER_BATCH = 1024


def _define_flags() -> None:
    flags.DEFINE_string("data", None, "Folder of prepared data.", required=True)
    flags.DEFINE_string("out", None, "Folder of the run, made by this program.", required=True)
    flags.DEFINE_integer("seed", 1, "Seeds folds, sampling and trees.", lower_bound=0)
    flags.DEFINE_multi_string("set", [], "Changes a setting, such as trees=300. Repeatable.")
    flags.DEFINE_bool("overwrite", False, "Whether to replace a run that is already there.")


def main() -> None:
    """Counts, trains, evaluates; prints the metrics table and the paths."""
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
    trees = _trained(console, run, encoder)
    train = {
        "trees": trees.trees,
        "best_trees": trees.best_trees,
        "seconds": time.perf_counter() - started,
    }
    evaluation = write_run(
        run, encoder, trees.score, train=train, history=trees.history, overwrite=FLAGS.overwrite
    )
    print_run(console, run, evaluation)
    console.print(f"{'time':>8}: {time.perf_counter() - started:.0f} s", highlight=False)


def _describe_run() -> "BaselineRun":
    """Flags and data -> the run they describe."""
    import sklearn

    from pipelines.yardsticks import YARDSTICKS
    from ranking.features.prepared_data import read_prepared
    from tools.baseline_run import BaselineRun, check_data, read_settings

    default = YARDSTICKS["gbdt"]
    settings, training = read_settings(default.settings, default.training, FLAGS.set)
    data = read_prepared(Path(FLAGS.data))
    check_data(data, settings.task)
    return BaselineRun(
        folder=Path(FLAGS.out),
        model="gbdt",
        model_settings=settings,
        training_settings=training,
        seed=FLAGS.seed,
        data=data,
        versions={"scikit-learn": sklearn.__version__},
    )


def _trained(console: "Console", run: "BaselineRun", encoder: "Encoder") -> "BoostedTrees":
    """Counts the train split, makes its rows, and grows trees on them."""
    from ranking.features.reading_errors import explained
    from tools.baseline_run import session_auc, split_batches

    data = run.data
    task = _task(run)
    with explained(data), console.status("counting the train split"):
        trees = _counted_trees(run, encoder)
        rows, labels = trees.rows(_training_batches(run, encoder))
    console.print(
        f"[bold]gbdt[/bold] on {'simulated ' if data.manifest.simulated else ''}data "
        f"{data.folder}: {len(rows):,} candidates, {rows.shape[1]} columns",
        highlight=False,
    )
    validate = None
    if "validation" in data.manifest.splits:
        with explained(data):
            batches = list(split_batches(data, encoder, "validation").as_numpy_iterator())

        def validate() -> float:
            return session_auc(trees.score, batches, data.spec, task)

    def observe(entry: Mapping[str, float]) -> None:
        auc = entry.get("validation_session_auc")
        text = "" if auc is None else f": validation session AUC {auc:.4f}"
        console.print(f"{entry['trees']:.0f} trees{text}", highlight=False)

    with console.status("growing trees"):
        trees.train(rows, labels, run.training_settings, validate, observe)
    return trees


def _counted_trees(run: "BaselineRun", encoder: "Encoder") -> "BoostedTrees":
    """Trees, still to be grown, on counts of the train split."""
    from tools.baseline_run import split_batches
    from tools.boosted_trees import BoostedTrees
    from tools.counting_features import CountingFeatures
    from tools.train_counts import TrainCounts

    spec, settings = run.data.spec, run.model_settings
    batches = split_batches(run.data, encoder, "train")
    counts = TrainCounts(spec, _task(run), batches, folds=settings.folds, seed=run.seed)
    return BoostedTrees(CountingFeatures(spec, counts), _task(run), settings, run.seed)


def _training_batches(run: "BaselineRun", encoder: "Encoder") -> Any:
    """One pass over the train split with some of the negatives, drawn at random."""
    from ranking.features.dataset import training_batches

    ratio = run.training_settings.negatives_per_positive
    split = run.data.manifest.splits["train"]
    sessions = split.sessions if ratio is None else split.sessions_with_positive[_task(run)]
    return training_batches(
        run.data,
        encoder,
        split="train",
        # What fills no batch is lost, so batches of little data are small.
        sessions_per_batch=max(1, min(_SESSIONS_PER_BATCH, sessions // 64)),
        replicas=1,
        seed=run.seed,
        epoch=0,
        skip_batches=0,
        label=_task(run),
        negatives_per_positive=ratio,
        pad_to_max=False,
        by_size=True,  # Little padding to cut off again; trees see the rows of all batches at once.
    )


def _task(run: "BaselineRun") -> str:
    from ranking.models.single_task import resolve_task

    return resolve_task(run.data.spec, run.model_settings.task)


if __name__ == "__main__":
    # Threads that wait should sleep: trees take many short steps, and waiting threads that spin
    # make them several times slower where other programs run too. Read when scikit-learn loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _define_flags()
    run_program(main)
