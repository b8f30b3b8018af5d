"""Rules about the lengths of the lists in records, and errors that say which record breaks one."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class LengthRule:
    """A rule that a batch of records keeps or not.

    Attributes:
        is_right: Whether it does, a scalar.
        explain: Makes the operations that raise an error if it does not.
    """

    is_right: tf.Tensor
    explain: Callable[[], list[Any]]


def same_lengths(
    section: str, splits: Mapping[str, tf.Tensor], widths: Mapping[str, int]
) -> LengthRule:
    """All lists of a section have values for equally many elements.

    Args:
        section: Name of the section.
        splits: Row splits `[B + 1]` of each list.
        widths: Values per element of the lists that do not have one.
    """
    keys = list(splits)
    factors = [widths.get(key, 1) for key in keys]
    by_list = tf.constant(factors, tf.int64)[:, None]
    all_splits = tf.stack(list(splits.values()))
    is_right = tf.reduce_all(tf.equal(all_splits, all_splits[0] // factors[0] * by_list))

    def explain() -> list[Any]:
        received = all_splits[:, 1:] - all_splits[:, :-1]
        longest = tf.reduce_max(-(-received // by_list), axis=0)
        texts = [
            f"`{key}` must have {factor} value(s) for each of the `{section}`."
            for key, factor in zip(keys, factors, strict=True)
        ]
        return _check(texts, received, longest * by_list)

    return LengthRule(is_right, explain)


def right_totals(
    lengths_key: str, values_key: str, lengths: tf.RaggedTensor, values: tf.RaggedTensor
) -> LengthRule:
    """Lengths `[B, (n)]` of inner lists are not negative and add up to the lengths of `values`."""
    ends = tf.cumsum(lengths.values)
    received = tf.gather(tf.concat([[0], ends], axis=0), lengths.row_splits)
    is_right = tf.reduce_all(received == values.row_splits) & tf.reduce_all(lengths.values >= 0)

    def explain() -> list[Any]:
        total = tf.reduce_sum(lengths, axis=1)
        expected = values.row_lengths()
        # What adds up is wrong too where a length is negative.
        is_negative = tf.reduce_any(lengths < 0, axis=1)
        rule = f"`{lengths_key}` must add up to the number of values in `{values_key}`."
        return _check([rule], total[None], expected[None], is_negative[None])

    return LengthRule(is_right, explain)


def checked(rules: Sequence[LengthRule]) -> list[Any]:
    """Rules -> operations that raise an error that names the first record that breaks one.

    What to say is worked out only where there is something to say: texts of numbers that nobody
    reads took as long as parsing.
    """
    if not rules:
        return []

    def explain() -> tf.Tensor:
        operations = [operation for rule in rules for operation in rule.explain()]
        with tf.control_dependencies(operations):
            return tf.constant(False)

    is_right = tf.reduce_all(tf.stack([rule.is_right for rule in rules]))
    return [tf.cond(is_right, lambda: tf.constant(True), explain)]


def _check(texts: Sequence[str], received: Any, expected: Any, is_wrong: Any = False) -> list[Any]:
    """Operations that raise an error that names the first record that breaks the first rule.

    Args:
        texts: n rules.
        received: Numbers of values, int64 `[n, B]`.
        expected: What they must be.
        is_wrong: Whether a record breaks a rule anyway.
    """
    is_right = (received == expected) & ~tf.convert_to_tensor(is_wrong)
    # The column added at the end is there for an empty batch; it is right.
    marks = tf.pad(tf.cast(is_right, tf.int32), [[0, 0], [0, 1]], constant_values=1)
    place = tf.argmin(tf.reshape(marks, [-1]))
    columns = tf.shape(marks, tf.int64)[1]
    rule, record = place // columns, place % columns
    numbers = [
        tf.strings.as_string(tf.pad(each, [[0, 0], [0, 1]])[rule, record])
        for each in (received, expected)
    ]
    parts = [tf.constant(texts)[rule], " Received: ", numbers[0], " values instead of "]
    parts += [numbers[1], " in record ", tf.strings.as_string(record), " of the batch."]
    operation = tf.debugging.Assert(tf.reduce_all(is_right), [tf.strings.join(parts)])
    return [] if operation is None else [operation]
