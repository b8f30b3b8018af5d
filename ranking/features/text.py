"""Text to tokens, in graph."""

import tensorflow as tf


def split_text(text: tf.Tensor) -> tf.RaggedTensor:
    """UTF-8 strings `[N]` -> their tokens, ragged `[N, (tokens)]`.

    Lowercased (Unicode) and split at runs of ASCII white space. A vocabulary that is learned from
    text has to be counted on these tokens.

    Example:
    >>> split_text(tf.constant(["Red  SHOES", ""])).to_list()
    [[b'red', b'shoes'], []]
    """
    return tf.strings.split(tf.strings.lower(text, encoding="utf-8"))
