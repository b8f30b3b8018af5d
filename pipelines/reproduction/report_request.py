"""What a report says that its runs do not."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pipelines.reproduction.data_origin import DataOrigin


@dataclasses.dataclass(frozen=True)
class ReportRequest:
    """What a report says that its runs do not.

    Attributes:
        folder: Where its files go.
        name: What they are called, without ending: paper and data.
        data_name: What the data are called.
        command: What makes it again.
        missing: Runs that were asked for and are not there.
        origin: How the data were prepared, if that is known.
    """

    folder: Path
    name: str
    data_name: str
    command: str
    missing: Sequence[str] = ()
    origin: DataOrigin | None = None

    def path(self, ending: str) -> Path:
        """The file with that ending."""
        return self.folder / f"{self.name}{ending}"
