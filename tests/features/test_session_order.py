import numpy as np
import tensorflow as tf

from ranking.features.negative_sampling import NegativeSampling
from ranking.features.record_encoding import RecordEncoder
from ranking.features.session_order import (
    POOL_BATCHES,
    measure_sessions,
    order_by_size,
    order_pool,
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
    kept, candidates, behaviors = measure_sessions(spec, records, None)
    assert candidates.numpy().tolist() == [len(one["candidates"]) for one in sessions]
    lengths = [min(len(one["behaviors"]), spec.behaviors_max_length) for one in sessions]
    assert behaviors.numpy().tolist() == lengths
    assert (kept.numpy() == records.numpy()).all()
    kept, candidates, behaviors = measure_sessions(spec, records, NegativeSampling("click", 1.0))
    clicks = [sum(item["click"] for item in one["candidates"]) for one in sessions]
    used = [row for row, count in enumerate(clicks) if count]
    assert kept.numpy().tolist() == [records[row].numpy() for row in used]
    assert behaviors.numpy().tolist() == [lengths[row] for row in used]
    expected = [min(2 * clicks[row], len(sessions[row]["candidates"])) for row in used]
    assert candidates.numpy().tolist() == expected


def test_sessions_of_like_size_share_a_batch():
    sessions = 61
    candidates, behaviors = random_sizes(POOL_BATCHES * sessions)
    names = tf.strings.as_string(tf.range(len(candidates)))
    order = order_by_size(names, tf.constant(candidates), tf.constant(behaviors))
    rows = [int(name) for name in order.numpy()]
    assert sorted(rows) == list(range(len(candidates)))
    shares = []
    for sizes in (candidates, behaviors):
        batches = sizes[rows].reshape(POOL_BATCHES, sessions)
        shares.append(1 - batches.sum() / (batches.max(axis=1) * sessions).sum())
    assert shares[0] < 0.1
    assert shares[1] < 0.3  # Without order it is above 0.6.


def test_sessions_of_one_size_keep_their_order():
    names = tf.constant(list("abcdef"))
    sizes = tf.constant([2, 0, 2, 2, 0, 2], tf.int64)
    order = order_by_size(names, sizes, sizes)
    assert order.numpy().tolist() == [b"b", b"e", b"a", b"c", b"d", b"f"]


def pool_batches(number: int, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    candidates, behaviors = (tf.constant(sizes) for sizes in random_sizes(count))
    names = tf.strings.as_string(tf.range(count))
    batches, numbers = order_pool(
        tf.constant(number, tf.int64),
        (names, candidates, behaviors),
        sessions_per_batch=3,
        seed=seed,
    )
    return batches.numpy().astype(int), numbers.numpy()


def test_a_pool_becomes_numbered_batches_in_random_order():
    batches, numbers = pool_batches(2, 7, 23)
    assert batches.shape == (7, 3)
    assert sorted(batches.ravel()) == list(range(21))  # The last two fill no batch.
    assert numbers.tolist() == list(range(2 * POOL_BATCHES, 2 * POOL_BATCHES + 7))
    assert (batches == pool_batches(2, 7, 23)[0]).all()
    for number, seed in ((3, 7), (2, 8)):
        others = pool_batches(number, seed, 23)[0]
        assert (batches != others).any()
        assert sorted(map(tuple, batches)) == sorted(map(tuple, others))


def test_batches_of_any_size_keep_the_random_order_of_sessions():
    sessions = np.arange(24)
    batches, _ = order_pool(
        tf.constant(0, tf.int64),
        (tf.as_string(sessions), tf.constant(sessions[::-1] % 7 + 1), tf.constant(sessions % 5)),
        sessions_per_batch=4,
        seed=3,
        by_size=False,
    )
    found = batches.numpy().astype(int)
    assert sorted(found.tolist()) == sessions.reshape(6, 4).tolist()
    assert found.tolist() != sessions.reshape(6, 4).tolist()


def test_a_pool_that_fills_no_batch_gives_none():
    assert pool_batches(0, 7, 2)[0].shape == (0, 3)
