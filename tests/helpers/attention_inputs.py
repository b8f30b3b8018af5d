"""Arguments of layers that read behaviors next to a context, one session of each kind."""

import numpy as np

B, T, C, D = 3, 5, 7, 11


def make_inputs(*, per_candidate, length=T):
    """Three sessions: no behaviors, two of them with a gap between, as many as there may be."""
    generator = np.random.default_rng(1)
    mask = np.zeros((B, length), bool)
    mask[1, 0:3:2] = True
    mask[2] = True
    context_shape = (B, C, D) if per_candidate else (B, D)
    return {
        "behaviors": generator.normal(size=(B, length, D)).astype("float32"),
        "context": generator.normal(size=context_shape).astype("float32"),
        "behaviors_mask": mask,
    }


def lengthen(inputs, by):
    """The same sessions, padded by that many more positions that hold something."""
    return {
        "behaviors": np.pad(inputs["behaviors"], ((0, 0), (0, by), (0, 0)), constant_values=9.0),
        "context": inputs["context"],
        "behaviors_mask": np.pad(inputs["behaviors_mask"], ((0, 0), (0, by))),
    }


def shuffle(inputs):
    """The same sessions, their behaviors in another order."""
    order = np.random.default_rng(2).permutation(inputs["behaviors"].shape[1])
    return {
        "behaviors": inputs["behaviors"][:, order],
        "context": inputs["context"],
        "behaviors_mask": inputs["behaviors_mask"][:, order],
    }


def contexts(inputs):
    """Index, behaviors, context and mask of every session, or of every candidate of it."""
    for index in np.ndindex(inputs["context"].shape[:-1]):
        session = index[0]
        behaviors, mask = inputs["behaviors"][session], inputs["behaviors_mask"][session]
        yield index, behaviors, inputs["context"][index], mask
