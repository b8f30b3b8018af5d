"""Layers compute on JAX and PyTorch what they compute on TensorFlow."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.layer_outputs import CASES, layer_outputs

ROOT = Path(__file__).parents[2]


def test_what_is_compared_depends_on_weights_and_is_finite():
    outputs = dict(layer_outputs())
    assert set(CASES) <= set(outputs)
    for name, value in outputs.items():
        assert np.isfinite(value).all()
        assert np.any(value) or "no behaviors" in name, f"{name} is zero"


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_outputs_and_gradients_are_those_of_tensorflow(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "outputs.npz"
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "tests.helpers.layer_outputs", str(path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = dict(layer_outputs())
    with np.load(path) as found:
        assert set(found.files) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4, err_msg=name)
