"""Where a folder of runs has what a report reads."""

import re
from collections.abc import Collection
from pathlib import Path

from ranking.training.session_document import sessions_path

_RUN_NAME = re.compile(r"(?P<system>.+)-seed(?P<seed>0|[1-9][0-9]*)")


def finished_folders(runs: Path, systems: Collection[str]) -> dict[tuple[str, int], Path]:
    """Maps system and seed to the folder of each finished run named `<system>-seed<k>`."""
    found = {}
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        name = _RUN_NAME.fullmatch(folder.name)
        if name and name["system"] in systems and (folder / "metrics.json").is_file():
            found[name["system"], int(name["seed"])] = folder
    return found


def sessions_file(run: Path, data_name: str) -> Path | None:
    """The file of a run's test sessions; `None` where there is none.

    It is that of training, else what `pipelines.evaluate` left on the data of that name.
    """
    paths = (sessions_path(run, "test"), sessions_path(run, "test", Path(data_name)))
    return next((path for path in paths if path.is_file()), None)
