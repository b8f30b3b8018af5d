"""The client that needs no Python, built once, and what it answers."""

import functools
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from ranking.export.prediction_log import LoggedRequest
from tools.build_client import build_client, compiler

_PROGRAM = Path(__file__).parents[2] / "build" / "saved_model_client"


def native_client() -> Path:
    """The built client; skips the test on machines without a C++ compiler."""
    if compiler() is None:
        pytest.skip("saved_model_client.cc needs a C++ compiler: install g++, or name one in CXX")
    return _built()


@functools.cache
def _built() -> Path:
    return build_client(_PROGRAM)


def run_native(*flags: str) -> subprocess.CompletedProcess[str]:
    """Runs the client with flags as typed."""
    command = [str(native_client()), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write_requests(path: Path, requests: Iterable[tuple[str, dict[str, np.ndarray]]]) -> None:
    """Writes requests, a signature and its inputs each, for the client."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(LoggedRequest("ranker", signature, inputs).to_bytes())


def native_results(
    model: Path, requests: Iterable[tuple[str, dict[str, np.ndarray]]], folder: Path
) -> list[dict[str, np.ndarray]]:
    """What the client answers to requests, through files in `folder`."""
    asked, answered = folder / "requests.tfrecord", folder / "results.tfrecord"
    write_requests(asked, requests)
    done = run_native(f"--model={model}", f"--requests={asked}", f"--results={answered}")
    assert done.returncode == 0, done.stderr
    results = []
    for record in tf.data.TFRecordDataset(str(answered)).as_numpy_iterator():
        # The messages' own classes, so that what the client writes is read by others than itself.
        outputs = PredictionLog.FromString(record).predict_log.response.outputs
        results.append({key: tf.make_ndarray(proto) for key, proto in outputs.items()})
    return results
