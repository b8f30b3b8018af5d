import numpy as np
import pytest
from matplotlib.image import imread

from pipelines.usr_reproduction import curve_figures
from pipelines.usr_reproduction.ablation_figure import ablation_figure
from pipelines.usr_reproduction.curve_figures import Curve, curve_figure
from ranking.metrics.seed_spread import seed_spread

NAN = float("nan")


def _curve(title="USR", **changes):
    points = {
        "x": [0.0, 2.0, 1.0],
        "y": [3.0, 5.0, 4.0],
        "low": [2.0, NAN, 3.0],
        "high": [4.0, NAN, 5.0],
    }
    return Curve(title, **{**points, **changes})


def _draw(path, panels, **changes):
    words = {
        "title": "A title",
        "x_label": "x",
        "y_label": "y",
        "note": "A note.",
        "simulated": False,
    }
    curve_figure(panels, path, **{**words, **changes})
    return imread(path)


def test_a_figure_shows_what_it_is_given(tmp_path):
    path = tmp_path / "curves.png"
    first = _draw(path, {"a": [_curve()], "b": [_curve(), _curve("GLMT")]})
    assert first.shape[1] == 900 and 1000 < path.stat().st_size < 100_000
    drawn = path.read_bytes()
    _draw(path, {"a": [_curve()], "b": [_curve(), _curve("GLMT")]})
    assert path.read_bytes() == drawn
    higher = _draw(path, {"a": [_curve(y=[3.0, 9.0, 4.0])], "b": [_curve(), _curve("GLMT")]})
    assert (higher != first).any()


def test_points_are_joined_by_rising_x(tmp_path):
    first = _draw(tmp_path / "one.png", {"a": [_curve()]})
    order = [1, 2, 0]
    curve = _curve()
    turned = {name: [getattr(curve, name)[k] for k in order] for name in ("x", "y", "low", "high")}
    np.testing.assert_array_equal(_draw(tmp_path / "two.png", {"a": [_curve(**turned)]}), first)


def test_a_single_place_is_the_only_tick(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(curve_figures, "save_figure", lambda figure, path: seen.append(figure))
    one = {"x": [1.0], "y": [3.0], "low": [2.0], "high": [4.0]}
    words = {"title": "A title", "x_label": "x", "y_label": "y", "note": "", "simulated": False}
    curve_figure({"a": [_curve(**one), _curve("GLMT", **one)]}, tmp_path / "one.png", **words)
    (axes,) = seen[0].axes
    assert axes.get_xticks().tolist() == [1.0] and axes.get_xlim() == (0.5, 1.5)


@pytest.mark.parametrize(
    "change", [{"simulated": True}, {"evenly_spaced": True}, {"zero_line": True}]
)
def test_options_show(tmp_path, change):
    panels = {"a": [_curve(x=[1.0, 9.0, 2.0])]}
    plain = _draw(tmp_path / "plain.png", panels)
    changed = _draw(tmp_path / "changed.png", panels, **change)
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("panels", [{}, {"a": []}, {"a": [_curve(x=[], y=[], low=[], high=[])]}])
def test_nothing_to_draw_is_one_clear_error(tmp_path, panels):
    with pytest.raises(ValueError, match="must hold"):
        _draw(tmp_path / "none.png", panels)


def test_bars(tmp_path):
    path = tmp_path / "bars.png"
    bars = {"USR": seed_spread([0.7, 0.72]), "Base": seed_spread([0.6])}
    ablation_figure({"search": bars, "recommendation": bars}, path, simulated=True)
    assert imread(path).shape[1] == 900 and path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="must each hold a bar"):
        ablation_figure({"search": {}}, path, simulated=True)
