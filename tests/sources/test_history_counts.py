import numpy as np

from ranking.sources.history_counts import HistoryCounts


def test_counts_are_those_of_a_plain_loop():
    generator = np.random.default_rng(11)
    users, values, positions = (generator.integers(size, size=500) for size in (7, 5, 13))
    counts = HistoryCounts(users, values, positions, num_values=5, num_positions=13)
    observed = list(zip(users, values, positions, strict=True))
    asked = [(u, p, v) for u in range(7) for p in range(13) for v in range(5)]
    expected = [sum(o[0] == u and o[1] == v and o[2] < p for o in observed) for u, p, v in asked]
    assert counts(*np.array(asked).T).tolist() == expected
