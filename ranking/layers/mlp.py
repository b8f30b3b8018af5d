"""Stack of dense layers."""

from collections.abc import Sequence
from typing import Any

import keras

from ranking.layers.argument_checks import check_count, check_rate, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.layers.masked_batch_norm import MaskedBatchNorm


@keras.saving.register_keras_serializable(package="ranking")
class Mlp(keras.layers.Layer):
    """Feed-forward network over the last axis: `(..., D)` -> `(..., last size)`.

    A hidden layer is a product, batch normalization (if asked for), the activation, dropout (if
    asked for). The output layer is a product and `output_activation`.

    Args:
        hidden_sizes: Sizes of the hidden layers.
        output_size: Size of the output layer. `None`: the last hidden layer is the output.
        activation: Activation of the hidden layers.
        output_activation: Activation of the output layer.
        dropout: Share of each hidden layer's values set to zero in training.
        batch_norm: Whether hidden layers are normalized over the batch.
        output_initializer: Initializer of the output layer's kernel.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(..., D)`.
        inputs_mask: Boolean tensor `(...)`, `True` at real positions. Others are read as zeros
            and do not enter the batch statistics. `None`: every position counts.
        training: Whether dropout and the statistics of this batch apply.

    Raises:
        ValueError: If a size or a rate is out of range, if there is no layer at all, or if
            `output_activation` comes without `output_size`.

    Example:
    >>> Mlp((5, 3), output_size=2)(keras.ops.ones((4, 6, 7))).shape
    TensorShape([4, 6, 2])
    """

    def __init__(
        self,
        hidden_sizes: Sequence[int],
        output_size: int | None = None,
        *,
        activation: Any = "relu",
        output_activation: Any = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        output_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_sizes(hidden_sizes, output_size, output_activation)
        check_rate("dropout", dropout)
        self.hidden_sizes = tuple(hidden_sizes)
        self.output_size = output_size
        self.activation = keras.activations.get(activation)
        self.output_activation = output_activation and keras.activations.get(output_activation)
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.output_initializer = keras.initializers.get(output_initializer)
        self._make_layers()

    def build(self, inputs_shape: Any) -> None:
        *outer, width = inputs_shape
        for index, size in enumerate(self.hidden_sizes):
            self._layer("dense", index).build((*outer, width))
            if self.batch_norm:
                self._layer("norm", index).build((*outer, size))
            width = size
        if self.output_size is not None:
            self.output_dense.build((*outer, width))
        self.built = True

    def call(self, inputs: Any, inputs_mask: Any = None, training: bool | None = None) -> Any:
        outputs = inputs if inputs_mask is None else clear_padding(inputs, inputs_mask)
        for index in range(len(self.hidden_sizes)):
            outputs = self._layer("dense", index)(outputs)
            if self.batch_norm:
                norm = self._layer("norm", index)
                outputs = norm(outputs, mask=inputs_mask, training=training)
            outputs = self.activation(outputs)
            if self.dropout:
                outputs = self._layer("drop", index)(outputs, training=training)
        if self.output_size is not None:
            outputs = self.output_dense(outputs)
        return outputs

    def compute_output_shape(
        self, inputs_shape: Any, inputs_mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        return (*inputs_shape[:-1], self.output_size or self.hidden_sizes[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_sizes": self.hidden_sizes,
            "output_size": self.output_size,
            "activation": keras.activations.serialize(self.activation),
            "output_activation": self.output_activation
            and keras.activations.serialize(self.output_activation),
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }

    def _make_layers(self) -> None:
        # One attribute per layer, no list: tf.train.Checkpoint does not look into Keras lists.
        common = {"dtype": self.dtype_policy}
        for index, size in enumerate(self.hidden_sizes):
            dense = keras.layers.Dense(size, use_bias=not self.batch_norm, **common)
            setattr(self, f"dense_{index}", dense)
            if self.batch_norm:
                setattr(self, f"norm_{index}", MaskedBatchNorm(**common))
            if self.dropout:
                setattr(self, f"drop_{index}", keras.layers.Dropout(self.dropout, **common))
        if self.output_size is not None:
            self.output_dense = keras.layers.Dense(
                self.output_size,
                activation=self.output_activation,
                kernel_initializer=self.output_initializer,
                **common,
            )

    def _layer(self, kind: str, index: int) -> Any:
        return getattr(self, f"{kind}_{index}")


def _check_sizes(
    hidden_sizes: Sequence[int], output_size: int | None, output_activation: Any
) -> None:
    check_sizes("hidden_sizes", hidden_sizes)
    if output_size is not None:
        check_count("output_size", output_size)
        return
    if not hidden_sizes:
        raise ValueError(
            "`hidden_sizes` must hold at least one size where `output_size` is None. "
            f"Received: hidden_sizes={hidden_sizes!r}"
        )
    if output_activation is not None:
        raise ValueError(
            "`output_activation` must come with `output_size`: without an output layer nothing "
            f"reads it. Received: output_activation={output_activation!r}"
        )
