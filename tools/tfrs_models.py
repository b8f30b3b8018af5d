"""DLRM and DCN-v2, built from the layers of tensorflow-recommenders."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras

from pipelines.tfrs_settings import DcnSettings, DlrmSettings, TfrsSettings
from ranking.features.spec import LABELS, FeatureSpec
from tools.impression_vectors import Batch, ImpressionVectors, present_candidates


class ImpressionModel(tfrs.Model):  # type: ignore[misc]
    """Maps an encoded batch to the probability of a label for each of its N impressions.

    Args:
        spec: A resolved spec.
        task: The label.
        settings: Those of the model that is meant.

    Call arguments:
        batch: Tensors by key.

    Returns:
        Probabilities `[N]`, padding left out.

    Attributes:
        label_key: Where labels are in a batch.
    """

    def __init__(self, spec: FeatureSpec, task: str, settings: DcnSettings | DlrmSettings) -> None:
        super().__init__()
        self.label_key = spec.field(LABELS, task).key
        self.vectors = ImpressionVectors(
            spec, history=settings.history, dropout=settings.embedding_dropout
        )
        self._interactions = _interactions(settings, has_numbers=self.vectors.num_numbers > 0)
        self._top = _top_network(settings)
        self._task = tfrs.tasks.Ranking(loss_metrics=[tf_keras.metrics.Mean("mean_loss")])

    @property
    def keys(self) -> list[str]:
        """What training reads of a batch."""
        return [*self.vectors.keys, self.label_key]

    def call(self, batch: Batch, training: bool = False) -> tf.Tensor:
        """See the class."""
        vectors, numbers = self.vectors(batch, training=training)
        interactions = self._interactions(vectors, numbers)
        return tf.squeeze(self._top(interactions, training=training), axis=-1)

    def compute_loss(self, inputs: Batch, training: bool = False) -> tf.Tensor:
        """The mean cross entropy of a batch's impressions."""
        labels = tf.boolean_mask(inputs[self.label_key], present_candidates(inputs))
        return self._task(labels=labels, predictions=self(inputs, training=training))

    def train_step(self, inputs: Batch) -> Mapping[str, tf.Tensor]:
        """A step, traced as it is: no Python in it depends on tensors, and rewriting takes long."""
        return dict(tf.autograph.experimental.do_not_convert(super().train_step)(inputs))


class Crosses(tf_keras.layers.Layer):  # type: ignore[misc]
    """DCN-v2's interactions: all fields side by side, `[N, W]`, through cross layers, `[N, W]`."""

    def __init__(self, settings: DcnSettings) -> None:
        super().__init__(name="crosses")
        self._crosses = [
            tfrs.layers.dcn.Cross(projection_dim=settings.projection or None)
            for _ in range(settings.cross_layers)
        ]

    def call(self, vectors: Sequence[tf.Tensor], numbers: tf.Tensor) -> tf.Tensor:
        """Vectors `[N, width]` and numbers `[N, D]` -> `[N, W]`."""
        first = crossed = tf.concat([*vectors, numbers], axis=1)
        for cross in self._crosses:
            crossed = cross(first, crossed)
        return crossed


class DotProducts(tf_keras.layers.Layer):  # type: ignore[misc]
    """DLRM's interactions: the scalar products of all pairs of fields.

    All numbers together are one field, which also goes on by itself.
    """

    def __init__(self, settings: DlrmSettings, *, has_numbers: bool) -> None:
        super().__init__(name="dot_products")
        self._width = settings.width
        sizes = [*settings.bottom_sizes, settings.width]
        self._bottom = (
            tfrs.layers.blocks.MLP(sizes, final_activation="relu") if has_numbers else None
        )
        self._projections: dict[str, tf_keras.layers.Dense] = {}
        self._products = tfrs.layers.feature_interaction.DotInteraction(skip_gather=True)

    def build(self, shapes: Any) -> None:
        """Makes a projection for each field whose table has another width."""
        for place, shape in enumerate(shapes):
            if shape[-1] != self._width:
                self._projections[str(place)] = tf_keras.layers.Dense(self._width, use_bias=False)
        super().build(shapes)

    def call(self, vectors: Sequence[tf.Tensor], numbers: tf.Tensor) -> tf.Tensor:
        """Vectors `[N, width]` and numbers `[N, D]` -> what the network on top reads."""
        fields = [
            self._projections[str(place)](vector) if str(place) in self._projections else vector
            for place, vector in enumerate(vectors)
        ]
        alone = [] if self._bottom is None else [self._bottom(numbers)]
        return tf.concat([*alone, self._products([*alone, *fields])], axis=1)


def _interactions(
    settings: DcnSettings | DlrmSettings, *, has_numbers: bool
) -> Crosses | DotProducts:
    if isinstance(settings, DcnSettings):
        return Crosses(settings)
    return DotProducts(settings, has_numbers=has_numbers)


def _top_network(settings: TfrsSettings) -> tf_keras.Sequential:
    """What reads the interactions: hidden layers with dropout before each, then a probability."""
    layers: list[Any] = []
    for size in settings.hidden_sizes:
        layers.append(tf_keras.layers.Dropout(settings.dropout))
        layers.append(tfrs.layers.blocks.MLP([size], final_activation="relu"))
    layers.append(tfrs.layers.blocks.MLP([1], final_activation="sigmoid"))
    return tf_keras.Sequential(layers, name="top")


def score_function(model: ImpressionModel, task: str) -> Any:
    """A model -> function from an encoded batch to `{task: probabilities [B, C]}`, 0 at padding."""

    def scores(batch: Batch) -> tf.Tensor:
        places = tf.where(present_candidates(batch))
        shape = tf.shape(batch[model.label_key], out_type=tf.int64)
        return tf.scatter_nd(places, model(batch, training=False), shape)

    # Without relaxed shapes every number of candidates or behaviors would be compiled anew.
    compiled = tf.function(scores, reduce_retracing=True, autograph=False)

    def score(batch: Batch) -> Mapping[str, tf.Tensor]:
        return {task: compiled({key: batch[key] for key in model.keys})}

    return score
