"""Training steps of other packages, each in a process of its own, taken when asked."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tools.training_load import Batch, flat_batch

# Name -> program, and its arguments.
PEERS = {
    "torch": ("tools.torch_steps", ()),
    "torch_compile": ("tools.torch_steps", ("--compile",)),
    "deepctr": ("tools.deepctr_steps", ()),
}
_ROOT = Path(__file__).parents[1]


class Peer(Protocol):
    """Steps of one way to train."""

    def run(self, steps: int) -> None:
        """Takes so many steps."""

    def close(self) -> None:
        """Ends what was started for it."""


class PeerProcess:
    """Starts a program that trains on the same impressions, and has it take steps.

    The program gets a file with the flat batch, the flat model's weights and its scores. It prints
    `ready` once it is, then `done` for each line with a number of steps.

    Args:
        name: One of `PEERS`.
        python: The Python that has the package.
        flat: The flat model, built.
        batch: Encoded sessions.

    Raises:
        ValueError: If the program cannot start: the package is not installed, or other scores come
            out of the same weights.
    """

    def __init__(self, name: str, python: str, flat: keras.Model, batch: Batch) -> None:
        self._name = name
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "batch.npz"
        np.savez(path, **_contents(flat, batch))
        # A file, not a pipe: what nobody reads would fill that up.
        self._errors = (Path(self._folder.name) / "errors").open("w+", encoding="utf-8")
        module, arguments = PEERS[name]
        self._process = subprocess.Popen(
            [python, "-m", module, f"--inputs={path}", *arguments],
            cwd=_ROOT,
            env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._expect("ready")

    def run(self, steps: int) -> None:
        """Has the program take so many steps, and waits for it."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{steps}\n")
            self._process.stdin.flush()
        self._expect("done")

    def close(self) -> None:
        """Ends the program."""
        self._process.communicate()
        self._errors.close()
        self._folder.cleanup()

    def _expect(self, word: str) -> None:
        # Packages may say other things.
        if any(line.strip() == word for line in self._process.stdout or ()):
            return
        self._process.communicate()
        self._errors.seek(0)
        last = (self._errors.read().strip().splitlines() or ["no words"])[-1]
        self.close()
        raise ValueError(
            f"The peer `{self._name}` must train. It says: {last} Name a Python that has the "
            f"package (--peer_python={self._name}=PATH), or leave the peer out."
        )


def peer_makers(
    names: Sequence[str], pythons: Mapping[str, str]
) -> dict[str, Callable[[keras.Model, Batch], Peer]]:
    """Names of peers -> what starts them.

    Raises:
        ValueError: If there is no such peer.
    """
    for name in (*names, *pythons):
        if name not in PEERS:
            raise ValueError(f"`--peer` must be some of {', '.join(PEERS)}. Received: {name}")

    def maker(name: str) -> Callable[[keras.Model, Batch], Peer]:
        return lambda flat, batch: PeerProcess(name, pythons.get(name, sys.executable), flat, batch)

    return {name: maker(name) for name in names}


def _contents(flat: keras.Model, batch: Batch) -> dict[str, Any]:
    """What the program reads: `batch/<key>`, `labels`, `weight/<layer>/<number>` and `scores`."""
    rows = flat_batch(batch)
    contents = {f"batch/{key}": rows[key].numpy() for key in flat.input}
    contents["labels"] = next(
        value.numpy() for key, value in rows.items() if key.startswith("labels_")
    )
    contents["scores"] = tf.sigmoid(flat({key: rows[key] for key in flat.input})).numpy()
    for layer in flat.layers:
        for number, weight in enumerate(layer.get_weights()):
            contents[f"weight/{layer.name}/{number}"] = weight
    return contents
