"""A report as files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.reproduction.html_page import html_page
from pipelines.reproduction.markdown_page import markdown
from pipelines.reproduction.page import Page
from pipelines.reproduction.report_request import ReportRequest
from ranking.training.metrics_file import write_metrics


def write_page(request: ReportRequest, page: Page, numbers: Mapping[str, Any]) -> list[Path]:
    """Writes a page as Markdown and HTML and its numbers as JSON -> the three files."""
    write_metrics(request.path(".json"), numbers)
    _write(request.path(".md"), markdown(page))
    _write(request.path(".html"), html_page(page))
    return [request.path(ending) for ending in (".md", ".html", ".json")]


def _write(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
