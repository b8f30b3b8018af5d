import dataclasses

import keras
import pytest

from ranking.models.networks import RankingNetworks


def test_a_missing_gate_needs_its_reason_and_a_gate_has_none():
    tensor = keras.Input((3,))
    network = keras.Model(tensor, tensor)
    networks = RankingNetworks(network, network, network, None, (), ("click",))
    with pytest.raises(ValueError, match="`gate_refusal` must be given"):
        dataclasses.replace(networks, gate=None)
    with pytest.raises(ValueError, match="`gate_refusal` must be given"):
        dataclasses.replace(networks, gate_refusal="There is one.")
