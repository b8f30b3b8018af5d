"""From an encoded batch to scores, through the gate where there is one."""

from collections.abc import Mapping
from typing import Any

from ranking.models.networks import RankingNetworks

GATE = "gate"


def full_scores(networks: RankingNetworks, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Encoded session batch -> `{task: probabilities [B, C]}`.

    Computes the gate once per session and hands it to the score network, as a server does. Keys of
    `batch` that the networks do not read are ignored.
    """
    batch = dict(batch)
    if networks.gate is not None:
        batch[GATE] = networks.gate(_inputs(networks.gate, batch), training=False)[GATE]
    return networks.score(_inputs(networks.score, batch), training=False)


def _inputs(network: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    return {tensor.name: batch[tensor.name] for tensor in network.inputs}
