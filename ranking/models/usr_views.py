"""What every scenario sees: its own view of the user's interest and of features."""

import dataclasses
from typing import Any

from keras import ops

from ranking.features.spec import SESSION, FeatureSpec
from ranking.layers.feature_generator import FeatureGenerator
from ranking.layers.interest_extractor import InterestExtractor
from ranking.layers.scenario_views import ScenarioViews
from ranking.models.multi_scenario_input import ScenarioSession
from ranking.models.usr_settings import SPLIT, ViewSettings
from ranking.setting_rules import require

_SEARCH = "search"


@dataclasses.dataclass(frozen=True)
class Views:
    """The views of all scenarios, for every row. Shapes: B sessions, C candidates, S scenarios.

    Attributes:
        interests: Interests i_k `[B, C, S, d]`; `None` without interest extractor.
        features: Features f_k `[B, C, S, Dsa]`; `None` without feature generator.
        own_interest: The interest in the session's own scenario `[B, C, d]`, or `None`.
        own_features: The features in it `[B, C, Dsa]`; without feature generator as they are,
            `None` where the spec has none.
    """

    interests: Any
    features: Any
    own_interest: Any
    own_features: Any

    @property
    def all_interests(self) -> Any:
        """The interests of all scenarios side by side `[B, C, S * d]`, or `None`."""
        return _side_by_side(self.interests)

    @property
    def all_features(self) -> Any:
        """The features of all scenarios side by side; without views, as they are."""
        return self.own_features if self.features is None else _side_by_side(self.features)


def scenario_views(spec: FeatureSpec, session: ScenarioSession, settings: ViewSettings) -> Views:
    """The views of sections 3.2 and 3.3 (equations 2 to 4, 6 and 7).

    Raises:
        SettingsError: If a setting does not fit the spec.
    """
    has_features = session.agnostic_features is not None
    require(
        has_features or not settings.feature_generator,
        "feature_generator",
        f"false, because spec `{spec.name}` has no scenario-agnostic features",
        settings.feature_generator,
    )
    interests = features = None
    if settings.interest_extractor or settings.feature_generator:
        trigger = _trigger(spec, session, settings)
        if settings.interest_extractor:
            interests = _interest_extractor(settings)(session.interest, trigger)
        if settings.feature_generator:
            generator = _feature_generator(session, settings)
            features = generator(session.agnostic_features, trigger)
    own_features = session.agnostic_features if features is None else _own(features, session)
    own_interest = None if interests is None else _own(interests, session)
    return Views(interests, features, own_interest, own_features)


def _interest_extractor(settings: ViewSettings) -> InterestExtractor:
    return InterestExtractor(
        condition_stop_gradient=settings.condition_stop_gradient,
        weight_generator=settings.weight_generator,
        rank=settings.generator_rank,
        hidden_sizes=settings.generator_hidden_sizes,
        sharing=settings.generator_sharing,
        use_bias=settings.interest_bias,
        activation=settings.interest_activation,
        residual=settings.interest_residual,
        name="interest_extractor",
    )


def _feature_generator(session: ScenarioSession, settings: ViewSettings) -> FeatureGenerator:
    width = session.agnostic_features.shape[-1]
    sizes = (width // session.agnostic_count,) * session.agnostic_count
    return FeatureGenerator(
        gate=settings.feature_gate,
        field_sizes=sizes if settings.feature_gate == "field" else None,
        stop_gradient=settings.feature_stop_gradient,
        scale=settings.feature_gate_scale,
        hidden_size=settings.feature_hidden_size,
        name="feature_generator",
    )


def _trigger(spec: FeatureSpec, session: ScenarioSession, settings: ViewSettings) -> Any:
    """What each view is told `[B, C, S, Dt]` (equation 2)."""
    views = ScenarioViews(settings.embedding_size, name="scenario.views")(session.scenario)
    query = session.query
    parts: dict[str, Any] = {
        "view": ops.expand_dims(views, 1),
        "query": None if query is None else query[:, None, None, :],
        "item": ops.expand_dims(session.item, 2),
        "scenario_features": ops.expand_dims(session.scenario_features, 2),
    }
    if settings.trigger == (SPLIT,):
        chosen = [parts["view"], _query_or_item(spec, parts)]
    else:
        chosen = [parts[name] for name in settings.trigger if parts[name] is not None]
        rule = f"some parts beside query, because spec `{spec.name}` has no query"
        require(bool(chosen), "trigger", rule, settings.trigger)
    # Everything as large as the largest: a view per row and scenario.
    frame = ops.zeros_like(parts["item"][..., :1]) + ops.zeros_like(parts["view"][..., :1])
    return ops.concatenate([part + frame for part in chosen], axis=-1)


def _query_or_item(spec: FeatureSpec, parts: dict[str, Any]) -> Any:
    """The query for scenarios called search, the target item for others `[B, C, S, d]`."""
    table = spec.table_of(spec.field(SESSION, str(spec.roles.scenario)))
    is_search = [_SEARCH in str(value).lower() for value in table.values]
    require(
        any(is_search) and parts["query"] is not None,
        "trigger",
        f"some parts rather than split, because spec `{spec.name}` has no query, or lists no "
        "scenario called search",
        (SPLIT,),
    )
    mask = ops.reshape(ops.convert_to_tensor(is_search), (1, 1, -1, 1))
    return ops.where(mask, parts["query"], parts["item"])


def _own(views: Any, session: ScenarioSession) -> Any:
    """Views `[B, C, S, D]` -> that of the session's scenario `[B, C, D]`."""
    return ops.sum(views * session.scenario[:, None, :, None], axis=2)


def _side_by_side(views: Any) -> Any:
    if views is None:
        return None
    return ops.concatenate([views[:, :, k] for k in range(views.shape[2])], axis=-1)
