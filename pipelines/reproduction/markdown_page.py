"""A report as Markdown that code hosts show."""

import re

from pipelines.reproduction.page import (
    Block,
    Bullets,
    Cell,
    Code,
    Mark,
    Page,
    Picture,
    Table,
    Text,
    as_cell,
)

_SIGNS: dict[Mark, str] = {"": "", "good": "✔ ", "bad": "✘ ", "unknown": "? "}


def markdown(page: Page) -> str:
    """The text of a Markdown file; pictures are expected beside it."""
    parts = [f"# {page.title}", *map(_block, page.lead)]
    for section in page.sections:
        parts += [f"## {section.title}", *map(_block, section.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return block.text
    if isinstance(block, Bullets):
        return "\n".join(f"- {item}" for item in block.items)
    if isinstance(block, Code):
        return "\n".join(f"    {line}" for line in block.text.splitlines())
    if isinstance(block, Picture):
        return f"![{block.text}]({block.path.name})"
    return _table(block)


def _table(table: Table) -> str:
    rules = [
        "---:" if column >= table.numbers_from else "---" for column in range(len(table.header))
    ]
    lines = [list(map(_escaped, table.header)), rules]
    lines += [[_cell(as_cell(cell)) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Cell) -> str:
    text = _SIGNS[cell.mark] + _escaped(cell.text)
    if (cell.strong or cell.mark) and text:
        text = f"**{text}**"
    return "<br>".join([text, *(f"<sub>{_escaped(note)}</sub>" for note in cell.notes)])


def _escaped(text: str) -> str:
    """Text that is no markup of a table, emphasis or HTML; code stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    plain = [part if part.startswith("`") else _plain(part) for part in parts]
    return "".join(plain).replace("|", r"\|").replace("\n", " ")


def _plain(text: str) -> str:
    # An ampersand with a blank after it begins no entity, and reads better as it is.
    text = re.sub(r"&(?! )", "&amp;", text).replace("<", "&lt;")
    return re.sub(r"([*_])", r"\\\1", text)
