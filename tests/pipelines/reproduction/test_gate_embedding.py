import numpy as np
import pytest

from pipelines.reproduction.gate_embedding import embed_gates


def _gates(sessions, experts=5, seed=0):
    return np.random.default_rng(seed).normal(size=(sessions, experts))


def test_clusters_stay_apart():
    gates = _gates(40)
    gates[20:] += 50.0
    places = embed_gates(gates, 0)
    assert places.method == "t-SNE" and places.places.shape == (40, 2)
    points = places.places[places.gate_of]
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    np.testing.assert_array_equal(nearest >= 20, np.arange(40) >= 20)


def test_the_same_seed_gives_the_same_places():
    first, second = (embed_gates(_gates(17), 3).places for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_equal_gates_share_a_place():
    gates = _gates(60)
    gates[10:50] = gates[10] * (1 + 1e-7 * np.arange(40))[:, None]
    embedding = embed_gates(gates, 0)
    assert len(embedding.places) == 21
    assert len(set(embedding.gate_of[10:50])) == 1
    assert len(set(embedding.gate_of)) == 21


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e-30, 1e30])
def test_gates_that_are_all_the_same_have_one_place(scale):
    embedding = embed_gates(np.full((30, 5), scale), 0)
    assert embedding.method == "principal components"
    np.testing.assert_array_equal(embedding.places, [[0, 0]])
    np.testing.assert_array_equal(embedding.gate_of, np.zeros(30))


@pytest.mark.parametrize("distinct", [1, 2, 3, 4, 5, 6])
def test_few_gates_keep_their_order(distinct):
    gates = np.arange(distinct)[[*range(distinct), 0]][:, None] * np.ones(7)
    embedding = embed_gates(gates, 0)
    assert embedding.places.shape == (distinct, 2) and np.isfinite(embedding.places).all()
    assert embedding.method == ("t-SNE" if distinct >= 5 else "principal components")
    assert embedding.gate_of[0] == embedding.gate_of[-1]
    if 1 < distinct < 5:
        steps = np.diff(embedding.places[:, 0])
        np.testing.assert_allclose(steps, steps.mean())


@pytest.mark.parametrize("experts", [1, 2])
def test_few_experts_have_places(experts):
    embedding = embed_gates(_gates(11, experts), 0)
    assert embedding.places.shape == (11, 2) and np.isfinite(embedding.places).all()
    assert embedding.method == ("t-SNE" if experts == 2 else "principal components")
