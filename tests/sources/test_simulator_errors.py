"""What the simulated shop refuses."""

import dataclasses
import pathlib

import pytest

from ranking.features.spec import Field
from ranking.features.spec_reader import read_spec
from ranking.sources.simulator import open_simulator
from ranking.sources.source_error import SourceError

SPEC = read_spec(pathlib.Path(__file__).parents[2] / "feature_specs" / "demo.yaml")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"scenario_difference": "3.1"}, "`scenario_difference`.* from 0 to 3.*'3.1'"),
        ({"scenario_difference": "-0.1"}, "`scenario_difference`.* from 0 to 3.*'-0.1'"),
        ({"shared_items": "1.1"}, "`shared_items`.* from 0 to 1.*'1.1'"),
        ({"shared_items": "many"}, "`shared_items`.* from 0 to 1.*'many'"),
        ({"exclusive_wants": "-1"}, "`exclusive_wants`.* from 0 to 1.*'-1'"),
        ({"daily_behaviors": "1"}, "`daily_behaviors`.* one of no, yes"),
        ({"items": "12"}, "`items`.*at least 500"),
        ({"users": "99"}, "`users`.*at least 1375"),
        ({"test_sessions": "0"}, "`test_sessions`.*at least 1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(SourceError, match=message):
        open_simulator(SPEC, "", options, 1)


def test_input_is_refused():
    with pytest.raises(SourceError, match="`input` must be empty"):
        open_simulator(SPEC, "logs.parquet", {}, 1)


def test_a_field_that_the_simulation_does_not_know_is_an_error():
    rating = Field("rating", "candidates", "dense", "float32")
    spec = dataclasses.replace(SPEC, candidates=(*SPEC.candidates, rating))
    with pytest.raises(SourceError, match="`candidates.rating` is missing in the simulation"):
        open_simulator(spec, "", {}, 1)
