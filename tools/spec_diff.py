r"""Says what differs between two specs, for a server, for a trainer and for a checkpoint.

Examples:

  Two spec files:
    python -m tools.spec_diff --before=feature_specs/demo.yaml --after=my_spec.yaml

  The version that is served and the one that is to be, as far as clients are concerned:
    python -m tools.spec_diff --before=runs/a/export/3 --after=runs/b/export/1 --part=server

A spec is a file, or lies in a prepared folder, a run or a version of an export. The exit code is 0
where nothing differs, 2 where something does, and 1 for an error.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.program import run_program

if TYPE_CHECKING:
    from ranking.features.spec import FeatureSpec
    from tools.spec_changes import SpecChange

FLAGS = flags.FLAGS

DIFFERENT = 2
PARTS = ("server", "trainer", "checkpoint")
_PLACES = ("feature_spec.json", "assets.extra/feature_spec.json")
_WIDTH = 160
_LONGEST = 60


def _define_flags() -> None:
    flags.DEFINE_string("before", None, "Spec, or a folder that has one.", required=True)
    flags.DEFINE_string("after", None, "The spec to compare it with.", required=True)
    flags.DEFINE_enum("part", "all", ["all", *PARTS], "Shows only what concerns this part.")


def main() -> None:
    """Prints the differences and exits with 2 where there are some."""
    from tools.spec_changes import spec_changes

    before, after = _read(Path(FLAGS.before)), _read(Path(FLAGS.after))
    changes = [
        change
        for change in spec_changes(before, after)
        if FLAGS.part == "all" or getattr(change, FLAGS.part)
    ]
    # What a pipe reads is not bound to a screen; 80 columns would break the table.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    _print(console, before, after, changes)
    if changes:
        sys.exit(DIFFERENT)


def _read(path: Path) -> "FeatureSpec":
    from ranking.features.spec_reader import read_spec

    if not path.is_dir():
        return read_spec(path)
    for place in _PLACES:
        if (path / place).is_file():
            return read_spec(path / place)
    raise ValueError(
        f"{path} must be a spec file, a prepared folder, a run or a version of an export. "
        f"Received: a folder without {' and '.join(_PLACES)}."
    )


def _print(
    console: Console,
    before: "FeatureSpec",
    after: "FeatureSpec",
    changes: Sequence["SpecChange"],
) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    for name, spec in (("before", before), ("after", after)):
        line(f"{name:>6}: {spec.name} {spec.fingerprint}")
    if before.fingerprint == after.fingerprint:
        line("The specs are the same.")
        return
    if changes:
        table = Table("place", "before", "after", *PARTS, box=box.SIMPLE_HEAD, padding=0)
        for change in changes:
            table.add_row(
                *map(_cell, (change.place, change.before, change.after)),
                *(getattr(change, part) or "–" for part in PARTS),
            )
        console.print(table, markup=False)
    else:
        line(f"Nothing differs for a {FLAGS.part}.")
    line("Data, runs and exports of one fingerprint are refused with those of the other.")


def _cell(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


if __name__ == "__main__":
    _define_flags()
    run_program(main, uses_tensorflow=False)
