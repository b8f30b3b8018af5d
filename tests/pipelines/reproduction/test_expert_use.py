import numpy as np
import pytest

from pipelines.reproduction.expert_use import expert_use, expert_use_figure
from tests.helpers.gate_sessions import gate_sessions, png_size, shop


@pytest.fixture
def drawn(monkeypatch):
    """Figures instead of files."""
    figures = []
    monkeypatch.setattr(
        "pipelines.reproduction.expert_use.save_figure",
        lambda figure, path: figures.append(figure),
    )
    return figures


def _labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def _texts(axes):
    return [text.get_text() for text in axes.texts]


def _uses(tmp_path, gates, **segments):
    columns = {f"segment.{name}": np.asarray(values) for name, values in segments.items()}
    return expert_use(gate_sessions(tmp_path / "s.parquet", {"gate": gates, **columns}))


def test_segments_come_in_reading_order_after_all_sessions(tmp_path):
    uses = expert_use(shop(tmp_path / "s.parquet"))
    assert [(use.dimension, use.segment) for use in uses] == [
        ("all", "all"),
        ("history", "0"),
        ("history", "1-3"),
        ("history", "4-10"),
        ("history", ">10"),
        ("scenario", "recommendation"),
        ("scenario", "search"),
    ]


def test_a_segment_has_the_numbers_of_its_sessions(tmp_path):
    sessions = shop(tmp_path / "s.parquet")
    gates = sessions.gates().astype(np.float64)
    for use in expert_use(sessions):
        chosen = np.ones(len(gates), dtype=bool)
        if use.dimension != "all":
            chosen = sessions.column(f"segment.{use.dimension}") == use.segment
        assert use.usage.sessions == chosen.sum() > 0
        np.testing.assert_allclose(use.usage.mean, gates[chosen].mean(axis=0), rtol=1e-12)


def test_without_segments_there_are_all_sessions(tmp_path):
    (use,) = _uses(tmp_path, np.ones((3, 2)))
    assert (use.dimension, use.segment, use.usage.sessions) == ("all", "all", 3)


def test_the_picture_is_small(tmp_path):
    uses = expert_use(shop(tmp_path / "s.parquet"))
    expert_use_figure(uses, tmp_path / "use.png", simulated=True)
    width, height = png_size(tmp_path / "use.png")
    assert width == 900 and 200 < height < 600
    assert 5_000 < (tmp_path / "use.png").stat().st_size < 100_000


def test_rows_cells_and_table_say_the_numbers(tmp_path, drawn):
    gates = np.array([[1.0, -2.0, 0.0], [3.0, 4.0, 0.0]])
    uses = _uses(tmp_path, gates, history=["0", ">10"])
    expert_use_figure(uses, tmp_path / "use.png", simulated=True)
    heat, table = drawn[0].axes[:2]
    assert drawn[0].get_suptitle() == "Mean activation of experts (simulated data)"
    assert _labels(drawn[0]) == ["all", "history", "0", ">10"]
    assert [tick.get_text() for tick in heat.get_xticklabels()] == ["1", "2", "3"]
    assert _texts(heat) == ["2.00", "1.00", "0.00", "1.00", "-2.00", "0.00", "3.00", "4.00", "0.00"]
    cells = _texts(table)[5:]
    assert cells[:2] == ["2", "3.62"] and cells[4] == "3*"
    assert cells[5:7] == ["1", "2.24"] and cells[10:12] == ["1", "5.00"]
    shown = heat.images[0].get_array()
    np.testing.assert_array_equal(shown[2], gates[0])
    assert np.isnan(np.ma.filled(shown, np.nan)[1]).all()


@pytest.mark.parametrize(("sign", "lowest"), [(1.0, 0.0), (-1.0, -3.0)])
def test_zero_has_one_color_whatever_the_signs(tmp_path, drawn, sign, lowest):
    gates = sign * np.array([[1.0, 3.0], [1.0, 3.0]])
    expert_use_figure(_uses(tmp_path, gates), tmp_path / "use.png", simulated=False)
    assert drawn[0].axes[0].images[0].get_clim() == (lowest, 3.0)


def test_large_dimensions_show_their_largest_segments(tmp_path, drawn):
    names = [f"c{i}" for i in range(11) for _ in range(i + 1)]
    uses = _uses(tmp_path, np.ones((len(names), 2)), category=names)
    assert len(uses) == 12
    expert_use_figure(uses, tmp_path / "use.png", simulated=False)
    labels = _labels(drawn[0])
    assert labels[:2] == ["all", "category (8 largest of 11)"]
    assert labels[2:] == [f"c{i}" for i in range(3, 11)]


def test_many_experts_have_no_numbers_in_their_cells(tmp_path):
    gates = np.random.default_rng(0).normal(size=(5, 37))
    gates[:, 20:] = 0.0
    uses = _uses(tmp_path, gates)
    expert_use_figure(uses, tmp_path / "use.png", simulated=False)
    assert png_size(tmp_path / "use.png")[0] == 900


def test_many_dead_experts_are_counted(tmp_path, drawn):
    gates = np.zeros((5, 37))
    gates[:, :20] = 1.0
    expert_use_figure(_uses(tmp_path, gates), tmp_path / "use.png", simulated=False)
    assert not drawn[0].axes[0].texts
    assert "17 of 37" in _texts(drawn[0].axes[1])
    ticks = [tick.get_text() for tick in drawn[0].axes[0].get_xticklabels()]
    assert ticks[:3] == ["1", "4", "7"] and len(ticks) <= 16


def test_silent_gates_are_drawn(tmp_path, drawn):
    expert_use_figure(_uses(tmp_path, np.zeros((3, 2))), tmp_path / "use.png", simulated=False)
    assert _texts(drawn[0].axes[1])[5:] == ["3", "0.00", "–", "–", "1*, 2*"]


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e9])
def test_numbers_fit_their_cells_at_any_scale(tmp_path, drawn, scale):
    gates = scale * np.random.default_rng(0).normal(size=(5, 7))
    expert_use_figure(_uses(tmp_path, gates), tmp_path / "use.png", simulated=False)
    figure = drawn[0]
    figure.draw_without_rendering()
    heat = figure.axes[0]
    cell = heat.get_window_extent().width / 7
    assert all(text.get_window_extent().width < cell for text in heat.texts)
    assert bool(heat.texts) == (1e-6 < scale < 1e9)


def test_a_little_less_than_zero_is_zero(tmp_path, drawn):
    expert_use_figure(
        _uses(tmp_path, np.array([[-0.001, 1.0]])), tmp_path / "use.png", simulated=False
    )
    assert _texts(drawn[0].axes[0]) == ["0.00", "1.00"]


def test_names_are_drawn_as_they_stand(tmp_path):
    names = ["$5-20", "$20_{x}$", "a name that is much longer than a row can hold"]
    uses = _uses(tmp_path, np.ones((3, 2)), price=names)
    expert_use_figure(uses, tmp_path / "use.png", simulated=False)
    assert png_size(tmp_path / "use.png")[0] == 900


def test_nothing_to_draw_is_named(tmp_path):
    with pytest.raises(ValueError, match="`uses` must hold at least one segment"):
        expert_use_figure([], tmp_path / "use.png", simulated=False)
