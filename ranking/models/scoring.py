"""From an encoded batch to scores, through the gate where there is one."""

from collections.abc import Mapping
from typing import Any

import keras

from ranking.models.networks import RankingNetworks

GATE = "gate"


def full_scores(networks: RankingNetworks, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Encoded session batch -> `{task: probabilities [B, C]}`.

    Computes the gate once per session and hands it to the score network, as a server does. Keys of
    `batch` that the networks do not read are ignored.
    """
    batch = _with_gate(networks, batch)
    return networks.score(_inputs(networks.score, batch), training=False)


class GatedScores:
    """Encoded session batch -> the `full_scores`, and beside them `gate` where there are experts.

    The gate is `[B, K]`, or `[B, C, K]` where it reads the item to be ranked. A label called `gate`
    takes its place.

    Args:
        networks: The model.
    """

    def __init__(self, networks: RankingNetworks) -> None:
        self._networks = networks
        self._score = networks.score
        if networks.gate is None and GATE in networks.training.output:
            # One network for both computes nothing twice.
            inputs = {tensor.name: tensor for tensor in networks.score.inputs}
            outputs = {GATE: networks.training.output[GATE], **networks.score.output}
            self._score = keras.Model(inputs, outputs, name="gated_score")

    @property
    def keys(self) -> tuple[str, ...]:
        """What is read of a batch."""
        if self._networks.gate is None:
            return tuple(sorted(tensor.name for tensor in self._score.inputs))
        tensors = [*self._networks.gate.inputs, *self._score.inputs]
        return tuple(sorted({tensor.name for tensor in tensors} - {GATE}))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Maps a batch to `{task: probabilities [B, C], "gate": gate}`."""
        batch = _with_gate(self._networks, batch)
        outputs = self._score(_inputs(self._score, batch), training=False)
        return outputs if self._networks.gate is None else {GATE: batch[GATE], **outputs}


def _with_gate(networks: RankingNetworks, batch: Mapping[str, Any]) -> dict[str, Any]:
    if networks.gate is None:
        return dict(batch)
    return {**batch, **networks.gate(_inputs(networks.gate, batch), training=False)}


def _inputs(network: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    return {tensor.name: batch[tensor.name] for tensor in network.inputs}
