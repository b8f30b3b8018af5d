"""Other packages train in processes of their own; a tiny program stands for one here."""

import importlib.util
import sys

import numpy as np
import pytest
import tensorflow as tf

from ranking.models.aw_moe import AwMoeSettings
from tools import training_peers
from tools.flat_keras import flat_aw_moe
from tools.training_load import bench_spec, encoded_batch

PROGRAM = """
import argparse, pathlib, sys
import numpy as np
parser = argparse.ArgumentParser()
parser.add_argument("--inputs")
parser.add_argument("--fail", action="store_true")
arguments = parser.parse_args()
if arguments.fail:
    sys.exit("no such package")
held = np.load(arguments.inputs)
print("a package says something")
print("ready", flush=True)
for line in sys.stdin:
    with open(pathlib.Path(__file__).with_name("steps"), "a") as file:
        file.write(f"{line.strip()} {held['labels'].size} {held['weight/gate_bias/0'].size}\\n")
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def flat_and_batch():
    spec = bench_spec(5, 101)
    return flat_aw_moe(spec, AwMoeSettings()), encoded_batch(spec, 3, 2, np.random.default_rng(1))


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "peer_program.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    peers = {"good": ("peer_program", ()), "bad": ("peer_program", ("--fail",))}
    monkeypatch.setattr(training_peers, "PEERS", peers)
    return tmp_path


def test_a_peer_takes_the_steps_it_is_asked_for(program, flat_and_batch):
    peer = training_peers.peer_makers(["good"], {})["good"](*flat_and_batch)
    for steps in (3, 1):
        peer.run(steps)
    peer.close()
    assert (program / "steps").read_text().splitlines() == ["3 6 4", "1 6 4"]


def test_a_peer_that_cannot_start_is_one_error_with_its_last_words(program, flat_and_batch):
    makers = training_peers.peer_makers(["bad"], {"bad": sys.executable})
    with pytest.raises(ValueError, match=r"`bad` must train.*no such package.*--peer_python=bad"):
        makers["bad"](*flat_and_batch)


@pytest.mark.parametrize(("names", "pythons"), [(["tourch"], {}), ([], {"tourch": "python"})])
def test_unknown_peers_are_refused(names, pythons):
    with pytest.raises(ValueError, match=r"torch, torch_compile, deepctr. Received: tourch"):
        training_peers.peer_makers(names, pythons)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_pytorch_scores_as_keras_does(flat_and_batch):
    """The program itself compares, and says `ready` only then."""
    peer = training_peers.peer_makers(["torch"], {})["torch"](*flat_and_batch)
    peer.run(1)
    peer.close()


def test_what_a_peer_reads_holds_scores_of_every_row(flat_and_batch):
    flat, batch = flat_and_batch
    contents = training_peers._contents(flat, batch)
    assert contents["scores"].shape == contents["labels"].shape == (6,)
    rows = tf.gather(contents["weight/item_table/0"], contents["batch/candidates_item"])
    assert rows.shape == (6, 32)
