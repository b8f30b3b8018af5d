"""Draws some of the negatives of every session, fresh each time, all sessions at once."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ranking.features.record_layout import RecordLayout, record_layout
from ranking.features.spec import CANDIDATES, FeatureSpec

_RANDOM_BITS = 40
# The constants of SplitMix64; a last step without a factor.
_GAMMA = 0x9E3779B97F4A7C15
_MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


@dataclasses.dataclass(frozen=True)
class NegativeSampling:
    """Which candidates of a session training sees: all positives and some negatives.

    Attributes:
        label: Name of the label that makes a candidate positive.
        negatives_per_positive: Negatives drawn per positive, at least 0.
    """

    label: str
    negatives_per_positive: float

    def __post_init__(self) -> None:
        if not self.negatives_per_positive >= 0:
            raise ValueError(
                "`negatives_per_positive` must be 0 or more, or None for all negatives. "
                f"Received: negatives_per_positive={self.negatives_per_positive}"
            )

    def count(self, positives: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """int64 numbers of positives and of all candidates -> of negatives that stay.

        It is positives times `negatives_per_positive`, rounded up so that a small ratio still
        leaves something to compare a positive with; or all negatives, where there are fewer.
        """
        wanted = tf.cast(positives, tf.float64) * self.negatives_per_positive
        # 30 * 1.1 is a little more than 33 in floating point; such an excess must not round up.
        rounded = tf.cast(tf.math.ceil(wanted - 1e-9), tf.int64)
        return tf.minimum(rounded, candidates - positives)

    def sample(
        self,
        spec: FeatureSpec,
        parsed: Mapping[str, Any],
        seed: tf.Tensor,
        *,
        places: tf.Tensor | None = None,
    ) -> dict[str, Any]:
        """Parsed records -> the same with all positives and some of the other candidates.

        Negatives are drawn uniformly, without replacement, within their session. Candidates that
        stay keep their order.

        Args:
            spec: The spec of the records.
            parsed: What `records.parse_records` returned.
            seed: Integer `[2]`; the same seed draws the same negatives.
            places: Place of each session in its batch, int64 `[B]`; 0, 1, ... when left out.
                Whoever has a part of a batch draws for it what is drawn in the whole.
        """
        layout = record_layout(spec)
        labels = self.labels(layout, parsed)
        if places is None:
            places = tf.range(labels.nrows())
        kept = self._kept(labels, seed, places)
        indices = tf.where(kept)[:, 0]
        lengths = tf.reduce_sum(labels.with_values(tf.cast(kept, tf.int64)), axis=1)
        left = tf.RaggedTensor.from_row_lengths(indices, lengths, validate=False)
        return dict(parsed) | {
            key: left.with_values(tf.gather(parsed[key].values, indices))
            for key in layout.keys_of(CANDIDATES)
        }

    def labels(self, layout: RecordLayout, parsed: Mapping[str, Any]) -> tf.RaggedTensor:
        """Parsed records -> the label that makes candidates positive, ragged `[B, (C)]`."""
        packed = parsed[layout.labels.key]
        place = layout.labels.place(f"labels_{self.label}")
        return packed.with_values(packed.values[:, place])

    def _kept(self, labels: tf.RaggedTensor, seed: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Bool `[N]`, N the candidates of all sessions together."""
        is_positive = labels.values > 0
        positives = tf.reduce_sum(labels.with_values(tf.cast(is_positive, tf.int64)), axis=1)
        wanted = self.count(positives, labels.row_lengths())
        rows = labels.value_rowids()
        starts = tf.gather(labels.row_starts(), rows)
        candidates = tf.range(tf.size(rows, tf.int64)) - starts
        chance = _random_bits(seed, tf.gather(places, rows), candidates)
        rank = tf.cast(_random_place(is_positive, rows, chance), tf.int64) - starts
        return is_positive | (rank < tf.gather(wanted, rows))


def _random_bits(seed: tf.Tensor, sessions: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
    """Seed `[2]`, int64 numbers of sessions and of candidates in them `[N]` -> 40 random bits for
    each, which depend on nothing else.

    SplitMix64 (Steele, Lea and Flood 2014): a stream for each session, whose seed is from a stream
    of the batch. Random operations of TensorFlow draw by the place in a tensor.
    """
    batch, step = tf.cast(seed, tf.uint64), tf.constant(_GAMMA, tf.uint64)
    state = _mixed(_mixed(batch[0]) + batch[1] * step)
    state = _mixed(state + tf.cast(sessions, tf.uint64) * step)
    bits = _mixed(state + tf.cast(candidates + 1, tf.uint64) * step)
    return tf.cast(
        tf.bitwise.right_shift(bits, tf.constant(64 - _RANDOM_BITS, tf.uint64)), tf.int64
    )


def _mixed(state: tf.Tensor) -> tf.Tensor:
    for shift, factor in _MIXING:
        shifted = tf.bitwise.right_shift(state, tf.constant(shift, tf.uint64))
        state = tf.bitwise.bitwise_xor(state, shifted) * tf.constant(factor, tf.uint64)
    return state


def _random_place(is_positive: tf.Tensor, rows: tf.Tensor, chance: tf.Tensor) -> tf.Tensor:
    """Bool, session numbers and random numbers, each `[N]` -> int32 `[N]`: each candidate's place
    when sessions are in order, negatives come first in a session, and all else is random. One sort
    does them all."""
    group = 2 * rows + tf.cast(is_positive, tf.int64)
    order = tf.argsort(group * (1 << _RANDOM_BITS) + chance, stable=True)
    return tf.math.invert_permutation(order)
