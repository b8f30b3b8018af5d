"""Random arguments of layers that read candidates by scenario, with every kind of session."""

import numpy as np

B, C, D, CONTEXT = 5, 7, 11, 3


def make_scenario_batch(num_scenarios, *, context=True, seed=1):
    """Sessions of the first and the last scenario, one of unknown scenario, and an empty one."""
    generator = np.random.default_rng(seed)
    one_hot = np.eye(num_scenarios, dtype="float32")
    unknown = np.full(num_scenarios, 1 / num_scenarios, "float32")
    mask = np.arange(C) < np.array([[3], [7], [5], [2], [0]])
    batch = {
        "vectors": generator.normal(size=(B, C, D)).astype("float32"),
        "scenario": np.stack([one_hot[0], one_hot[-1], unknown, one_hot[-1], one_hot[0]]),
        "candidates_mask": mask,
    }
    if context:
        batch["context"] = generator.normal(size=(B, CONTEXT)).astype("float32")
    return batch


def shake_weights(layer, scale=0.3, seed=7):
    """Adds noise to the trainable weights, so that none is where it started, at zero or one."""
    generator = np.random.default_rng(seed)
    for weight in layer.trainable_variables:
        noise = generator.normal(scale=scale, size=weight.shape).astype("float32")
        weight.assign(weight.value + noise)


def only(batch, *names):
    """The arguments of these names, in this order."""
    return {name: batch[name] for name in names}
