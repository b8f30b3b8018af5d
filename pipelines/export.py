"""Exports a trained run as a SavedModel with its signatures, checked before it appears."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from pipelines.program import run_program

if TYPE_CHECKING:
    from rich.console import Console

    from ranking.export.saved_model import Export
    from ranking.features.prepared_data import PreparedData
    from ranking.training.run_folder import Run

FLAGS = flags.FLAGS


def _define_flags() -> None:
    flags.DEFINE_string("run", None, "Folder of the run to export.", required=True)
    flags.DEFINE_string("data", None, "Prepared data for the check; the run's own by default.")
    flags.DEFINE_string("out", None, "Folder of the versions; <run>/export by default.")


def main() -> None:
    """Exports and prints where to, with which signatures, and what the check saw."""
    from rich.console import Console

    from ranking.training.run_folder import open_run

    console = Console()
    print_export(console, export_run(console, open_run(Path(FLAGS.run)), FLAGS.data, FLAGS.out))


def export_run(
    console: "Console", run: "Run", data: str | None = None, out: str | None = None
) -> "Export":
    """A trained run -> its export, with a spinner meanwhile.

    The networks are loaded anew from the best checkpoint, so it does not matter on which devices
    they were trained.

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
        )


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
    checked = f"checked on {parity.requests} requests: scores within "
    checked += f"{parity.largest_difference:.1e}"
    if parity.gate_checked:
        checked += ", gate then score equal to serving_default bit for bit"
    line(checked)
    line(f"{'export':>8}: {export.folder}")


if __name__ == "__main__":
    _define_flags()
    run_program(main)
