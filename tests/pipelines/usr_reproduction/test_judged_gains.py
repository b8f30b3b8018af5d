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
    judged_gains,
)
from pipelines.usr_reproduction.usr_systems import SYSTEMS
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


def test_documents_hold_verdict_and_paper(gains):
    document = gains[0].document()
    assert document["verdict"] == "" and document["paper"] == pytest.approx(0.0049)
