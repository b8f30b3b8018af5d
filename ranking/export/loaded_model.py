"""A SavedModel, loaded as a server loads it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf


class LoadedModel:
    """A SavedModel in the graph-and-session loader, which fails where TensorFlow Serving's does.

    `tf.saved_model.load` is more forgiving: it accepts models that a server refuses.

    Args:
        folder: Its version folder.

    Attributes:
        signatures: The definition of every signature by name, as it is stored.
    """

    def __init__(self, folder: Path) -> None:
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        meta = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        self.signatures = dict(meta.signature_def)

    def __call__(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Named inputs -> named results of `signature`; inputs that it does not name are left out.

        Raises:
            ValueError: If there is no such signature, or it has an input that is not given.
        """
        if signature not in self.signatures:
            raise ValueError(
                f"`signature` must be one of {', '.join(sorted(self.signatures))}. "
                f"Received: {signature!r}"
            )
        definition = self.signatures[signature]
        missing = sorted(set(definition.inputs) - set(inputs))
        if missing:
            raise ValueError(
                f"`inputs` must have every input of signature `{signature}`. "
                f"Missing: {', '.join(missing)}"
            )
        feeds = {info.name: inputs[name] for name, info in definition.inputs.items()}
        fetches = {name: info.name for name, info in definition.outputs.items()}
        return self._session.run(fetches, feeds)

    def close(self) -> None:
        """Frees the loaded graph."""
        self._session.close()
