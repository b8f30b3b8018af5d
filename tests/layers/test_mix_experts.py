import numpy as np

from ranking.layers.mix_experts import mix_experts

N, G, K, D = 7, 3, 5, 2


def test_value_equals_the_loops():
    generator = np.random.default_rng(1)
    weights = generator.normal(size=(N, G, K)).astype("float32")
    experts = generator.normal(size=(K, N, D)).astype("float32")
    expected = np.zeros((G, N, D))
    for n, g, k, d in np.ndindex(N, G, K, D):
        expected[g, n, d] += weights[n, g, k] * experts[k, n, d]
    np.testing.assert_allclose(mix_experts(weights, experts), expected, atol=1e-5)
