"""Verdicts on gains whose truth is known."""

import dataclasses

import pytest

from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.judged_gains import (
    CANNOT_TELL,
    NEGATIVE,
    NULL,
    POSITIVE,
    backbones_ahead,
    compared_backbones,
    judged_gains,
)
from pipelines.usr_reproduction.table_one import gains_table
from pipelines.usr_reproduction.usr_systems import SYSTEMS
from pipelines.usr_reproduction.usr_words import verdict_counts
from ranking.metrics.holm import holm_correction
from tests.helpers.fake_usr_runs import fake_usr_run

SKILLS = {"star": 0.2, "usr_star": 1.5, "ple": 1.5, "usr_ple": 0.2, "apg": 0.7, "usr_apg": 0.7}


@pytest.fixture(scope="module")
def gains(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gains")
    for system, skill in SKILLS.items():
        for seed in (1, 2):
            fake_usr_run(folder, system, seed, skill=skill)
    return judged_gains(AucMeasurements(read_evaluated(folder, "made-up", SYSTEMS), draws=200))


def test_verdicts_follow_the_truth(gains):
    verdicts = {}
    for gain in gains:
        verdicts.setdefault(gain.backbone, set()).add(gain.verdict)
    assert verdicts["star"] == {POSITIVE} and verdicts["ple"] == {NEGATIVE}
    assert verdicts["apg"] <= {CANNOT_TELL, NULL} and verdicts["mmoe"] == {""}
    assert len(gains) == 28 and sum(gain.in_paper for gain in gains) == 24


def test_p_values_are_corrected_over_all_gains(gains):
    tested = [gain.comparison for gain in gains if gain.comparison is not None]
    expected = holm_correction([each.p_value for each in tested])
    assert [each.p_value_holm for each in tested] == pytest.approx(list(expected))
    assert len(tested) == 12


@pytest.mark.parametrize(("high", "verdict"), [(0.0007, NULL), (0.0009, CANNOT_TELL)])
def test_null_excludes_the_smallest_gain_of_the_paper(gains, high, verdict):
    gain = next(gain for gain in gains if gain.backbone == "apg")
    comparison = dataclasses.replace(gain.comparison, verdict="cannot tell", high=high)
    assert dataclasses.replace(gain, comparison=comparison).verdict == verdict


def test_one_seed_cannot_tell(gains):
    gain = next(gain for gain in gains if gain.backbone == "star")
    base = dataclasses.replace(gain.comparison.base, seeds=1)
    comparison = dataclasses.replace(gain.comparison, base=base)
    assert dataclasses.replace(gain, comparison=comparison).verdict == CANNOT_TELL


def test_ahead_is_ahead_in_every_scenario_and_task(gains):
    assert backbones_ahead(gains, significantly=True) == ["star"]
    assert "star" in backbones_ahead(gains, significantly=False)
    assert "ple" not in backbones_ahead(gains, significantly=False)
    behind = [
        dataclasses.replace(gain, comparison=dataclasses.replace(gain.comparison, gain=-0.1))
        if gain.backbone == "star" and gain.cell.title == "search, CTR"
        else gain
        for gain in gains
    ]
    assert "star" not in backbones_ahead(behind, significantly=False)


@pytest.fixture(scope="module")
def other_tasks(tmp_path_factory):
    """Gains in clicks and in a label that the paper does not have, and that search never has."""
    folder = tmp_path_factory.mktemp("other_tasks")
    never = [("search", "engagement")]
    for system in ("star", "usr_star", "ple", "usr_ple", "mmoe"):
        for seed in (1, 2):
            skill, tasks = SKILLS.get(system, 0.5), ("click", "engagement")
            fake_usr_run(folder, system, seed, skill=skill, tasks=tasks, never=never)
    return judged_gains(AucMeasurements(read_evaluated(folder, "made-up", SYSTEMS), draws=200))


def test_only_what_the_paper_has_counts_as_the_paper_s(other_tasks):
    assert {gain.cell.task for gain in other_tasks if gain.in_paper} == {"click"}
    assert sum(gain.in_paper for gain in other_tasks) == 12
    measured = [gain for gain in other_tasks if gain.comparison is not None]
    assert len(measured) == 6 and verdict_counts(other_tasks)[POSITIVE] == 2
    assert sum(verdict_counts(other_tasks).values()) == 4


def test_what_has_no_auc_is_undefined_where_both_systems_ran(other_tasks):
    undefined = {(gain.backbone, gain.cell.title) for gain in other_tasks if gain.is_undefined}
    assert undefined == {("star", "search, engagement"), ("ple", "search, engagement")}


def test_what_is_undefined_does_not_hold_usr_back(other_tasks):
    for significantly in (False, True):
        assert backbones_ahead(other_tasks, significantly=significantly) == ["star"]
    assert compared_backbones(other_tasks) == ["ple", "star"]
    undefined = [gain for gain in other_tasks if gain.is_undefined]
    assert backbones_ahead(undefined, significantly=False) == []


def test_tables_tell_undefined_from_not_run(other_tasks):
    rows = [(row[0], row[1], row[2].text) for row in gains_table(other_tasks).rows]
    found = {word: [row[:2] for row in rows if row[2] == word] for word in ("undefined", "not run")}
    assert found["undefined"] == [("PLE", "search, engagement"), ("STAR", "search, engagement")]
    assert len(found["not run"]) == 8 and {title for _, title in found["not run"]} == {
        "search, CTR",
        "recommendation, CTR",
    }


def test_documents_hold_verdict_and_paper(gains):
    document = gains[0].document()
    assert document["verdict"] == "" and document["paper"] == pytest.approx(0.0049)
