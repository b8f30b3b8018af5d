"""Draws some of the negatives of every session, fresh each time, all sessions at once."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ranking.features.record_layout import RecordLayout, record_layout
from ranking.features.spec import CANDIDATES, FeatureSpec

_RANDOM_BITS = 40


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
        self, spec: FeatureSpec, parsed: Mapping[str, Any], seed: tf.Tensor
    ) -> dict[str, Any]:
        """Parsed records -> the same with all positives and some of the other candidates.

        Negatives are drawn uniformly, without replacement, within their session. Candidates that
        stay keep their order.

        Args:
            spec: The spec of the records.
            parsed: What `records.parse_records` returned.
            seed: Integer `[2]`; the same seed draws the same negatives.
        """
        layout = record_layout(spec)
        labels = self.labels(layout, parsed)
        kept = self._kept(labels, seed)
        indices = tf.where(kept)[:, 0]
        lengths = tf.reduce_sum(labels.with_values(tf.cast(kept, tf.int64)), axis=1)
        sampled = dict(parsed)
        for key in layout.keys_of(CANDIDATES):
            values = tf.gather(parsed[key].values, indices)
            sampled[key] = tf.RaggedTensor.from_row_lengths(values, lengths, validate=False)
        return sampled

    def labels(self, layout: RecordLayout, parsed: Mapping[str, Any]) -> tf.RaggedTensor:
        """Parsed records -> the label that makes candidates positive, ragged `[B, (C)]`."""
        packed = parsed[layout.labels.key]
        place = layout.labels.place(f"labels_{self.label}")
        return packed.with_values(packed.values[:, place])

    def _kept(self, labels: tf.RaggedTensor, seed: tf.Tensor) -> tf.Tensor:
        """Bool `[N]`, N the candidates of all sessions together."""
        is_positive = labels.values > 0
        positives = tf.reduce_sum(labels.with_values(tf.cast(is_positive, tf.int64)), axis=1)
        wanted = self.count(positives, labels.row_lengths())
        rows = labels.value_rowids()
        place = _random_place(is_positive, rows, seed)
        rank = tf.cast(place, tf.int64) - tf.gather(labels.row_starts(), rows)
        return is_positive | (rank < tf.gather(wanted, rows))


def _random_place(is_positive: tf.Tensor, rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Bool `[N]`, session numbers `[N]` -> int32 `[N]`: each candidate's place when sessions are in
    order, negatives come first in a session, and all else is random. One sort does them all."""
    chance = tf.random.stateless_uniform(
        tf.shape(rows), seed, minval=0, maxval=1 << _RANDOM_BITS, dtype=tf.int64
    )
    group = 2 * rows + tf.cast(is_positive, tf.int64)
    order = tf.argsort(group * (1 << _RANDOM_BITS) + chance, stable=True)
    return tf.math.invert_permutation(order)
