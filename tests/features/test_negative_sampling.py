from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ranking.features.negative_sampling import NegativeSampling, _random_bits
from ranking.features.record_layout import record_layout
from ranking.features.spec import CANDIDATES
from tests.helpers.small_spec import small_spec

LABELS = [[0, 1, 0, 0, 0], [], [1, 1], [0, 0, 0], [0, 0, 1, 0, 1, 0, 0]]
SEED = tf.constant([3, 5], tf.int64)


def parsed_sessions() -> dict[str, Any]:
    """The ragged part of parsed records; every value tells which candidate it belongs to."""
    spec = small_spec()
    labels = tf.ragged.constant(LABELS, tf.int64)
    numbers = labels.with_values(tf.range(labels.flat_values.shape[0], dtype=tf.int64))
    layout = record_layout(spec)
    parsed: dict[str, Any] = {}
    for packed in layout.packed:
        columns = [labels if field.key == "labels_click" else numbers for field in packed.fields]
        packed_values = tf.stack([column.values for column in columns], axis=1)
        parsed[packed.key] = numbers.with_values(packed_values)
    for field in layout.texts + layout.ids:
        parsed[field.key] = numbers
        if field.kind == "ids":
            repeated = tf.RaggedTensor.from_row_lengths(
                tf.repeat(numbers.values, numbers.values % 3), numbers.values % 3
            )
            parsed[field.key] = numbers.with_values(repeated)
    return parsed | {"session_id": tf.constant(list("abcde"))}


def sample(ratio: float, seed: tf.Tensor = SEED) -> dict[str, Any]:
    """What is left of the candidates: packed values by field, the rest by feature."""
    spec = small_spec()
    sampled = NegativeSampling("click", ratio).sample(spec, parsed_sessions(), seed)
    for packed in record_layout(spec).packed:
        value = sampled.pop(packed.key)
        if packed.section == CANDIDATES:
            for place, field in enumerate(packed.fields):
                sampled[field.key] = value.with_values(value.values[:, place])
    return sampled


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 100.0])
def test_positives_stay_with_their_share_of_negatives(ratio):
    kept = sample(ratio)
    for labels, left in zip(LABELS, kept["labels_click"].to_list(), strict=True):
        positives = sum(labels)
        negatives = min(int(np.ceil(positives * ratio)), len(labels) - positives)
        assert sum(left) == positives
        assert len(left) - sum(left) == negatives


def test_an_excess_from_rounding_draws_no_negative():
    positives = tf.constant([30, 10, 1], tf.int64)
    counts = NegativeSampling("click", 1.1).count(positives, positives + 99)
    assert counts.numpy().tolist() == [33, 11, 2]  # 30 * 1.1 is 33.000000000000004.


def test_all_fields_of_a_candidate_stay_together_in_their_order():
    kept = sample(1.0)
    numbers = kept["candidates_item"].to_list()
    everything = iter(range(sum(map(len, LABELS))))
    before = [[next(everything) for _ in labels] for labels in LABELS]
    for row, ones in enumerate(numbers):
        assert ones == sorted(set(ones)) and set(ones) <= set(before[row])
    flat = [number for ones in numbers for number in ones]
    for key, value in kept.items():
        if key == "labels_click" or not key.startswith(("candidates_", "labels_")):
            continue
        if value.ragged_rank == 2:
            assert value.values.to_list() == [[number] * (number % 3) for number in flat], key
        else:
            assert value.to_list() == numbers, key
    labels = [label for one in LABELS for label in one]
    assert kept["labels_click"].flat_values.numpy().tolist() == [labels[n] for n in flat]
    assert kept["session_id"].shape == [len(LABELS)]


def test_negatives_are_drawn_uniformly():
    """Two of the five negatives of the last session: each one in two draws of five."""
    draw = tf.function(lambda seed: sample(1.0, seed)["candidates_item"][4], autograph=False)
    rounds = 1000
    numbers = np.concatenate([draw(tf.constant([7, n], tf.int64)).numpy() for n in range(rounds)])
    first = sum(len(labels) for labels in LABELS[:4])
    counts = np.bincount(numbers - first, minlength=7)
    assert counts[[2, 4]].tolist() == [rounds, rounds]
    negatives = counts[[0, 1, 3, 5, 6]]
    expected = rounds * 2 / 5
    # Chi-square with 4 degrees of freedom: above 23.5 once in 10,000 seeds.
    assert np.sum((negatives - expected) ** 2 / expected) < 23.5


def test_the_seed_decides():
    drawn = [sample(1.0, tf.constant([3, n], tf.int64))["candidates_item"] for n in (1, 1, 2)]
    assert drawn[0].to_list() == drawn[1].to_list() != drawn[2].to_list()


def test_a_part_of_a_batch_draws_what_the_whole_does():
    spec, sampling = small_spec(), NegativeSampling("click", 1.0)
    parsed = parsed_sessions()
    whole = sampling.sample(spec, parsed, SEED)
    for places in ([0, 1], [2, 3, 4], [1, 4], [4]):
        part = {key: tf.gather(value, places) for key, value in parsed.items()}
        sampled = sampling.sample(spec, part, SEED, places=tf.constant(places, tf.int64))
        for key, value in sampled.items():
            expected = tf.gather(whole[key], places)
            if isinstance(value, tf.RaggedTensor):
                value, expected = value.to_list(), expected.to_list()
            np.testing.assert_equal(np.array(value, object), np.array(expected, object), key)


def _split_mix(state: int) -> int:
    """The output of SplitMix64 at a state, as its authors publish it."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def test_random_bits_are_those_of_split_mix():
    seed, gamma = (3, 2**63 - 5), 0x9E3779B97F4A7C15
    sessions, candidates = np.array([0, 0, 7, 1023]), np.array([0, 1, 5, 99])
    bits = _random_bits(tf.constant(seed, tf.int64), tf.constant(sessions), tf.constant(candidates))
    for session, candidate, found in zip(sessions, candidates, bits.numpy(), strict=True):
        batch = _split_mix((_split_mix(seed[0]) + seed[1] * gamma) % 2**64)
        stream = _split_mix((batch + int(session) * gamma) % 2**64)
        assert found == _split_mix((stream + (int(candidate) + 1) * gamma) % 2**64) >> 24
    # The first outputs of the stream of seed 0, from its authors' program.
    assert _split_mix(gamma) == 0xE220A8397B1DCDAF


@pytest.mark.parametrize("ratio", [-1.0, float("nan")])
def test_a_ratio_below_zero_is_refused(ratio):
    with pytest.raises(ValueError, match="`negatives_per_positive` must be 0 or more"):
        NegativeSampling("click", ratio)
