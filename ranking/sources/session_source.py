"""What a source hands over."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # So that the catalog can be listed at once.
    import pyarrow as pa

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class SessionSource:
    """Sessions by split, each split readable as often as needed.

    Attributes:
        splits: For each split, one of `SPLITS`, a function that starts a pass over its record
            batches. Every pass yields the same sessions in the same order, in the schema
            `session_table.arrow_schema` of the spec that the source was opened with.
        simulated: Whether the sessions were made up rather than logged.
        description: What was read, by which protocol, with which options.
        parts: For splits that several machines may read at once, functions that start a pass over
            one part each. The parts, one after the other, are the split.

    Raises:
        ValueError: If a split has another name.
    """

    splits: "Mapping[str, Callable[[], Iterator[pa.RecordBatch]]]"
    simulated: bool
    description: Mapping[str, str | int | float]
    parts: "Mapping[str, Sequence[Callable[[], Iterator[pa.RecordBatch]]]]" = dataclasses.field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        unknown = sorted(set(self.splits) - set(SPLITS))
        if unknown:
            raise ValueError(f"`splits` must be among {SPLITS}. Received: {unknown}")

    def parts_of(self, split: str) -> "Sequence[Callable[[], Iterator[pa.RecordBatch]]]":
        """The parts of a split; one where it cannot be read in several."""
        return self.parts.get(split, (self.splits[split],))
