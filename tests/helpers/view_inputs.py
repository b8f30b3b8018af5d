"""Arguments of the layers that make views of scenarios."""

import numpy as np

B, C, S, D, F = 2, 3, 4, 5, 7


def make_views_inputs(name="interest", *, candidates=C, scenarios=S):
    """One vector per candidate, under this name, and one trigger per candidate and scenario."""
    generator = np.random.default_rng(1)
    return {
        name: generator.normal(size=(B, candidates, D)).astype("float32"),
        "trigger": generator.normal(size=(B, candidates, scenarios, F)).astype("float32"),
    }


def randomize(layer):
    """Every weight another number, so that none may be left out unnoticed."""
    generator = np.random.default_rng(3)
    layer.set_weights([generator.normal(0, 0.5, each.shape) for each in layer.get_weights()])
    return layer


def of_candidates(oracle, layer, inputs):
    """What an oracle of one candidate says of all."""
    vectors, triggers = inputs.values()
    return np.array(
        [
            [oracle(layer, vector, trigger) for vector, trigger in zip(*session, strict=True)]
            for session in zip(vectors, triggers, strict=True)
        ]
    )
