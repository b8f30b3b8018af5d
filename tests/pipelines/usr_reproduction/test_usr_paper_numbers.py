"""The paper's numbers against what its text says of them."""

import pytest

from pipelines.usr_reproduction.usr_paper_numbers import (
    RECOMMENDATION,
    SEARCH,
    SMALLEST_GAIN,
    paper_auc,
    paper_gain,
)

BACKBONES = ("shared_bottom", "mmoe", "ple", "star", "m2m", "apg")
# The row of gains as printed, CTR and CTCVR of one backbone after the other, in 1e-2.
PRINTED = {
    SEARCH: (0.49, 0.41, 0.25, 0.20, 0.28, 0.14, 0.28, 0.15, 0.27, 0.35, 0.16, 0.08),
    RECOMMENDATION: (0.57, 0.40, 0.51, 0.37, 0.62, 0.09, 0.56, 0.17, 0.59, 0.44, 0.62, 0.23),
}


@pytest.mark.parametrize("scenario", PRINTED)
def test_differences_are_the_printed_gains_but_for_one(scenario):
    found = [paper_gain(name, scenario, task) for name in BACKBONES for task in ("click", "order")]
    differing = [
        (round(100 * gain, 2), printed)
        for gain, printed in zip(found, PRINTED[scenario], strict=True)
        if round(100 * gain, 2) != printed
    ]
    assert differing == ([(0.57, 0.17)] if scenario == RECOMMENDATION else [])


def test_what_the_paper_does_not_have_is_none():
    assert paper_auc("aw_moe", SEARCH, "click", with_usr=True) is None
    assert (
        paper_gain("star", "feed", "click") is None and paper_gain("star", SEARCH, "share") is None
    )
    assert paper_auc("star", SEARCH, "purchase", with_usr=False) == 0.8259


def test_the_smallest_gain():
    assert pytest.approx(0.0008) == SMALLEST_GAIN
