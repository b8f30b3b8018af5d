"""DIN: behaviors weighed by what they say about the target, one feed-forward network scores."""

import dataclasses

from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.models.embedded_session import embed_session
from ranking.models.feed_forward import feed_forward_logits
from ranking.models.input_network import AttentionSettings, attention_pooling, impression_vectors
from ranking.models.networks import RankingNetworks
from ranking.models.single_task import networks_without_gate, resolve_task
from ranking.setting_rules import require_sizes

GATE_REFUSAL = "Model `din` has no experts, so it has no gate: one network scores every user."


@dataclasses.dataclass(frozen=True)
class DinSettings(AttentionSettings):
    """Settings of `din`.

    Attributes:
        hidden_sizes: Hidden widths of the network that scores.
        batch_norm: Whether that network normalizes its layers over the batch.
    """

    hidden_sizes: tuple[int, ...] = (128, 64)
    batch_norm: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "hidden_sizes")


def din(spec: FeatureSpec, settings: DinSettings) -> RankingNetworks:
    """Deep Interest Network as the AW-MoE paper compares it: its input network, then one network.

    Raises:
        SettingsError: If a setting does not fit the spec.
    """
    task = resolve_task(spec, settings.task)
    inputs = keras_inputs(spec, (SESSION, BEHAVIORS, CANDIDATES))
    session = embed_session(spec, inputs, embedding_dropout=settings.embedding_dropout)
    impressions = impression_vectors(session, settings, attention_pooling(settings))
    logits = feed_forward_logits(
        impressions,
        session.candidates_mask,
        hidden_sizes=settings.hidden_sizes,
        batch_norm=settings.batch_norm,
    )
    return networks_without_gate(
        task, inputs, logits, session.candidates_mask, gate_refusal=GATE_REFUSAL
    )
