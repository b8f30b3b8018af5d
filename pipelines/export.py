"""Exports a trained run as a SavedModel with its signatures, checked before it appears."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from pipelines.program import run_program

if TYPE_CHECKING:
    from rich.console import Console

    from ranking.export.model_card import TrainedModel
    from ranking.export.saved_model import Export
    from ranking.features.prepared_data import PreparedData
    from ranking.training.run_folder import Run

FLAGS = flags.FLAGS

_SPLITS = ("validation", "test")


def _define_flags() -> None:
    flags.DEFINE_string("run", None, "Folder of the run to export.", required=True)
    flags.DEFINE_string("data", None, "Prepared data for the check; the run's own by default.")
    flags.DEFINE_string("out", None, "Folder of the versions; <run>/export by default.")
    flags.DEFINE_integer(
        "keep", None, "Number of newest versions to keep; all by default.", lower_bound=1
    )


def main() -> None:
    """Exports and prints where to, with which signatures, and what the check saw."""
    from rich.console import Console

    from ranking.training.run_folder import open_run

    console = Console()
    run = open_run(Path(FLAGS.run))
    print_export(console, export_run(console, run, FLAGS.data, FLAGS.out, keep=FLAGS.keep))


def export_run(
    console: "Console",
    run: "Run",
    data: str | None = None,
    out: str | None = None,
    *,
    keep: int | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> "Export":
    """A trained run -> its export, with a spinner meanwhile.

    The networks are loaded anew from the best checkpoint, so it does not matter on which devices
    they were trained.

    Args:
        console: Where the spinner turns.
        run: The run.
        data: Folder of prepared data for the check; the run's own by default.
        out: Folder of the versions; that of the run by default.
        keep: Number of newest versions to keep; all by default.
        metrics: Metrics by split for the model card; those of the run's `metrics.json` by default.

    Raises:
        ParityError: If the SavedModel does not answer as the model does; nothing is published then.
        ValueError: If there is no checkpoint, if the data are missing or belong to another spec.
    """
    from ranking.export.saved_model import export_networks
    from ranking.features.encoder import Encoder
    from ranking.training.trainer import load_networks

    prepared = _read_data(run, data)
    with console.status("exporting and checking the SavedModel"):
        return export_networks(
            load_networks(run),
            Encoder(run.spec, run.vocabularies),
            prepared,
            Path(out or run.folder / "export"),
            _trained_model(run, metrics),
            keep=keep,
        )


def _trained_model(run: "Run", metrics: Mapping[str, Any] | None) -> "TrainedModel":
    """What the model card says of a run."""
    from ranking.export.model_card import TrainedModel
    from ranking.training.metrics_file import read_metrics

    if metrics is None:
        document = read_metrics(run.metrics_path) if run.metrics_path.exists() else {}
        metrics = {split: document[split] for split in _SPLITS if split in document}
    names = ["model_settings", "training_settings", "seed", "data"]
    if run.warm_start is not None:
        names.append("warm_start")
    settings = {name: run.document()[name] for name in names}
    return TrainedModel(run.model, settings, metrics, run.simulated)


def _read_data(run: "Run", data: str | None) -> "PreparedData":
    from ranking.features.prepared_data import PreparedDataError, read_prepared

    if data is not None:
        return read_prepared(data)
    try:
        return read_prepared(run.data)
    except PreparedDataError as error:
        raise PreparedDataError(
            f"An export is checked on the data that the run was trained on: {error} If they are "
            "elsewhere now, name their folder with --data."
        ) from error


def print_export(console: "Console", export: "Export") -> None:
    """Says which signatures an export has and how it was checked."""

    def line(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    line(f"SavedModel with signatures {', '.join(export.signatures)}")
    if export.gate_refusal:
        line(f"No gate signature: {export.gate_refusal}")
    parity = export.parity
    line(
        f"checked on {parity.requests} requests: scores within {parity.largest_difference:.1e}, "
        f"merged requests within {parity.largest_merged_difference:.1e}"
    )
    if parity.equal_ways:
        line(f"equal to serving_default bit for bit: {', '.join(parity.equal_ways)}")
    line(f"{export.warm_up_requests} warm-up requests answered")
    if export.removed:
        line(f"removed older versions: {', '.join(map(str, export.removed))}")
    line(f"{'export':>8}: {export.folder}")


if __name__ == "__main__":
    _define_flags()
    run_program(main)
