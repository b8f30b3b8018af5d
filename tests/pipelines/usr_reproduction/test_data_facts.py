"""What is told of the data."""

from pathlib import Path

import pytest

from pipelines.usr_reproduction.data_facts import DataFacts, data_facts, facts_words
from tests.helpers.small_runs import small_data


def test_facts_are_those_of_the_manifest(tmp_path):
    small_data(tmp_path / "data", train=11, test=7)
    facts = data_facts(tmp_path / "data")
    assert facts.options == {} and facts.differing == {} and facts.noise == 0.0
    assert "**Global labels:** none" in facts_words(facts)[-1]
    assert data_facts(Path("nowhere")) is None and facts_words(None) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            DataFacts(
                "simulated",
                {"scenario_difference": 0.5, "exclusive_wants": 1.0},
                {"click": 0.0123},
                0.3,
            ),
            [
                "simulated, `scenario_difference` 0.5, `exclusive_wants` 1.",
                "`click` 1.23%",
                "30% of them were replaced",
            ],
        ),
        (
            DataFacts("Amazon-as-search, scenario assigned by hash", {}, {"purchase": 0.5}, 0.0),
            ["**Origin:** Amazon-as-search, scenario assigned by hash.", "`purchase` 50.00%"],
        ),
    ],
)
def test_words_say_what_was_found(facts, words):
    text = " ".join(facts_words(facts))
    for each in words:
        assert each in text
    assert facts.noise or "replaced" not in text
