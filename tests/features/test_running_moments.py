import math
from fractions import Fraction

import numpy as np
import pytest

from ranking.features.running_moments import RunningMoments

NORMAL = np.random.default_rng(3).normal(5, 2, 1009).astype(np.float32)
VALUES = {
    "normal": NORMAL,
    "far from zero": NORMAL + np.float32(1e6),
    "wide": np.array([3e38, -3e38, 1.0, 1e-30], np.float32),
    "tiny": np.array([1e-45, 3e-45, 7e-42, -1e-40, 1.5e-38], np.float32),
    "whole": np.array([0, 7, -1, 1 << 20]),
    "one": np.array([2.5]),
}


def _exact(values: np.ndarray) -> tuple[float, float]:
    numbers = [Fraction(float(value)) for value in values.astype(np.float32)]
    mean = sum(numbers) / len(numbers)
    square = sum((number - mean) ** 2 for number in numbers) / len(numbers)
    return float(mean), math.sqrt(square)


@pytest.mark.parametrize("name", VALUES)
def test_moments_are_those_of_exact_arithmetic(name: str) -> None:
    moments = RunningMoments()
    moments.add(VALUES[name])
    mean, deviation = _exact(VALUES[name])
    assert moments.mean == mean
    assert moments.deviation == (deviation if deviation > 1e-7 * abs(mean) else 1.0)


@pytest.mark.parametrize("name", VALUES)
def test_neither_order_nor_batches_nor_merging_change_a_digit(name: str) -> None:
    values = VALUES[name]
    whole, parts, merged = RunningMoments(), RunningMoments(), RunningMoments()
    whole.add(values)
    for start in range(0, len(values), 3):
        parts.add(values[::-1][start : start + 3])
    for half in (values[: len(values) // 2], values[len(values) // 2 :]):
        one = RunningMoments()
        one.add(half)
        merged.merge(one)
    assert (whole.mean, whole.deviation) == (parts.mean, parts.deviation)
    assert (whole.mean, whole.deviation) == (merged.mean, merged.deviation)


def test_nothing_has_mean_zero_and_deviation_one() -> None:
    moments = RunningMoments()
    moments.add(np.zeros(0))
    assert (moments.mean, moments.deviation) == (0.0, 1.0)
