"""What tests do with the networks of a model."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ranking.features.spec import FeatureSpec
from ranking.models.catalog import build
from ranking.models.networks import RankingNetworks
from tests.helpers.model_spec import inputs_of


def randomize(networks: RankingNetworks, seed: int = 3) -> RankingNetworks:
    """Gives all weights, biases too, values that depend on the seed and their order alone."""
    chance = np.random.default_rng(seed)
    for variable in networks.training.trainable_variables:
        variable.assign(chance.normal(0, 0.4, variable.shape))
    return networks


def small_networks(name: str, spec: FeatureSpec, settings: Any) -> RankingNetworks:
    """Networks with random generators and weights that are the same at every call."""
    keras.utils.set_random_seed(7)
    return randomize(build(name, spec, settings))


def train_outputs(networks: RankingNetworks, batch: dict[str, Any]) -> dict[str, np.ndarray]:
    """Outputs of the training network in training, as arrays."""
    outputs = networks.training(inputs_of(networks.training, batch), training=True)
    return {name: np.asarray(value) for name, value in outputs.items()}


def scores(networks: RankingNetworks, batch: dict[str, Any]) -> np.ndarray:
    """Probabilities `[B, C]` of the only task, through the gate where there is one."""
    batch = dict(batch)
    if networks.gate is not None:
        batch["gate"] = np.asarray(networks.gate(inputs_of(networks.gate, batch))["gate"])
    (probabilities,) = networks.score(inputs_of(networks.score, batch)).values()
    return np.asarray(probabilities)


def loss(networks: RankingNetworks, outputs: dict[str, Any], batch: dict[str, Any]) -> Any:
    """The total loss of a batch."""
    total = 0.0
    for term in networks.losses:
        value, count = term.function(outputs, batch)
        total = total + term.weight * value / keras.ops.maximum(count, 1.0)
    return total


def gradients(networks: RankingNetworks, batch: dict[str, Any]) -> dict[str, np.ndarray | None]:
    """Gradient of the total loss by variable path; `None` where the loss does not depend on it."""
    return _pass(networks, batch)[2]


def fingerprint(name: str, spec: FeatureSpec, settings: Any, batch: dict[str, Any]) -> list[Any]:
    """Everything a setting can change: outputs in training, the loss, its terms, its gradients, and
    the statistics that a step leaves behind."""
    networks = small_networks(name, spec, settings)
    outputs, total, found = _pass(networks, batch)
    kept = [np.asarray(state.value) for state in networks.training.non_trainable_variables]
    kept = [array.tobytes() for array in kept if array.dtype == np.float32]
    arrays = [(key, np.asarray(value).tobytes()) for key, value in sorted(outputs.items())]
    steps = [None if gradient is None else gradient.tobytes() for gradient in found.values()]
    terms = [(term.name, term.weight) for term in networks.losses]
    return [*arrays, float(total), *terms, *steps, *kept, networks.owner_key]


def _pass(networks: RankingNetworks, batch: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """Outputs, total loss and gradients by variable path of one step of training."""
    variables = networks.training.trainable_variables
    with tf.GradientTape() as tape:
        outputs = networks.training(inputs_of(networks.training, batch), training=True)
        total = loss(networks, outputs, batch)
    found = tape.gradient(total, [variable.value for variable in variables])
    by_path = {
        variable.path: None if gradient is None else tf.convert_to_tensor(gradient).numpy()
        for variable, gradient in zip(variables, found, strict=True)
    }
    return outputs, total, by_path
