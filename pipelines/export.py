"""Exports a trained run as a SavedModel with its signatures, checked before it appears."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from pipelines.program import run_program

if TYPE_CHECKING:
    from rich.console import Console

    from ranking.export.saved_model import Export
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
    """A trained run -> its export, with a spinner meanwhile."""
    from ranking.export.saved_model import export_networks
    from ranking.features.encoder import Encoder
    from ranking.features.prepared_data import read_prepared
    from ranking.training.trainer import load_networks

    with console.status("exporting and checking the SavedModel"):
        return export_networks(
            load_networks(run),
            Encoder(run.spec, run.vocabularies),
            read_prepared(Path(data or run.data)),
            Path(out or run.folder / "export"),
        )


def print_export(console: "Console", export: "Export") -> None:
    """Says which signatures an export has and how it was checked."""
    signatures = ", ".join(export.signatures)
    console.print(f"SavedModel with signatures {signatures}", highlight=False)
    if export.gate_refusal:
        console.print(f"No gate signature: {export.gate_refusal}", highlight=False)
    parity = export.parity
    message = f"checked on {parity.sessions} requests: scores within {parity.largest_difference:.1e}"
    if parity.gate_checked:
        message += ", gate then score equal to serving_default bit for bit"
    console.print(f"{message}\n{'export':>8}: {export.folder}", highlight=False)


if __name__ == "__main__":
    _define_flags()
    run_program(main)
