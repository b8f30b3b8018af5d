"""Where the data of a reproduction came from."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class DataOrigin:
    """How data were prepared.

    Attributes:
        train_sessions: Sessions of the train split.
        behaviors: Most behaviors kept of a history, the newest.
        source: What the source says of itself: its name, its options, what it counted.
    """

    train_sessions: int
    behaviors: int
    source: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        return dataclasses.asdict(self)


def data_origin(folder: Path) -> DataOrigin | None:
    """Reads it from prepared data; `None` where there are none, as a report can do without."""
    from ranking.features.prepared_data import find_prepared

    prepared = find_prepared(folder)
    if prepared is None:
        return None
    return DataOrigin(
        train_sessions=prepared.manifest.splits["train"].sessions,
        behaviors=prepared.spec.behaviors_max_length,
        source={name: _told(value) for name, value in prepared.manifest.source.items()},
    )


def _told(value: Any) -> Any:
    """A file's name in place of its path, which says something about one machine alone."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
