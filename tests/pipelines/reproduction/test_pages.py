"""The same page as Markdown and as HTML."""

import base64
from html.parser import HTMLParser

import pytest

from pipelines.reproduction.html_page import html_page
from pipelines.reproduction.markdown_page import markdown
from pipelines.reproduction.page import (
    Bullets,
    Cell,
    Code,
    Page,
    Picture,
    Section,
    Table,
    Text,
)

_VOID = {"meta", "img", "br"}


class _Reader(HTMLParser):
    """Checks that what is opened is closed, and keeps what pages are judged by."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def tags(self, name):
        return [attributes for tag, attributes in self.seen if tag == name]


@pytest.fixture
def page(tmp_path):
    picture = tmp_path / "gates.png"
    picture.write_bytes(b"not really a picture")
    table = Table(
        ["Model", "AUC"],
        [
            [Cell("A & B", ("over x_y",)), Cell("0.8", ("paper <0.9",), strong=True)],
            ["`a_b`|c", Cell("held", mark="good")],
        ],
    )
    blocks = [Text("Words with `code_here` and *some* **strong** ones."), table]
    more = [Picture(picture, 'a "map"'), Code("make x"), Bullets(["one", "two"])]
    return Page(
        "A < B", [Text("First.")], [Section("Table II: all", blocks), Section("More", more)]
    )


def test_markdown(page):
    text = markdown(page)
    assert text.startswith("# A < B\n\nFirst.\n\n## Table II: all\n\nWords with `code_here`")
    assert "| Model | AUC |\n| --- | ---: |\n" in text
    assert r"| A & B<br><sub>over x\_y</sub> | **0.8**<br><sub>paper &lt;0.9</sub> |" in text
    assert r"| `a_b`\|c | **✔ held** |" in text
    assert '![a "map"](gates.png)' in text and "\n\n    make x\n" in text and "- one\n- two" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in rows} == {3}


def test_html_is_whole_and_needs_nothing_else(page):
    reader = _Reader()
    reader.feed(html_page(page))
    reader.close()
    assert reader.open == []
    assert not reader.tags("script") and not reader.tags("link")
    source = reader.tags("img")[0]["src"]
    prefix = "data:image/png;base64,"
    assert source.startswith(prefix)
    assert base64.b64decode(source.removeprefix(prefix)) == b"not really a picture"
    assert reader.tags("img")[0]["alt"] == 'a "map"'
    targets = {f"#{attributes['id']}" for attributes in reader.tags("h2")}
    assert {attributes["href"] for attributes in reader.tags("a")} == targets
    assert [attributes.get("class") for attributes in reader.tags("td")] == [None, "number"] * 2
    assert {"class": "good"} in reader.tags("span")
    for words in ("A & B", "paper <0.9", "✔ held", "over x_y", "code_here"):
        assert words in reader.text
    assert len(reader.tags("em")) == 1 and len(reader.tags("strong")) == 2


def test_html_has_colors_for_light_and_dark(page):
    assert "prefers-color-scheme: dark" in html_page(page)
