"""Sections on what varies, where one scenario never has a label of one task."""

import pytest

from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.usr_reproduction import variation_sections
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.stress_curves import corruption_curves
from pipelines.usr_reproduction.usr_systems import SYSTEMS
from pipelines.usr_reproduction.variation_sections import (
    ablation_section,
    size_section,
    stress_section,
)
from tests.helpers.fake_usr_runs import fake_usr_run

RUNS = (
    "star",
    "star-embedding_size=8",
    "usr_star",
    "usr_star-embedding_size=8",
    "usr_star-global_label_noise=0.5",
    "usr_star_no_ie",
)
NEVER = [("search", "engagement")]
PANELS = ["recommendation, CTR", "recommendation, engagement", "search, CTR"]


@pytest.fixture(scope="module")
def measurements(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variations")
    for system in RUNS:
        fake_usr_run(folder, system, 1, tasks=("click", "engagement"), never=NEVER)
    return AucMeasurements(read_evaluated(folder, "made-up", SYSTEMS), draws=30)


@pytest.fixture
def drawn(monkeypatch):
    """Titles of the panels of all figures that are drawn."""
    titles = []

    def watch(name):
        figure = getattr(variation_sections, name)

        def draw(panels, *arguments, **options):
            titles.extend(sorted(panels))
            figure(panels, *arguments, **options)

        monkeypatch.setattr(variation_sections, name, draw)

    watch("ablation_figure")
    watch("curve_figure")
    return titles


def _stress_section(measurements, path):
    curves = corruption_curves(measurements, path.parent)
    cells = measurements.cells
    return stress_section(curves, cells, path, option="noise", title="Noise", words="Words.")


@pytest.mark.parametrize("section", [ablation_section, size_section, _stress_section])
def test_what_has_no_auc_has_no_panel(measurements, tmp_path, drawn, section):
    figure = section(measurements, tmp_path / "figure.png")
    assert drawn == PANELS
    table = figure.section.blocks[-1]
    column = table.header.index("search, engagement")
    assert {getattr(row[column], "text", row[column]) for row in table.rows} == {"–"}


def test_what_stays_as_it_is_is_said_of_sizes(measurements, tmp_path):
    words = size_section(measurements, tmp_path / "figure.png").section.blocks[0].text
    assert "`embedding_size` alone varies" in words
    assert "widths of embedding tables and of other features (`feature_size`)" in words
