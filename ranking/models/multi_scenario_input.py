"""The input network of USR (section 3.1), which its base models share."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ranking.features.scenario_fields import agnostic_fields, scenario_fields
from ranking.features.spec import BEHAVIORS, CANDIDATES, RESERVED_IDS, SESSION, FeatureSpec, Field
from ranking.features.tables import EmbeddingTables
from ranking.layers.clear_padding import clear_padding
from ranking.layers.number_embedding import NumberEmbedding
from ranking.layers.scenario_weights import ScenarioWeights
from ranking.layers.sequence_encoder import SequenceEncoder
from ranking.layers.sequence_projections import SequenceProjections
from ranking.models.embedded_session import EmbeddedSession, embed_session, join_vectors
from ranking.models.input_network import per_candidate
from ranking.models.multi_scenario_settings import MultiScenarioSettings
from ranking.setting_rules import require
from ranking.settings_parser import SettingsError


@dataclasses.dataclass(frozen=True)
class ScenarioSession:
    """The vectors of a batch of sessions, as models of several scenarios take them.

    Shapes: B sessions, T behaviors, C candidates, S scenarios, d `embedding_size`. Vectors of
    padded positions are zeros.

    Attributes:
        interest: The global interest u of the user in each candidate `[B, C, d]`.
        item: The target items `[B, C, d]`.
        query: The query `[B, d]`; the same learned vector for every session without one.
        behaviors: What the user did before `[B, T, d]`.
        scenario_features: The scenario and the features that belong to one scenario `[B, C, Dss]`.
        agnostic_features: The features that do not `[B, C, Dsa]`.
        agnostic_count: How many these are, all equally wide.
        context: The features of the session alone `[B, Dc]`, its scenario and query left out.
        scenario: Which scenario the session is of `[B, S]`, see `ScenarioWeights`.
        behaviors_mask: True at real behaviors `[B, T]`.
        candidates_mask: True at real candidates `[B, C]`.

    What the spec has no fields for is `None`.
    """

    interest: Any
    item: Any
    query: Any
    behaviors: Any
    scenario_features: Any
    agnostic_features: Any
    agnostic_count: int
    context: Any
    scenario: Any
    behaviors_mask: Any
    candidates_mask: Any

    def joined(self, *parts: Any) -> Any:
        """Parts `[B, D]` or `[B, C, D]`, those that are not `None` -> `[B, C, sum of D]`."""
        present = [part for part in parts if part is not None]
        return join_vectors([per_candidate(part, self.candidates_mask) for part in present])


def scenario_ids(spec: FeatureSpec) -> range:
    """The encoded ids of the scenarios.

    Raises:
        SettingsError: If the spec names no scenario field.
    """
    name = spec.roles.scenario
    if name is None:
        raise SettingsError(
            f"Spec `{spec.name}` must name the session field of the scenario (`roles: scenario`) "
            "for a model of several scenarios. Add it, or train another model."
        )
    return range(RESERVED_IDS, spec.table_of(spec.field(SESSION, name)).rows)


def encode_scenario_session(
    spec: FeatureSpec, inputs: Mapping[str, Any], settings: MultiScenarioSettings
) -> ScenarioSession:
    """Encoded fields by key, as `keras_inputs` makes them -> the vectors of section 3.1.

    Raises:
        SettingsError: If a setting does not fit the spec.
    """
    ids = scenario_ids(spec)
    tables = EmbeddingTables(spec)
    session = embed_session(
        spec, inputs, embedding_dropout=settings.embedding_dropout, tables=tables
    )
    features = _Features(tables, inputs, session.candidates_mask, settings.feature_size)
    agnostic = agnostic_fields(spec)
    item, behaviors = _items(session, settings.embedding_size)
    return ScenarioSession(
        interest=_interest(spec, inputs, session, item, behaviors, settings),
        item=item,
        query=_query(session, settings.embedding_size),
        behaviors=behaviors,
        scenario_features=features.of(scenario_fields(spec)),
        agnostic_features=features.of(agnostic),
        agnostic_count=len(agnostic),
        context=features.of_session([f for f in agnostic if f.section == SESSION]),
        scenario=ScenarioWeights(len(ids), name="scenario.weights")(
            inputs[str(spec.roles.scenario)]
        ),
        behaviors_mask=session.behaviors_mask,
        candidates_mask=session.candidates_mask,
    )


def _items(session: EmbeddedSession, size: int) -> tuple[Any, Any]:
    """Target items and behaviors by one map of what describes an item, so they are comparable."""
    to_item = keras.layers.Dense(size, name="item.projection")
    item = clear_padding(to_item(session.candidates), session.candidates_mask)
    behaviors = to_item(session.behaviors)
    if session.behavior_extras is not None:
        extras = keras.layers.Dense(size, use_bias=False, name="behaviors.extras")
        behaviors = behaviors + extras(session.behavior_extras)
    return item, clear_padding(behaviors, session.behaviors_mask)


def _query(session: EmbeddedSession, size: int) -> Any:
    # A session without a query has zeros there; the bias is the vector it gets instead.
    if session.query is None:
        return None
    return keras.layers.Dense(size, name="query.projection")(session.query)


def _interest(
    spec: FeatureSpec,
    inputs: Mapping[str, Any],
    session: EmbeddedSession,
    item: Any,
    behaviors: Any,
    settings: MultiScenarioSettings,
) -> Any:
    """u = BST(e_b, e_i), by the two halves of `SequenceTransformer`: an exporter can cut there."""
    size, length = settings.embedding_size, spec.behaviors_max_length
    encoder = SequenceEncoder(
        size,
        num_layers=settings.sequence_layers,
        num_heads=settings.sequence_heads,
        feed_forward_size=settings.sequence_feed_forward_size,
        output=settings.sequence_output,
        max_length=length,
        name="sequence.encoder",
    )
    projections = SequenceProjections(
        size,
        position=settings.sequence_position,
        position_merge=settings.sequence_position_merge,
        behaviors_attend=encoder.behaviors_attend,
        max_length=length,
        name="sequence.projections",
    )
    mask, times = session.behaviors_mask, _time_differences(spec, inputs, settings)
    arguments = (behaviors, mask) if times is None else (behaviors, mask, times)
    interest = encoder(projections(*arguments), projections(item), mask)
    if settings.sequence_output == "concat":
        interest = keras.layers.Dense(size, name="sequence.joined")(interest)
    return interest


def _time_differences(
    spec: FeatureSpec, inputs: Mapping[str, Any], settings: MultiScenarioSettings
) -> Any:
    name = settings.sequence_time
    if not name:
        return None
    dense = [field.name for field in spec.behaviors if field.kind == "dense"]
    rule = f"a number among the behavior fields of spec `{spec.name}`, which has {dense}"
    require(name in dense, "sequence_time", rule, name)
    return inputs[spec.field(BEHAVIORS, name).key]


class _Features:
    """Features as vectors of one width, each by a map of its own."""

    def __init__(
        self, tables: EmbeddingTables, inputs: Mapping[str, Any], candidates_mask: Any, size: int
    ) -> None:
        self._tables, self._inputs, self._size = tables, inputs, size
        self._mask = candidates_mask
        self._known: dict[str, Any] = {}

    def of(self, fields: Sequence[Field]) -> Any:
        """Fields of session and candidates -> `[B, C, D]`; `None` for no fields."""
        vectors = [self.of_session([field for field in fields if field.section == SESSION])]
        vectors += self._of_section([field for field in fields if field.section == CANDIDATES])
        present = [each for each in vectors if each is not None]
        return join_vectors([per_candidate(each, self._mask) for each in present])

    def of_session(self, fields: Sequence[Field]) -> Any:
        """Fields of the session -> `[B, D]`; `None` for no fields."""
        return join_vectors(self._of_section(fields))

    def _of_section(self, fields: Sequence[Field]) -> list[Any]:
        numbers = [field for field in fields if field.kind == "dense"]
        others = [self._of_table(field) for field in fields if field.kind != "dense"]
        return [*([self._of_numbers(numbers)] if numbers else []), *others]

    def _of_table(self, field: Field) -> Any:
        if field.key not in self._known:
            layer = keras.layers.Dense(self._size, name=f"features.{field.key}")
            self._known[field.key] = layer(self._cleared(field.section, [field]))
        return self._known[field.key]

    def _of_numbers(self, fields: Sequence[Field]) -> Any:
        name = f"features.{fields[0].key}.and_{len(fields) - 1}_more"
        if name not in self._known:
            layer = NumberEmbedding(self._size, name=name)
            self._known[name] = layer(self._cleared(fields[0].section, fields))
        return self._known[name]

    def _cleared(self, section: str, fields: Sequence[Field]) -> Any:
        joined = join_vectors([self._tables.embed(field, self._inputs) for field in fields])
        return clear_padding(joined, self._mask) if section == CANDIDATES else joined
