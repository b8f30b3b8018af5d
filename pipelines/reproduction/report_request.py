"""What a report says that its runs do not."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class ReportRequest:
    """What a report says that its runs do not.

    Attributes:
        folder: Where its files go.
        name: What they are called, without ending: paper and data.
        data_name: What the data are called.
        command: What makes it again.
        missing: Runs that were asked for and are not there.
        train_sessions: Sessions of the train split, if they are known.
    """

    folder: Path
    name: str
    data_name: str
    command: str
    missing: Sequence[str] = ()
    train_sessions: int | None = None

    def path(self, ending: str) -> Path:
        """The file with that ending."""
        return self.folder / f"{self.name}{ending}"
