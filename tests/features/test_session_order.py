import numpy as np
import pytest
import tensorflow as tf

from ranking.features.negative_sampling import NegativeSampling
from ranking.features.reading_memory import MOST_POOL_BATCHES
from ranking.features.record_encoding import RecordEncoder
from ranking.features.session_order import (
    measure_sessions,
    order_by_size,
    order_pool,
    sessions_with_positive,
)
from tests.helpers.resolved_small_spec import resolved_small_spec
from tests.helpers.small_spec import small_sessions


def random_sizes(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.integers(5, 16, count), np.minimum(random.exponential(20, count), 50).astype(int)


def test_sessions_are_measured_as_training_will_see_them(tmp_path):
    spec = resolved_small_spec(tmp_path)
    table = small_sessions(spec, 47, seed=2)
    records = tf.constant(RecordEncoder(spec, tmp_path).encode_batch(table))
    sessions = table.to_pylist()
    candidates, behaviors = measure_sessions(spec, records, None)
    assert candidates.numpy().tolist() == [len(one["candidates"]) for one in sessions]
    lengths = [min(len(one["behaviors"]), spec.behaviors_max_length) for one in sessions]
    assert behaviors.numpy().tolist() == lengths
    sampling = NegativeSampling("click", 1.0)
    candidates, behaviors = measure_sessions(spec, records, sampling)
    clicks = [sum(item["click"] for item in one["candidates"]) for one in sessions]
    assert behaviors.numpy().tolist() == lengths
    expected = [min(2 * clicks[row], len(sessions[row]["candidates"])) for row in range(47)]
    assert candidates.numpy().tolist() == expected
    used = [records[row].numpy() for row, count in enumerate(clicks) if count]
    assert sessions_with_positive(spec, records, sampling).numpy().tolist() == used
    assert 0 < len(used) < 47


HISTORIES = {
    "even": lambda random, count: random.integers(0, 1001, count),
    "long tail": lambda random, count: np.minimum(random.lognormal(4, 1.5, count), 1000),
    "mostly none": lambda random, count: np.minimum(random.exponential(20, count), 50),
    "all the same": lambda random, count: np.full(count, 50),
}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("sessions", [7, 61])
def test_less_than_a_tenth_of_a_pool_is_padding(name, sessions):
    """Histories up to 1,000 beside lists of 8 to 12 candidates."""
    random = np.random.default_rng(3)
    count = MOST_POOL_BATCHES * sessions
    sizes = [random.integers(8, 13, count), HISTORIES[name](random, count).astype(int)]
    rows = ordered(*sizes, sessions)
    assert sorted(rows) == list(range(count))
    for size in sizes:
        batches = size[rows].reshape(MOST_POOL_BATCHES, sessions)
        assert 1 - batches.sum() / (batches.max(axis=1) * sessions).sum() < 0.1


@pytest.mark.parametrize("count", [1, 6, 7, 20, 21, 22, 48, 49])
def test_parts_are_halved_like_this(count):
    """The same, one part after the other."""
    candidates, behaviors = random_sizes(count)

    def halves(rows: list[int]) -> list[int]:
        batches = -(-len(rows) // 7)
        if batches <= 1:
            return rows
        waste = [
            size[rows].max() / max(size[rows].mean(), 1e-9) for size in (candidates, behaviors)
        ]
        key = candidates if waste[0] >= waste[1] else behaviors
        rows = sorted(rows, key=lambda row: key[row])
        middle = batches // 2 * 7
        return halves(rows[:middle]) + halves(rows[middle:])

    received, expected = ordered(candidates, behaviors, 7), halves(list(range(count)))
    # Within a batch the order does not matter.
    for start in range(0, count, 7):
        assert sorted(received[start : start + 7]) == sorted(expected[start : start + 7])


def test_sessions_of_one_size_keep_their_order():
    sizes = np.array([2, 0, 2, 2, 0, 2])
    assert ordered(sizes, sizes, 2).tolist() == [1, 4, 0, 2, 3, 5]
    assert ordered(sizes[:0], sizes[:0], 2).tolist() == []


def ordered(candidates: np.ndarray, behaviors: np.ndarray, sessions: int) -> np.ndarray:
    names = tf.strings.as_string(tf.range(len(candidates)))
    sizes = [tf.constant(size, tf.int64) for size in (candidates, behaviors)]
    return order_by_size(names, *sizes, sessions).numpy().astype(int)


def pool_batches(number: int, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    candidates, behaviors = (tf.constant(sizes) for sizes in random_sizes(count))
    names = tf.strings.as_string(tf.range(count))
    batches, numbers = order_pool(
        tf.constant(number, tf.int64),
        names,
        (candidates, behaviors),
        sessions_per_batch=3,
        pool_batches=11,
        seed=seed,
    )
    return batches.numpy().astype(int), numbers.numpy()


def test_a_pool_becomes_numbered_batches_in_random_order():
    batches, numbers = pool_batches(2, 7, 23)
    assert batches.shape == (7, 3)
    assert sorted(batches.ravel()) == list(range(21))  # The last two fill no batch.
    assert numbers.tolist() == list(range(2 * 11, 2 * 11 + 7))
    assert (batches == pool_batches(2, 7, 23)[0]).all()
    for number, seed in ((3, 7), (2, 8)):
        others = pool_batches(number, seed, 23)[0]
        assert (batches != others).any()
        assert sorted(map(tuple, batches)) == sorted(map(tuple, others))


def test_batches_of_any_size_keep_the_random_order_of_sessions():
    sessions = np.arange(24)
    batches, _ = order_pool(
        tf.constant(0, tf.int64),
        tf.as_string(sessions),
        None,
        sessions_per_batch=4,
        pool_batches=11,
        seed=3,
    )
    found = batches.numpy().astype(int)
    assert sorted(found.tolist()) == sessions.reshape(6, 4).tolist()
    assert found.tolist() != sessions.reshape(6, 4).tolist()


def test_a_pool_that_fills_no_batch_gives_none():
    assert pool_batches(0, 7, 2)[0].shape == (0, 3)
