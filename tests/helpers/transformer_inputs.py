"""Arguments of the layers of a sequence transformer, one session of each kind."""

import numpy as np

B, T, C, D = 4, 5, 3, 14
HEADS = 2


def make_inputs(*, times=False, length=T, candidates=C, width=D):
    """Sessions without behaviors, with a gap between two, with all there may be, and with one."""
    generator = np.random.default_rng(1)
    mask = np.zeros((B, length), bool)
    mask[1, 0:3:2] = True
    mask[2] = True
    mask[3, :1] = True
    inputs = {
        "behaviors": generator.normal(size=(B, length, width)).astype("float32"),
        "target": generator.normal(size=(B, candidates, width)).astype("float32"),
        "behaviors_mask": mask,
    }
    if times:
        inputs["time_differences"] = generator.normal(0, 7, (B, length)).astype("float32")
    return inputs


def lengthen(inputs, before=0, after=0):
    """The same sessions, padded by that many more positions that hold something."""
    pad = ((0, 0), (before, after))
    values = {"behaviors": 9.0, "behaviors_mask": False, "time_differences": 9.0}
    changed = {
        name: np.pad(inputs[name], (*pad, (0, 0))[: inputs[name].ndim], constant_values=value)
        for name, value in values.items()
        if name in inputs
    }
    return {**inputs, **changed}


def keep(inputs, newest):
    """The same sessions, all but their newest behaviors left out of the mask."""
    mask = inputs["behaviors_mask"].copy()
    for row in mask:
        row[np.flatnonzero(row)[:-newest]] = False
    return {**inputs, "behaviors_mask": mask}
