import math

import numpy as np
import pytest

from pipelines.reproduction.gate_figures import gate_map
from tests.helpers.gate_sessions import DOCUMENT, gate_sessions, png_size, shop

MODULE = "pipelines.reproduction.gate_figures"


@pytest.fixture
def drawn(monkeypatch):
    """Figures instead of files."""
    figures = []
    monkeypatch.setattr(f"{MODULE}.save_figure", lambda figure, path: figures.append(figure))
    return figures


def _labels(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_picture_is_small_and_the_numbers_support_it(tmp_path):
    numbers = gate_map(shop(tmp_path / "s.parquet"), tmp_path / "map.png", simulated=True)
    width, height = png_size(tmp_path / "map.png")
    assert width == 900 and 300 < height < 900
    assert 5_000 < (tmp_path / "map.png").stat().st_size < 100_000
    assert numbers.target == "item" and numbers.method == "t-SNE"
    assert numbers.sessions == numbers.shown
    assert sum(numbers.sessions.values()) == 120 and numbers.sessions["new users"] == 24
    assert numbers.distinct_gates == 120 - 24 + 1
    assert numbers.silhouette_target > 0.5 and numbers.silhouettes["new users"] == 1
    assert 0.3 < numbers.silhouette < 1 and numbers.silhouette_new_old > 0


def test_legend_and_title_say_what_is_shown(tmp_path, drawn):
    gate_map(shop(tmp_path / "s.parquet"), tmp_path / "map.png", simulated=True)
    assert [label.split("\n")[0] for label in _labels(drawn[0])] == [
        "new users",
        "old users with target item",
        "old users without target item",
    ]
    assert _labels(drawn[0])[0].endswith("24 of 24 sessions")
    assert drawn[0].get_suptitle() == (
        "Gate outputs of aw_moe on shop, test split (simulated data)"
    )
    note = drawn[0].get_supxlabel()
    assert "t-SNE" in note and "the number says how many" in note and "new against old" in note
    assert len(drawn[0].axes) == 1 and not drawn[0].axes[0].get_xticks().size
    counts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert counts == ["24"]


def test_a_category_in_the_items_place_is_said(tmp_path, drawn):
    numbers = gate_map(
        shop(tmp_path / "s.parquet", repeats=False), tmp_path / "map.png", simulated=False
    )
    assert numbers.target == "category"
    assert drawn[0].get_suptitle().endswith("test split, old users by the target's category")
    assert "old users with target category" in _labels(drawn[0])[1]
    assert "no session here has" in drawn[0].get_supxlabel().replace("\n", " ")


def test_every_dot_is_drawn_once_per_group_and_gate(tmp_path, drawn):
    gates = np.repeat(np.arange(6.0)[:, None] * [1, 2, 3], 4, axis=0)
    history = np.tile([0, 0, 3, 5], 6)
    sessions = gate_sessions(
        tmp_path / "s.parquet",
        {"history": history, "gate": gates, "target_item_in_history": history == 5},
    )
    numbers = gate_map(sessions, tmp_path / "map.png", simulated=False)
    assert numbers.distinct_gates == 6
    dots = [dots for dots in drawn[0].axes[0].collections if len(dots.get_offsets())]
    assert [len(group.get_offsets()) for group in dots] == [6, 6, 6]
    new, old = (group.get_sizes()[0] for group in dots[:2])
    assert new == pytest.approx(math.sqrt(2) * old)


def test_large_evaluations_are_sampled_and_small_groups_still_show(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(f"{MODULE}._MOST_SESSIONS", 60)
    monkeypatch.setattr(f"{MODULE}._LEAST_OF_A_GROUP", 10)
    history = np.where(np.arange(500) < 3, 0, 1)
    generator = np.random.default_rng(0)
    sessions = gate_sessions(
        tmp_path / "s.parquet",
        {
            "history": history,
            "gate": generator.normal(size=(500, 3)),
            "target_item_in_history": np.arange(500) >= 460,
        },
    )
    numbers = gate_map(sessions, tmp_path / "map.png", simulated=False)
    new, with_target, without = numbers.shown.values()
    assert list(numbers.sessions.values()) == [3, 40, 457]
    assert new == 3 and 10 <= with_target < 40 and without > 25
    assert 55 <= new + with_target + without <= 60
    again = gate_map(sessions, tmp_path / "map.png", simulated=False, seed=1)
    assert again.shown == numbers.shown and again.silhouette != numbers.silhouette
    assert again.separation_new_old == numbers.separation_new_old


def test_the_separation_is_that_of_a_loop(tmp_path, drawn):
    sessions = shop(tmp_path / "s.parquet", sessions=41)
    numbers = gate_map(sessions, tmp_path / "map.png", simulated=False)
    gates, is_new = sessions.gates().astype(float).tolist(), sessions.column("history") == 0
    groups = [[g for g, new in zip(gates, is_new, strict=True) if new == kind] for kind in (0, 1)]
    means = [[sum(column) / len(group) for column in zip(*group, strict=True)] for group in groups]
    squares = sum(
        math.dist(gate, mean) ** 2
        for group, mean in zip(groups, means, strict=True)
        for gate in group
    )
    expected = math.dist(*means) / math.sqrt(squares / 41)
    assert numbers.separation_new_old == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("history", [0, 4])
def test_a_missing_group_has_no_separation(tmp_path, history):
    sessions = gate_sessions(
        tmp_path / "s.parquet",
        {"history": np.full(11, history), "gate": np.random.default_rng(0).normal(size=(11, 3))},
    )
    numbers = gate_map(sessions, tmp_path / "map.png", simulated=False)
    assert numbers.target == "none" and set(numbers.sessions.values()) == {0, 11}
    for value in (
        numbers.silhouette,
        numbers.silhouette_new_old,
        numbers.silhouette_target,
        numbers.separation_new_old,
    ):
        assert math.isnan(value)
    assert png_size(tmp_path / "map.png")[0] == 900


@pytest.mark.parametrize(("new_gate", "separation"), [(1.0, 0.0), (2.0, math.inf)])
def test_gates_that_are_all_the_same_are_drawn(tmp_path, new_gate, separation):
    gates = np.ones((50, 3))
    gates[:7] = new_gate
    sessions = gate_sessions(
        tmp_path / "s.parquet", {"history": (np.arange(50) >= 7).astype(int), "gate": gates}
    )
    numbers = gate_map(sessions, tmp_path / "map.png", simulated=False)
    assert numbers.separation_new_old == separation
    assert numbers.distinct_gates == 1 + (new_gate != 1)
    assert numbers.method == "principal components"
    assert png_size(tmp_path / "map.png")[0] == 900


def test_one_session_is_drawn(tmp_path):
    sessions = gate_sessions(
        tmp_path / "s.parquet", {"history": np.array([2]), "gate": np.ones((1, 3))}
    )
    assert gate_map(sessions, tmp_path / "map.png", simulated=False).shown["old users"] == 1


def test_a_model_without_gate_is_named(tmp_path):
    sessions = gate_sessions(tmp_path / "s.parquet", {"history": np.array([2])})
    with pytest.raises(ValueError, match=f"column `gate`.*{DOCUMENT['model']}"):
        gate_map(sessions, tmp_path / "map.png", simulated=False)
