import re

import pytest

from pipelines.reproduction.evaluated_sets import test_sets as sets_of
from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.metric_tables import gains_table
from pipelines.reproduction.page import as_cell
from pipelines.reproduction.paper_numbers import FULL
from pipelines.reproduction.systems import SYSTEMS
from tests.helpers.fake_runs import fake_run


@pytest.mark.parametrize(("seeds", "is_bold"), [(1, False), (2, True)])
def test_a_gain_is_bold_where_two_seeds_or_more_say_so(tmp_path, seeds, is_bold):
    for seed in range(1, seeds + 1):
        fake_run(tmp_path, "dnn", seed, skill=0.2)
        fake_run(tmp_path, "din", seed, skill=3.0)
    systems = read_evaluated(tmp_path, "made-up", SYSTEMS)
    table = gains_table(Measurements(systems, sets_of(systems.sessions), draws=50), FULL)
    _, auc, *_ = map(as_cell, table.rows[0])
    assert float(auc.text) > 0.1
    assert re.match(r"p <?(0\.0|\de-)", auc.notes[1])
    assert auc.strong == is_bold
