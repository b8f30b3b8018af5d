import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from pipelines.reproduction.figures import escaped, new_figure, save_figure, tidy
from tests.helpers.gate_sessions import png_size


def _drawn(**more):
    figure = new_figure(200, "Title", simulated=False, **more)
    axes = figure.add_subplot()
    axes.bar([0, 1], [3, 2], color=["#123456", "#D55E00"])
    tidy(axes)
    return figure


def test_a_figure_is_a_png_of_its_size(tmp_path):
    path = tmp_path / "new" / "folder" / "figure.png"
    save_figure(_drawn(), path)
    assert png_size(path) == (900, 200)
    assert [file.name for file in path.parent.iterdir()] == ["figure.png"]


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_figure(_drawn(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"atplotlib" not in (tmp_path / "a").read_bytes()


def test_areas_keep_their_color(tmp_path):
    save_figure(_drawn(), tmp_path / "figure.png")
    colors = np.round(imread(tmp_path / "figure.png")[..., :3] * 255).astype(int).reshape(-1, 3)
    found = {tuple(color) for color in colors.tolist()}
    assert {(0x12, 0x34, 0x56), (0xD5, 0x5E, 0x00), (255, 255, 255)} <= found


def test_what_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_text("old")
    monkeypatch.setattr("pipelines.reproduction.figures.imsave", _fail)
    with pytest.raises(OSError, match="disk is full"):
        save_figure(_drawn(), path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def _fail(path, *unused, **settings):
    path.write_text("half")
    raise OSError("disk is full")


def test_the_title_says_that_data_are_simulated():
    titles = [
        new_figure(100, "AUC", simulated=simulated).get_suptitle() for simulated in (False, True)
    ]
    assert titles == ["AUC", "AUC (simulated data)"]


def test_long_titles_and_notes_are_wrapped():
    figure = new_figure(200, "word " * 40, simulated=True, note="long " * 90 + "\nsecond")
    assert max(map(len, figure.get_suptitle().splitlines())) <= 88
    assert max(map(len, figure.get_supxlabel().splitlines())) <= 145
    assert figure.get_supxlabel().endswith("\nsecond")
    figure.draw_without_rendering()
    for text in figure.texts:
        assert 0 <= text.get_window_extent().x0 and text.get_window_extent().x1 <= 900


def test_dollar_signs_begin_no_formula():
    figure = new_figure(100, "$5 to $20_{x}", simulated=False)
    figure.text(0, 0, escaped("$a$"))
    for text, meant in zip(figure.texts, ("$5 to $20_{x}", "$a$"), strict=True):
        assert text._preprocess_math(text.get_text()) == (meant, False)


def test_nothing_imports_pyplot():
    code = (
        "import sys, pipelines.reproduction.expert_use, pipelines.reproduction.gate_figures,"
        "pipelines.reproduction.sweep_figures; print('matplotlib.pyplot' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
