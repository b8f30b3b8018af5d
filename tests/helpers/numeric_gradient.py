"""Gradients from differences, to hold those of a loss against."""

import numpy as np


def numeric_gradient(function, x, step=1e-5):
    """Central differences of a function of a float64 array to a number."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        change = np.zeros(x.shape)
        change[index] = step
        gradient[index] = (function(x + change) - function(x - change)) / (2 * step)
    return gradient
