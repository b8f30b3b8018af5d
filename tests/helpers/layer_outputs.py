"""What layers compute from fixed weights and inputs, on whatever backend Keras has.

As a program it writes the outputs and the gradients of the weights into the file it is given. It
needs Keras and NumPy alone, so that it also runs where TensorFlow is not.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from ranking.layers.adaptive_dense import AdaptiveDense
from ranking.layers.attention_pooling import AttentionPooling
from ranking.layers.attention_weighted_gate import AttentionWeightedGate
from ranking.layers.expert_bank import ExpertBank
from ranking.layers.expert_gates import ExpertGates
from ranking.layers.feature_generator import FeatureGenerator
from ranking.layers.interest_extractor import InterestExtractor
from ranking.layers.masked_pooling import MaskedPooling
from ranking.layers.meta_tower import MetaTower
from ranking.layers.meta_unit import MetaUnit
from ranking.layers.mlp import Mlp
from ranking.layers.pair_unit import PairUnit
from ranking.layers.scenario_towers import ScenarioTowers
from ranking.layers.sequence_transformer import SequenceTransformer
from ranking.layers.stacked_mlp import StackedMlp
from ranking.layers.star_dense import StarDense
from ranking.models.split_mlp import SplitMlp

B, C, T, D = 3, 5, 7, 4
_CHANCE = np.random.default_rng(1)
_BEHAVIORS, _QUERY, _TARGETS = (
    _CHANCE.normal(size=shape) for shape in ((B, T, D), (B, D), (B, C, D))
)
_MASK = np.arange(T) < np.array([[0], [3], [T]])
_SCENARIO = np.eye(2)[[0, 1, 0]]
_VIEWS = _CHANCE.normal(size=(B, C, 2, 6))


class _TrainedUnit(PairUnit):
    def call(self, behaviors: Any, context: Any) -> Any:
        return super().call(behaviors, context, training=True)


# Name -> layer, and its call arguments.
CASES: dict[str, tuple[Callable[[], Any], tuple[Any, ...]]] = {
    "adaptive_dense": (lambda: AdaptiveDense(6, rank=2, inner_size=3), (_TARGETS, _QUERY)),
    "attention_pooling": (AttentionPooling, (_BEHAVIORS, _TARGETS, _MASK)),
    "attention_pooling, softmax": (
        lambda: AttentionPooling(normalization="softmax"),
        (_BEHAVIORS, _QUERY, _MASK),
    ),
    "attention_pooling, sqrt_length": (
        lambda: AttentionPooling(scale="sqrt_length"),
        (_BEHAVIORS, _TARGETS, _MASK),
    ),
    "attention_weighted_gate": (
        lambda: AttentionWeightedGate(3, use_bias=True),
        (_BEHAVIORS, _QUERY, _MASK),
    ),
    "attention_weighted_gate, candidates": (
        lambda: AttentionWeightedGate(3, gate_normalization="softmax"),
        (_BEHAVIORS, _TARGETS, _MASK),
    ),
    "expert_bank": (lambda: ExpertBank(3, hidden_sizes=(8, 6)), (_TARGETS,)),
    "expert_gates": (lambda: ExpertGates((2, 3), 4), (_QUERY,)),
    "feature_generator": (
        lambda: FeatureGenerator(gate="field", field_sizes=(1, 3)),
        (_TARGETS, _VIEWS),
    ),
    "interest_extractor": (lambda: InterestExtractor(hidden_sizes=(8,)), (_TARGETS, _VIEWS)),
    "masked_pooling": (lambda: MaskedPooling("mean"), (_BEHAVIORS, _MASK)),
    "masked_pooling, lists of lists": (lambda: MaskedPooling("mean"), (_VIEWS, _VIEWS[..., 0] > 0)),
    "meta_tower": (lambda: MetaTower(2), (_VIEWS, _QUERY)),
    "meta_unit": (MetaUnit, (_TARGETS, _QUERY)),
    "mlp": (lambda: Mlp((8, 6), 2), (_TARGETS,)),
    "pair_unit": (lambda: PairUnit(2), (_BEHAVIORS, _TARGETS)),
    "pair_unit, training": (lambda: _TrainedUnit(2), (_BEHAVIORS, _TARGETS)),
    "pair_unit, no behaviors": (lambda: PairUnit(2), (_BEHAVIORS[:, :0], _TARGETS)),
    "pair_unit, training, no behaviors": (
        lambda: _TrainedUnit(2),
        (_BEHAVIORS[:, :0], _TARGETS),
    ),
    "scenario_towers": (lambda: ScenarioTowers(2, hidden_sizes=(5,)), (_TARGETS, _SCENARIO)),
    "sequence_transformer": (
        lambda: SequenceTransformer(D, num_heads=2),
        (_BEHAVIORS, _TARGETS, _MASK),
    ),
    "split_mlp": (lambda: SplitMlp(2 * D, 6, num_layers=2), ([_QUERY, _TARGETS],)),
    "stacked_mlp": (lambda: StackedMlp((2, 3), (8,), 2), (_QUERY,)),
    "star_dense": (lambda: StarDense(3), (_TARGETS, _SCENARIO)),
}


def layer_outputs() -> Iterator[tuple[str, Any]]:
    """`<case>` -> the layer's outputs, and `<case>/<number>` -> the gradient of each weight."""
    for name, (make, arguments) in CASES.items():
        layer = make()
        inputs = [_tensor(argument) for argument in arguments]
        layer(*inputs)
        chance = np.random.default_rng(2)
        layer.set_weights([chance.normal(0, 0.4, weight.shape) for weight in layer.weights])
        outputs, gradients = _with_gradients(layer, inputs)
        yield name, ops.convert_to_numpy(outputs)
        for number, gradient in enumerate(gradients):
            yield f"{name}/{number}", ops.convert_to_numpy(gradient)


def _with_gradients(layer: Any, inputs: list[Any]) -> tuple[Any, list[Any]]:
    """Outputs, and gradients of the sum of their squares by the trainable weights."""
    if keras.backend.backend() == "jax":
        import jax

        def total(weights: list[Any]) -> tuple[Any, Any]:
            others = [weight.value for weight in layer.non_trainable_variables]
            outputs, _ = layer.stateless_call(weights, others, *inputs)
            return ops.sum(ops.square(outputs)), outputs

        weights = [weight.value for weight in layer.trainable_variables]
        gradients, outputs = jax.jit(jax.grad(total, has_aux=True))(weights)
        return outputs, gradients
    if keras.backend.backend() == "torch":
        outputs = layer(*inputs)
        weights = [weight.value for weight in layer.trainable_variables]
        if weights:
            ops.sum(ops.square(outputs)).backward()
        return outputs, [weight.grad for weight in weights]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        outputs = layer(*inputs)
        summed = ops.sum(ops.square(outputs))
    weights = [weight.value for weight in layer.trainable_variables]
    return outputs, tape.gradient(summed, weights) if weights else []


def _tensor(value: Any) -> Any:
    if isinstance(value, list):
        return [_tensor(each) for each in value]
    return ops.convert_to_tensor(value, "bool" if value.dtype == bool else "float32")


if __name__ == "__main__":
    np.savez(sys.argv[1], **dict(layer_outputs()))
