import math

import numpy as np
import pytest

from pipelines.reproduction.sweep_figures import sweep_figure
from tests.helpers.gate_sessions import png_size

SWEEPS = {
    "mask_probability": {0.1: [0.7, 0.72, 0.71], 0.01: [0.69, 0.68, 0.7], 0.5: [0.66, 0.67, 0.65]},
    "num_negatives": {1: [0.69], 3: [0.71], 5: [0.7], 16: [0.68]},
}
CENTER = {"mask_probability": 0.1, "num_negatives": 3}


@pytest.fixture
def drawn(monkeypatch):
    """Figures instead of files."""
    figures = []
    monkeypatch.setattr(
        "pipelines.reproduction.sweep_figures.save_figure",
        lambda figure, path: figures.append(figure),
    )
    return figures


def _draw(tmp_path, sweeps=None, center=CENTER, *, metric="AUC@10", simulated=False):
    sweep_figure(
        SWEEPS if sweeps is None else sweeps,
        center,
        tmp_path / "sweep.png",
        metric=metric,
        simulated=simulated,
    )


def test_the_picture_is_small(tmp_path):
    _draw(tmp_path, simulated=True)
    width, height = png_size(tmp_path / "sweep.png")
    assert width == 900 and 250 < height < 600
    assert 3_000 < (tmp_path / "sweep.png").stat().st_size < 100_000


def test_a_panel_shows_runs_means_and_spread(tmp_path, drawn):
    _draw(tmp_path, simulated=True)
    mask, negatives = drawn[0].axes
    assert drawn[0].get_suptitle() == "AUC@10, one setting varied at a time (simulated data)"
    assert (mask.get_xlabel(), mask.get_ylabel()) == ("mask probability", "AUC@10")
    assert [tick.get_text() for tick in mask.get_xticklabels()] == ["0.01", "0.1", "0.5"]
    np.testing.assert_array_equal(negatives.get_xticks(), [0, 1, 2, 3])
    np.testing.assert_allclose(mask.lines[0].get_ydata(), [0.69, 0.71, 0.66])
    dots = [
        dots.get_offsets()[:, 1].tolist() for dots in mask.collections if len(dots.get_offsets())
    ]
    assert dots[:1] == [[0.69, 0.68, 0.7]]
    (low, high) = mask.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((0.68, 0.70))
    assert len(mask.containers) == 3 and not negatives.containers


def test_all_panels_have_one_scale(tmp_path, drawn):
    _draw(tmp_path)
    mask, negatives = drawn[0].axes
    assert mask.get_ylim() == negatives.get_ylim()
    assert mask.get_ylim()[0] < 0.65 and mask.get_ylim()[1] > 0.72


def test_the_papers_choice_is_marked(tmp_path, drawn):
    _draw(tmp_path)
    for axes, place in zip(drawn[0].axes, (1, 1), strict=True):
        (band,) = axes.patches
        extent = axes.transData.inverted().transform_bbox(band.get_window_extent())
        assert (extent.x0, extent.x1) == pytest.approx((place - 0.5, place + 0.5))
    assert "Shaded: the paper's choice" in drawn[0].get_supxlabel()


@pytest.mark.parametrize(
    ("center", "label"),
    [({"num_negatives": 2}, "num negatives (paper: 2, not tried)"), ({}, "num negatives")],
)
def test_a_choice_that_was_not_tried_is_said(tmp_path, drawn, center, label):
    _draw(tmp_path, center=center)
    assert drawn[0].axes[1].get_xlabel() == label
    assert not drawn[0].axes[1].patches
    assert "Shaded" not in drawn[0].get_supxlabel()


def test_bars_are_explained_where_there_are_bars(tmp_path, drawn):
    _draw(tmp_path)
    _draw(tmp_path, {"num_negatives": SWEEPS["num_negatives"]})
    assert "one standard deviation" in drawn[0].get_supxlabel()
    assert "standard deviation" not in drawn[1].get_supxlabel()


def test_many_settings_take_several_rows(tmp_path, drawn):
    _draw(tmp_path, {f"setting_{i}": SWEEPS["num_negatives"] for i in range(5)})
    assert len(drawn[0].axes) == 5
    rows = [axes.get_subplotspec().rowspan.start for axes in drawn[0].axes]
    assert rows == [0, 0, 0, 1, 1]
    assert [bool(axes.get_ylabel()) for axes in drawn[0].axes] == [1, 0, 0, 1, 0]


def test_one_value_is_drawn(tmp_path):
    _draw(tmp_path, {"weight": {0.05: [0.7]}}, metric="$AUC$")
    assert png_size(tmp_path / "sweep.png")[0] == 900


@pytest.mark.parametrize(
    ("sweeps", "message"),
    [
        ({}, "`sweeps` must hold at least one setting"),
        ({"weight": {}}, r"`sweeps\['weight'\]` must hold at least one value"),
        ({"weight": {0.5: []}}, r"`sweeps\['weight'\]\[0.5\]` must hold .* Received: \[\]"),
        ({"weight": {0.5: [0.7, math.nan]}}, r"Received: \[0.7, nan\]. Leave out runs"),
    ],
)
def test_wrong_input_is_named(tmp_path, sweeps, message):
    with pytest.raises(ValueError, match=message):
        _draw(tmp_path, sweeps)
    assert not list(tmp_path.iterdir())
