"""A report before it is Markdown or HTML: sections of text, tables and pictures."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

Mark = Literal["", "good", "bad", "unknown"]


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: Its first line.
        notes: Smaller lines below.
        mark: How a verdict looks.
        strong: Whether the first line stands out.
    """

    text: str
    notes: tuple[str, ...] = ()
    mark: Mark = ""
    strong: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table; the columns from `numbers_from` on are aligned to the right.

    Attributes:
        header: Titles of the columns.
        rows: A cell for each column, or its text.
        numbers_from: The first column of numbers.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    numbers_from: int = 1


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph, in which `code`, *emphasis* and **strong** words are marked as in Markdown."""

    text: str


@dataclasses.dataclass(frozen=True)
class Bullets:
    """A list of short texts, marked as in `Text`."""

    items: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Code:
    """Text as it was typed."""

    text: str


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG file beside the report.

    Attributes:
        path: The file.
        text: What it shows, for those who cannot see it.
    """

    path: Path
    text: str


Block = Text | Bullets | Code | Table | Picture


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading with what is below it."""

    title: str
    blocks: Sequence[Block]


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole report: its title, what stands before the first section, and the sections."""

    title: str
    lead: Sequence[Block]
    sections: Sequence[Section]


def as_cell(cell: Cell | str) -> Cell:
    """A cell, or the one that its text stands for."""
    return cell if isinstance(cell, Cell) else Cell(cell)
