"""Category-MoE: experts that are picked by the category of the item to be ranked."""

import dataclasses

import keras

from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.models.embedded_session import embed_session
from ranking.models.expert_mixture import ExpertSettings, expert_scores, mixed_logits
from ranking.models.input_network import attention_pooling, impression_vectors
from ranking.models.networks import RankingNetworks
from ranking.models.single_task import networks_without_gate, resolve_task

GATE_REFUSAL = (
    "The gate of model `category_moe` reads the category of the item to be ranked, so no gate can "
    "be computed once per session."
)


@dataclasses.dataclass(frozen=True)
class CategoryMoeSettings(ExpertSettings):
    """Settings of `category_moe`."""


def category_moe(spec: FeatureSpec, settings: CategoryMoeSettings) -> RankingNetworks:
    """AW-MoE's input network and experts under a gate that sees the candidate's category alone.

    The gate is linear in the category's embedding and a softmax over all experts; there are no
    auxiliary losses.

    Reference:
        Adversarial Mixture Of Experts with Category Hierarchy Soft Constraint, in the form in which
        the AW-MoE paper compares it (section IV-C).

    Raises:
        ValueError: If the spec names no category, or a setting does not fit it.
    """
    if spec.roles.category is None:
        raise ValueError(
            f"Spec `{spec.name}` must name one of its item fields in `roles: category` for model "
            "`category_moe`, whose gate reads the category. Received: no category"
        )
    task = resolve_task(spec, settings.task)
    inputs = keras_inputs(spec, (SESSION, BEHAVIORS, CANDIDATES))
    session = embed_session(spec, inputs, embedding_dropout=settings.embedding_dropout)
    impressions = impression_vectors(session, settings, attention_pooling(settings))
    scores = expert_scores(impressions, session.candidates_mask, settings)
    gate_layer = keras.layers.Dense(settings.experts, name="gate_network.category")
    gate = keras.ops.softmax(keras.ops.cast(gate_layer(session.category), "float32"), axis=-1)
    logits = mixed_logits(gate, scores)
    return networks_without_gate(
        task, inputs, logits, session.candidates_mask, gate_refusal=GATE_REFUSAL
    )
