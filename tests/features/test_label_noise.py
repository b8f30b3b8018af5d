import dataclasses

import numpy as np
import pytest

from ranking.features.label_noise import LabelNoise

KEYS = np.random.default_rng(0).integers(2**63, size=20_011).astype(np.uint64)
LABELS = np.random.default_rng(1).random(len(KEYS)) < 0.3
NOISE = LabelNoise(0.4, (7, 1), {"click": 0.3, "order": 0.1})


def test_nothing_changes_without_noise() -> None:
    none = dataclasses.replace(NOISE, share=0.0)
    np.testing.assert_array_equal(none.apply("click", KEYS, LABELS), LABELS)


@pytest.mark.parametrize(("task", "rate"), [("click", 0.3), ("order", 0.1)])
@pytest.mark.parametrize("share", [0.1, 0.4, 1.0])
def test_a_share_of_the_labels_becomes_coins(task: str, rate: float, share: float) -> None:
    noisy = dataclasses.replace(NOISE, share=share).apply(task, KEYS, LABELS)
    for label in (False, True):
        # The coin may show what the label was.
        expected = share * rate + (1.0 - share) * label
        assert noisy[label == LABELS].mean() == pytest.approx(expected, abs=0.02)


def test_a_key_decides_wherever_it_stands() -> None:
    order = np.random.default_rng(2).permutation(len(KEYS))
    whole = NOISE.apply("click", KEYS, LABELS)
    np.testing.assert_array_equal(NOISE.apply("click", KEYS[order], LABELS[order]), whole[order])
    same = NOISE.apply("click", KEYS[[5] * 11], LABELS[[5] * 11])
    assert set(same.tolist()) == {whole[5]}


def test_seeds_and_tasks_draw_apart() -> None:
    coins = dataclasses.replace(NOISE, share=1.0, rates={"click": 0.5, "order": 0.5})
    click, order = (coins.apply(task, KEYS, LABELS) for task in ("click", "order"))
    other = dataclasses.replace(coins, seeds=(7, 2)).apply("click", KEYS, LABELS)
    for one in (order, other):
        assert (one == click).mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(coins.apply("click", KEYS, LABELS), click)


def test_more_noise_changes_what_less_noise_changes_and_more() -> None:
    changed = [
        dataclasses.replace(NOISE, share=share).apply("click", KEYS, LABELS) != LABELS
        for share in (0.1, 0.4, 1.0)
    ]
    assert not (changed[0] & ~changed[1]).any() and not (changed[1] & ~changed[2]).any()
    assert changed[0].sum() < changed[1].sum() < changed[2].sum()
