import numpy as np
import pytest
from matplotlib.image import imread

from pipelines.usr_reproduction.view_figure import view_figure
from pipelines.usr_reproduction.view_samples import FEATURES, INTERESTS, ViewSample


def _sample(seed):
    views = np.random.default_rng(seed).normal(size=(23, 2, 5))
    views[:, 1] += 3.0
    return ViewSample(("search", "recommendation"), {INTERESTS: views, FEATURES: views[..., :3]})


def test_a_panel_for_each_model_and_kind(tmp_path):
    path = tmp_path / "views.png"
    view_figure({"with contrast": _sample(1), "without": _sample(2)}, path, simulated=True)
    assert imread(path).shape[1] == 900 and 5000 < path.stat().st_size < 200_000


def test_a_model_without_features_has_one_panel_less(tmp_path):
    sample = _sample(3)
    alone = ViewSample(sample.scenarios, {INTERESTS: sample.views[INTERESTS]})
    view_figure({"with contrast": alone}, tmp_path / "views.png", simulated=False)
    assert (tmp_path / "views.png").is_file()


def test_nothing_to_draw_is_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="must hold at least one"):
        view_figure({}, tmp_path / "views.png", simulated=False)
