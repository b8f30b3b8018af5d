"""What tables of variations let stand out: nothing that one seed alone says."""

import pytest

from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.stress_curves import corruption_curves
from pipelines.usr_reproduction.usr_systems import SYSTEMS
from pipelines.usr_reproduction.usr_words import ABLATION_WORDS, CORRUPTION_WORDS, SIMILARITY_WORDS
from pipelines.usr_reproduction.variation_tables import ablation_table, stress_table
from tests.helpers.fake_usr_runs import fake_usr_run

RUNS = {
    "star": (1, 2),
    "usr_star": (1, 2),
    "usr_star_no_ie": (1, 2),
    "usr_star_no_fg": (1,),
    "usr_star-global_label_noise=0.5": (1,),
}
SKILLS = {"usr_star": 1.8, "usr_star-global_label_noise=0.5": 1.8}


@pytest.fixture(scope="module")
def measurements(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for system, seeds in RUNS.items():
        for seed in seeds:
            fake_usr_run(folder, system, seed, skill=SKILLS.get(system, 0.2))
    return AucMeasurements(read_evaluated(folder, "made-up", SYSTEMS), draws=30)


def _seeds_and_weight(row, numbers_from):
    return {(cell.notes[-1], cell.strong) for cell in row[numbers_from:]}


def test_an_ablation_with_one_seed_is_never_bold(measurements):
    cells = measurements.cells
    for system in ("usr_star_no_ie", "usr_star_no_fg"):
        found = [measurements.compare("usr_star", system, cell).p_value for cell in cells]
        assert max(found) < 0.05
    systems = ("usr_star", "usr_star_no_ie", "usr_star_no_fg")
    whole, sure, unsure = ablation_table(measurements, systems, "usr_star").rows
    assert not any(cell.notes or cell.strong for cell in whole[1:])
    assert _seeds_and_weight(sure, 1) == {("2 seeds", True)}
    assert _seeds_and_weight(unsure, 1) == {("1 seed", False)}


def test_a_stress_test_with_one_seed_is_never_bold(measurements, tmp_path):
    curves = corruption_curves(measurements, tmp_path)
    for gains in curves["USR"].values():
        assert max(comparison.p_value for comparison in gains.values()) < 0.05
    sure, unsure = stress_table(curves, measurements.cells, "global_label_noise").rows
    assert _seeds_and_weight(sure, 2) == {("2 seeds", True)}
    assert _seeds_and_weight(unsure, 2) == {("1 seed", False)}


@pytest.mark.parametrize("words", [ABLATION_WORDS, SIMILARITY_WORDS, CORRUPTION_WORDS])
def test_words_say_what_bold_needs(words):
    assert "p below 5 %, not corrected for the number of cells, and two seeds or more" in words
