"""Verdicts on the paper's claims, from runs whose truth is known."""

import dataclasses

import numpy as np
import pytest

from pipelines.reproduction.claims import (
    CANNOT_TELL,
    CLAIMS,
    DID_NOT_HOLD,
    HELD,
    JudgedClaim,
    judged_claims,
)
from pipelines.reproduction.evaluated_sets import TestSet, test_sets
from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.paper_numbers import FULL, LONG_TAIL_1
from pipelines.reproduction.systems import SYSTEMS
from ranking.metrics.holm import holm_correction
from tests.helpers.fake_runs import fake_run

SKILLS = {
    "dnn": 0.2,
    "din": 1.2,
    "category_moe": 0.4,
    "aw_moe": 0.41,
    "aw_moe_cl": 1.0,
    "aw_moe_cl-mask_probability=0.2": 0.1,
    "aw_moe_cl-mask_probability=0.3": 0.2,
    "aw_moe_cl-negatives=5": 1.0,
    "aw_moe_cl-negatives=8": 4.0,
}


@pytest.fixture(scope="module")
def measurements(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    for system, skill in SKILLS.items():
        for seed in (1, 2):
            fake_run(folder, system, seed, skill=skill)
    systems = read_evaluated(folder, "made-up", SYSTEMS)
    return Measurements(systems, test_sets(systems.sessions, 22), draws=100)


@pytest.fixture(scope="module")
def claims(measurements):
    return {claim.text: claim for claim in judged_claims(measurements)}


def test_verdicts_follow_the_truth(claims):
    assert claims["DIN ranks better than DNN"].verdict == HELD
    assert claims["Category-MoE ranks better than DIN"].verdict == DID_NOT_HOLD
    assert claims["AW-MoE ranks better than Category-MoE"].verdict == CANNOT_TELL
    assert claims["Contrastive learning (CL) helps"].verdict == HELD
    assert claims["`mask_probability` is best at 0.1"].verdict == HELD
    assert claims["`negatives` is best at 3"].verdict == DID_NOT_HOLD
    assert claims["`negatives` is best at 3"].note == "compared with 8, the best other value"


def test_one_seed_cannot_tell(claims):
    claim = claims["DIN ranks better than DNN"]
    base = dataclasses.replace(claim.comparison.base, seeds=1)
    comparison = dataclasses.replace(claim.comparison, base=base)
    assert dataclasses.replace(claim, comparison=comparison).verdict == CANNOT_TELL


def test_missing_runs_are_named(claims):
    claim = claims["The gate unit (GU) helps"]
    assert claim.verdict == "" and claim.note == "missing: aw_moe_base, aw_moe_gu"
    claim = claims["GU and AU together are better than GU alone"]
    assert claim.note == "missing: aw_moe_gu"
    claim = claims["`contrastive_weight` is best at 0.05"]
    assert claim.comparison is None
    assert claim.note == "missing: runs with several values of contrastive_weight"


def test_a_set_without_a_session_to_compare_tells_nothing_about_the_best_value(measurements):
    aucs = [run.metrics["auc_at_10"] for run in measurements.systems.all_runs]
    empty = np.isnan(aucs).any(axis=0)
    long_tail = TestSet(LONG_TAIL_1, "III", "without positives", empty)
    sets = [measurements.test_sets[FULL], long_tail]
    judged = judged_claims(Measurements(measurements.systems, sets, draws=10))
    claim = next(claim for claim in judged if claim.text == "`negatives` is best at 3")
    assert empty.any() and claim.comparison is None and claim.verdict == ""
    assert claim.note == "missing: sessions with a value in every run"


def test_p_values_are_corrected_over_the_claims_that_were_tested(claims):
    tested = [each.comparison for each in claims.values() if each.comparison is not None]
    expected = holm_correction([each.p_value for each in tested])
    assert [each.p_value_holm for each in tested] == pytest.approx(list(expected))
    assert len(tested) == 8


def test_the_best_of_several_must_beat_them_all_and_is_refuted_by_one(claims):
    held = claims["`mask_probability` is best at 0.1"].comparison
    assert held.gain > 0 and held.p_value < 0.001
    # Two values could each have been the better one.
    refuted = claims["`negatives` is best at 3"].comparison
    assert refuted.gain < 0 and refuted.p_value < 0.05


@pytest.mark.parametrize(
    ("text", "paper"),
    [
        ("DIN ranks better than DNN", {"JD": 0.0160, "Amazon": 0.0039}),
        ("AW-MoE ranks better than Category-MoE", {"JD": 0.0071, "Amazon": 0.0109}),
        ("Contrastive learning (CL) helps", {"JD": 0.0013, "Amazon": 0.0019}),
        ("CL helps users with short histories more than all users", {"JD": 0.0013}),
        ("CL helps the second group of long-tail users more than all users", {"JD": 0.0011}),
        ("The gate unit (GU) helps", {"JD": 0.0013}),
        ("The activation unit (AU) helps", {"JD": 0.0017}),
        ("GU and AU together are better than AU alone", {"JD": 0.0004}),
    ],
)
def test_the_paper_s_gains_are_those_of_its_text(text, paper):
    claim = next(claim for claim in CLAIMS if claim.text == text)
    assert {data: round(gain, 4) for data, gain in claim.paper().items()} == paper


def test_what_excludes_the_paper_s_gain(claims):
    claim = claims["AW-MoE ranks better than Category-MoE"]
    far = dataclasses.replace(claim.comparison, high=0.005)
    assert dataclasses.replace(claim, comparison=far).excludes_papers_gain
    near = dataclasses.replace(claim.comparison, high=0.008)
    assert not dataclasses.replace(claim, comparison=near).excludes_papers_gain
    assert not JudgedClaim("in a figure", {}, far).excludes_papers_gain
