"""What a run took from the run that it started from."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class TakenRows:
    """What an embedding table took.

    Attributes:
        taken: Rows that were taken, padding and unknown included.
        rows: Rows that it has.
        old_rows: Rows that the table of its name had before; 0 where there was none.
        reason: Why it took none, or "".
    """

    taken: int
    rows: int
    old_rows: int
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class WarmStartReport:
    """What a run took from another.

    Attributes:
        run: Folder of the other.
        model: Its model.
        spec_fingerprint: The fingerprint of its spec.
        step: The step of the checkpoint that the weights are of.
        tables: What each table took, by its name.
        taken: Names of the other weights that were taken.
        skipped: Why others were not, by name.
        new_fields: Inputs that the other spec lacks. What reads all fields at once has another
            shape then, unless as many numbers went as came.
        old_fields: Inputs of the other spec that this one lacks.
    """

    run: str
    model: str
    spec_fingerprint: str
    step: int
    tables: Mapping[str, TakenRows]
    taken: tuple[str, ...]
    skipped: Mapping[str, str]
    new_fields: tuple[str, ...]
    old_fields: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """What `warm_start.json` holds."""
        return dataclasses.asdict(self)
