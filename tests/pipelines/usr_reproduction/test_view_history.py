from pathlib import Path

import pytest

from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.usr_reproduction.usr_systems import SYSTEMS
from pipelines.usr_reproduction.view_history import variance_curve
from tests.helpers.fake_usr_runs import fake_usr_run

NAME = "interest_variance"


def _runs(folder: Path, *histories):
    for seed, values in enumerate(histories, start=1):
        history = {NAME: values} if values else None
        fake_usr_run(folder, "usr_star", seed, history=history)
    return list(read_evaluated(folder, "made-up", SYSTEMS).runs["usr_star"].values())


def test_a_curve_is_the_mean_between_the_seeds(tmp_path):
    curve = variance_curve(_runs(tmp_path, [0.5, 0.25], [0.75, 0.5, 0.1], None), NAME, "USR")
    assert curve.title == "USR" and list(curve.x) == [1, 2]
    assert curve.y == pytest.approx([0.625, 0.375])
    assert curve.low == pytest.approx([0.5, 0.25]) and curve.high == pytest.approx([0.75, 0.5])


def test_without_a_history_there_is_no_curve(tmp_path):
    assert variance_curve(_runs(tmp_path, None), NAME, "USR") is None
