import numpy as np
import pytest

from ranking.layers.target_attention import behaviors_attend, target_attends
from tests.helpers import oracles

B, T, D, HEADS = 2, 5, 6, 3
GROUPS = pytest.mark.parametrize(("groups", "targets"), [(1, 7), (7, 1), (2, 3)])


def make_inputs(groups, targets, scale=1.0):
    generator = np.random.default_rng(1)
    target = generator.normal(0, scale, (B, groups, targets, 4 * D)).astype("float32")
    behaviors = generator.normal(0, scale, (B, groups, T, 4 * D)).astype("float32")
    mask = np.array([[1, 0, 1, 0, 1], [0] * T], bool)
    return target, behaviors, mask


def attend(reader, others, own):
    """One query over keys of behaviors and of one target, softmax over all at once: `(D,)`."""
    seen, width = np.zeros(D), D // HEADS
    for head in range(HEADS):
        key, value, query = (
            slice(part * D + head * width, part * D + (head + 1) * width) for part in range(3)
        )
        rows = [*others, own]
        scores = [float(reader[query] @ row[key]) / np.sqrt(width) for row in rows]
        for weight, row in zip(oracles.softmax(scores), rows, strict=True):
            seen[head * width : (head + 1) * width] += weight * row[value]
    return seen


@GROUPS
@pytest.mark.parametrize("scale", [1.0, 9.0])
def test_joining_the_target_equals_one_softmax_over_all(groups, targets, scale):
    target, behaviors, mask = make_inputs(groups, targets, scale)
    of_target = np.asarray(target_attends(target, behaviors, mask, HEADS))
    of_behaviors = np.asarray(behaviors_attend(target, behaviors, mask, HEADS))
    assert of_target.shape == (B, groups, targets, D)
    assert of_behaviors.shape == (B, groups * targets, T, D)
    for b, g, r in np.ndindex(B, groups, targets):
        others, own = behaviors[b, g][mask[b]], target[b, g, r]
        tolerance = {"atol": 1e-5 * scale, "rtol": 1e-4}
        np.testing.assert_allclose(of_target[b, g, r], attend(own, others, own), **tolerance)
        for t in np.flatnonzero(mask[b]):
            expected = attend(behaviors[b, g, t], others, own)
            found = of_behaviors[b, g * targets + r, t]
            np.testing.assert_allclose(found, expected, **tolerance)


def test_without_behaviors_a_target_sees_itself_alone():
    target, behaviors, mask = make_inputs(1, 7)
    found = target_attends(target, behaviors, mask, HEADS)
    np.testing.assert_allclose(found[1], target[1, :, :, D : 2 * D], atol=1e-6)
    found = target_attends(target, behaviors[:, :, :0], mask[:, :0], HEADS)
    np.testing.assert_allclose(found, target[..., D : 2 * D], atol=1e-6)
