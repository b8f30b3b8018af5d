import tensorflow as tf

from ranking.features.cached_batches import CachedBatches

COUNT = 23


def _counted() -> tuple[CachedBatches, list[int]]:
    """Batches that note when they are made, and the notes."""
    made: list[int] = []

    def make(number: tf.Tensor) -> tf.Tensor:
        made.append(int(number))
        return number

    batches = tf.data.Dataset.range(COUNT).map(
        lambda number: {"number": tf.py_function(make, [number], tf.int64)}
    )
    return CachedBatches(batches, count=COUNT, seed=3), made


def _epoch(cached: CachedBatches, epoch: int, skip: int = 0) -> list[int]:
    return [int(batch["number"]) for batch in cached.epoch(epoch, skip)]


def test_batches_are_made_once_and_come_in_another_order() -> None:
    cached, made = _counted()
    epochs = [_epoch(cached, epoch) for epoch in range(4)]
    assert epochs[0] == made == list(range(COUNT))
    assert all(sorted(epoch) == made for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    # From any place a batch may go to any other.
    assert max(abs(new - old) for old, new in enumerate(epochs[1])) > COUNT / 2


def test_a_run_that_continues_has_the_rest_of_the_same_epoch() -> None:
    cached, _ = _counted()
    for epoch in (0, 2):
        other, made = _counted()
        assert _epoch(other, epoch, 7) == _epoch(cached, epoch)[7:]
        assert made == list(range(COUNT))
