import math

import numpy as np
import pytest

from ranking.metrics.gate_usage import gate_usage

EXPERTS = 5


def _loop_usage(gates, dead_below):
    """The usage of one group, one number at a time."""
    experts = range(len(gates[0]))
    shares = []
    for gate in gates:
        total = sum(abs(g) for g in gate)
        if total > 0:
            shares.append([abs(g) / total for g in gate])
    mean_shares = [_mean([share[k] for share in shares]) for k in experts]
    return {
        "sessions": len(gates),
        "active_sessions": len(shares),
        "mean": [_mean([gate[k] for gate in gates]) for k in experts],
        "mean_absolute": [_mean([abs(gate[k]) for gate in gates]) for k in experts],
        "shares": mean_shares,
        "session_entropy": _mean([_entropy(share) for share in shares]),
        "entropy": _entropy(mean_shares),
        "dead_everywhere": [all(share[k] < dead_below for share in shares) for k in experts],
        "dead_on_average": [not mean_shares[k] >= dead_below for k in experts],
        "norm": _mean([math.sqrt(sum(g * g for g in gate)) for gate in gates]),
    }


def _mean(values):
    return sum(values) / len(values) if values else math.nan


def _entropy(shares):
    terms = [share * math.log(share) if share != 0 else 0.0 for share in shares]
    return -sum(terms) / math.log(len(shares))


def _gates(sessions, seed=0):
    generator = np.random.default_rng(seed)
    gates = generator.normal(size=(sessions, EXPERTS)) * [1.0, 3.0, 0.02, 0.3, 0.001]
    gates[generator.random(gates.shape) < 0.3] = 0.0
    gates[:: max(sessions // 4, 2)] = 0.0
    return gates


@pytest.mark.parametrize("dead_below", [0.0, 0.01, 0.2, 1.0])
def test_every_number_is_that_of_the_loop(dead_below):
    gates = _gates(61)
    codes = np.array([7, -2, 3])[np.arange(61) % 3]
    usage = gate_usage(gates, codes, dead_below=dead_below)
    assert set(usage) == {7, -2, 3}
    for code, group in usage.items():
        oracle = _loop_usage(gates[codes == code].tolist(), dead_below)
        for name, expected in oracle.items():
            np.testing.assert_allclose(getattr(group, name), expected, rtol=1e-12, err_msg=name)


def test_a_group_of_one_session_is_that_session():
    gates = np.array([[2.0, 0.0, -1.0, 0.0, 1.0], [9.0, 9.0, 9.0, 9.0, 9.0]])
    one = gate_usage(gates, [0, 1])[0]
    assert (one.sessions, one.active_sessions) == (1, 1)
    np.testing.assert_array_equal(one.mean, gates[0])
    np.testing.assert_allclose(one.shares, [0.5, 0.0, 0.25, 0.0, 0.25])
    assert one.session_entropy == one.entropy == pytest.approx(1.5 * math.log(2) / math.log(5))
    assert one.norm == pytest.approx(math.sqrt(6))


def test_sessions_without_activation_have_no_shares():
    gates = np.zeros((4, EXPERTS))
    gates[3] = [0, 0, 4.0, 0, 0]
    usage = gate_usage(gates, [0, 0, 1, 1])
    silent, mixed = usage[0], usage[1]
    assert (silent.sessions, silent.active_sessions, silent.norm) == (2, 0, 0.0)
    assert np.isnan(silent.shares).all()
    assert math.isnan(silent.entropy) and math.isnan(silent.session_entropy)
    assert silent.dead_everywhere.all() and silent.dead_on_average.all()
    np.testing.assert_array_equal(mixed.shares, [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(mixed.mean, [0, 0, 2, 0, 0])
    assert (mixed.session_entropy, mixed.entropy, mixed.norm) == (0.0, 0.0, 2.0)
    assert math.copysign(1, mixed.entropy) == 1


def test_entropy_tells_alike_use_from_specialized_sessions():
    specialized = gate_usage(np.eye(EXPERTS) * -3.0, np.zeros(EXPERTS, int))[0]
    alike = gate_usage(np.full((3, EXPERTS), 0.1), np.zeros(3, int))[0]
    assert specialized.session_entropy == 0 and specialized.entropy == pytest.approx(1)
    assert alike.session_entropy == pytest.approx(1) and alike.entropy == pytest.approx(1)
    assert alike.entropy <= 1


def test_an_expert_of_few_sessions_is_dead_on_average_only():
    gates = np.tile([1.0, 0.0, 0.0], (211, 1))
    gates[17] = [0.0, 5.0, 0.0]
    usage = gate_usage(gates, np.zeros(211, int))[0]
    np.testing.assert_array_equal(usage.dead_everywhere, [False, False, True])
    np.testing.assert_array_equal(usage.dead_on_average, [False, True, True])


def test_negative_activations_count_as_use():
    gates = np.array([[1.0, -1.0], [-1.0, 1.0]])
    usage = gate_usage(gates, [0, 0])[0]
    np.testing.assert_array_equal(usage.mean, [0, 0])
    np.testing.assert_array_equal(usage.mean_absolute, [1, 1])
    np.testing.assert_array_equal(usage.shares, [0.5, 0.5])
    assert not usage.dead_everywhere.any()


def test_scale_and_order_never_matter_to_shares():
    gates = _gates(53, seed=1)
    codes = np.arange(53) % 2
    order = np.random.default_rng(2).permutation(53)
    usage = gate_usage(gates, codes)
    changed = gate_usage(gates[order] * 1e-200, codes[order])
    for code in (0, 1):
        np.testing.assert_allclose(changed[code].shares, usage[code].shares, rtol=1e-12)
        assert changed[code].entropy == pytest.approx(usage[code].entropy, rel=1e-12)


def test_the_smallest_numbers_divide_without_a_warning():
    tiny = np.finfo(np.float64).smallest_subnormal
    usage = gate_usage([[tiny, tiny], [1e150, 1e150]], [0, 1])
    for group in usage.values():
        np.testing.assert_array_equal(group.shares, [0.5, 0.5])


def test_one_expert_has_no_entropy():
    usage = gate_usage([[2.0], [-1.0]], [0, 0])[0]
    np.testing.assert_array_equal(usage.shares, [1.0])
    assert math.isnan(usage.entropy) and math.isnan(usage.session_entropy)


def test_no_session_gives_no_group():
    assert gate_usage(np.zeros((0, 3)), []) == {}


@pytest.mark.parametrize(
    ("gates", "groups", "message"),
    [
        ([1.0, 2.0], [0, 0], r"`gates` must have shape \[S, K\].*gates.shape=\(2,\)"),
        ([[1.0], [2.0]], [0], r"groups.shape=\(1,\)"),
        (np.zeros((2, 0)), [0, 0], "K at least 1"),
        ([[1.0], [2.0]], [0.0, 1.0], "`groups` must be whole numbers. Received: float64"),
        ([[1.0], [math.nan]], [0, 0], r"must be finite. Received: 1 .*first at 1: \[nan\]"),
        ([[math.inf], [2.0]], [0, 0], r"must be finite. Received: 1 .*first at 0: \[inf\]"),
    ],
)
def test_wrong_input_is_named(gates, groups, message):
    with pytest.raises(ValueError, match=message):
        gate_usage(gates, groups)


@pytest.mark.parametrize("dead_below", [-0.1, 1.1, math.nan])
def test_a_threshold_is_a_share(dead_below):
    with pytest.raises(ValueError, match=r"`dead_below` must lie in \[0, 1\]"):
        gate_usage([[1.0]], [0], dead_below=dead_below)
