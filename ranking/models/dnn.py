"""DNN: a user is the sum of past behaviors, one feed-forward network scores."""

import dataclasses
from typing import Any

from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.layers.masked_pooling import MaskedPooling
from ranking.models.embedded_session import embed_session
from ranking.models.feed_forward import feed_forward_logits
from ranking.models.input_network import InputSettings, impression_vectors
from ranking.models.networks import RankingNetworks
from ranking.models.single_task import networks_without_gate, resolve_task
from ranking.setting_rules import require_sizes

GATE_REFUSAL = "Model `dnn` has no experts, so it has no gate: one network scores every user."


@dataclasses.dataclass(frozen=True)
class DnnSettings(InputSettings):
    """Settings of `dnn`.

    Attributes:
        hidden_sizes: Hidden widths of the network that scores.
        batch_norm: Whether that network normalizes its layers over the batch.
    """

    hidden_sizes: tuple[int, ...] = (128, 64)
    batch_norm: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "hidden_sizes")


def dnn(spec: FeatureSpec, settings: DnnSettings) -> RankingNetworks:
    """The DNN baseline of the AW-MoE paper (section IV-C): sum pooling, then one network.

    Raises:
        SettingsError: If a setting does not fit the spec.
    """
    task = resolve_task(spec, settings.task)
    inputs = keras_inputs(spec, (SESSION, BEHAVIORS, CANDIDATES))
    session = embed_session(spec, inputs, embedding_dropout=settings.embedding_dropout)
    impressions = impression_vectors(session, settings, _sum_pooling)
    logits = feed_forward_logits(
        impressions,
        session.candidates_mask,
        hidden_sizes=settings.hidden_sizes,
        batch_norm=settings.batch_norm,
    )
    return networks_without_gate(
        task, inputs, logits, session.candidates_mask, gate_refusal=GATE_REFUSAL
    )


def _sum_pooling(behaviors: Any, target: Any, behaviors_mask: Any) -> Any:
    del target  # The user is the same whatever is ranked.
    return MaskedPooling("sum", name="input_network.pooling")(behaviors, behaviors_mask)
