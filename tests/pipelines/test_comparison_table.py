import io
import math
import re

import numpy as np
import pytest
from rich.console import Console

from pipelines.comparison_table import gains_table, print_comparison
from ranking.metrics.comparison import compare_systems
from tests.helpers.comparison_reports import small_report


def _printed(report, width, terminal=True):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, no_color=True, _environ={}
    )
    print_comparison(console, report)
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())


@pytest.mark.parametrize("width", [130, 100, 80])
def test_numbers_are_never_cut(tmp_path, width):
    text = _printed(small_report(tmp_path), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert ("Left out for want of space" in text) == (width < 120)
    assert "verdict" in text and "95 %" in text


def test_a_file_gets_every_column(tmp_path):
    text = _printed(small_report(tmp_path), 40, terminal=False)
    assert "…" not in text and "users redrawn" in text and "p unpaired" in text


def _cells(comparison):
    console = Console(file=io.StringIO(), width=200)
    console.print(gains_table({"[b]AUC": comparison}, "[i]title"))
    text = console.file.getvalue()
    assert "[i]title" in text  # names are not read as markup
    row = next(line for line in text.splitlines() if line.startswith("[b]AUC"))
    return re.split(r"\s{2,}", row.strip())


def test_cells():
    base = np.random.default_rng(1).uniform(size=97)
    found = compare_systems([base], [base + 0.0125 + 0.01 * (base > 0.5)], None, draws=50)
    cells = _cells(found)
    assert cells[:3] == ["[b]AUC", "97", "97"]
    assert cells[3] == f"{found.gain:+.4f}"
    assert cells[4] == f"{found.low:+.4f} to {found.high:+.4f}"
    assert cells[5] == f"{found.bootstrap_low:+.4f} to {found.bootstrap_high:+.4f}"
    assert cells[6] == f"{found.p_value:.0e}" and found.p_value < 1e-10
    assert cells[7] == f"{found.p_value_unpaired:.3f}"
    assert cells[8:] == [f"{found.smallest_detectable:.4f}", "better"]


def test_nothing_known_is_a_dash_and_no_gain_has_no_sign():
    nothing = _cells(compare_systems([np.full(5, math.nan)], [np.zeros(5)], None))
    assert nothing == ["[b]AUC", "0", "0", *["–"] * 6, "cannot tell"]
    noise = np.random.default_rng(1).normal(size=97)
    noise = 0.01 * (noise - noise.mean()) - 1e-6
    tiny = _cells(compare_systems([np.zeros(97)], [noise], None, draws=50))
    assert tiny[3] == "0.0000" and tiny[-1] == "cannot tell"
