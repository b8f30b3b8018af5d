"""A report as one HTML file that needs nothing else."""

import base64
import html
import re

from pipelines.reproduction.page import (
    Block,
    Bullets,
    Cell,
    Code,
    Page,
    Picture,
    Section,
    Table,
    Text,
    as_cell,
)

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0;
  --band: #f6f8fa; --good: #1a7f37; --bad: #cf222e; --unknown: #9a6700; --back: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --faint: #9aa4af; --line: #3a424c;
  --band: #1c2129; --good: #56d364; --bad: #ff7b72; --unknown: #e3b341; --back: #12161c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 2rem 1.25rem 4rem; color: var(--ink);
  background: var(--back); font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
p, li { max-width: 52rem; }
nav { color: var(--faint); font-size: .9rem; margin: 1.2rem 0; }
nav a { margin-right: 1rem; white-space: nowrap; }
a { color: inherit; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .8rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { background: var(--band); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; }
td small { display: block; color: var(--faint); font-size: .8rem; line-height: 1.35; }
.good { color: var(--good); } .bad { color: var(--bad); } .unknown { color: var(--unknown); }
.good, .bad, .unknown { font-weight: 600; white-space: nowrap; }
code, pre { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--band); padding: .1em .3em; border-radius: 4px; }
pre { background: var(--band); padding: .8rem 1rem; border-radius: 6px; overflow-x: auto; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: 6px; }
@media print { body { max-width: none; padding: 0; } nav { display: none; } }
"""
_SIGNS = {"": "", "good": "✔ ", "bad": "✘ ", "unknown": "? "}


def html_page(page: Page) -> str:
    """The text of an HTML file; pictures are inside."""
    links = "".join(
        f'<a href="#{_anchor(section.title)}">{_escaped(section.title)}</a>'
        for section in page.sections
    )
    body = [f"<h1>{_escaped(page.title)}</h1>", *map(_block, page.lead), f"<nav>{links}</nav>"]
    body += [_section(section) for section in page.sections]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(page.title)}</title><style>{_STYLE}</style>"
    )
    lines = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{lines}\n</body></html>\n'
    )


def _section(section: Section) -> str:
    heading = f'<h2 id="{_anchor(section.title)}">{_escaped(section.title)}</h2>'
    return "\n".join([heading, *map(_block, section.blocks)])


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return f"<p>{_rich(block.text)}</p>"
    if isinstance(block, Bullets):
        return f"<ul>{''.join(f'<li>{_rich(item)}</li>' for item in block.items)}</ul>"
    if isinstance(block, Code):
        return f"<pre>{html.escape(block.text)}</pre>"
    if isinstance(block, Picture):
        content = base64.b64encode(block.path.read_bytes()).decode("ascii")
        text = html.escape(block.text, quote=True)
        return f'<figure><img alt="{text}" src="data:image/png;base64,{content}"></figure>'
    return _table(block)


def _table(table: Table) -> str:
    def kind(column: int) -> str:
        return ' class="number"' if column >= table.numbers_from else ""

    header = "".join(f"<th{kind(i)}>{_escaped(title)}</th>" for i, title in enumerate(table.header))
    rows = "\n".join(
        f"<tr>{''.join(f'<td{kind(i)}>{_cell(as_cell(c))}</td>' for i, c in enumerate(row))}</tr>"
        for row in table.rows
    )
    return (
        f'<div class="wide"><table><thead><tr>{header}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    text = _escaped(_SIGNS[cell.mark] + cell.text)
    if cell.mark:
        text = f'<span class="{cell.mark}">{text}</span>'
    elif cell.strong:
        text = f"<strong>{text}</strong>"
    return text + "".join(f"<small>{_escaped(note)}</small>" for note in cell.notes)


def _escaped(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))


def _rich(text: str) -> str:
    strong = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", _escaped(text))
    return re.sub(r"\*(.+?)\*", r"<em>\1</em>", strong)


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
