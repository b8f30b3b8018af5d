"""AW-MoE as it is usually written: one row per impression, of standard Keras layers.

The reference of the benchmark. Every row holds its session again: the behaviors, the query and the
user. Behavior and context stand side by side as `[x, y, x - y, x * y]`, and every expert is a stack
of dense layers of its own.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from ranking.features.spec import SESSION, FeatureSpec, Field
from ranking.models.aw_moe import AwMoeSettings

_KINDS = ("id", "dense")
_MOST_DIFFERENCE = 1e-5


def flat_aw_moe(spec: FeatureSpec, settings: AwMoeSettings) -> keras.Model:
    """The score network of `aw_moe` in its default form -> logits `[N]` of N impressions.

    Inputs have the encoded keys: session and candidate fields `[N]`, behavior fields `[N, T]`, with
    T the spec's `max_length`, and `behaviors_length` `[N]`; session fields of several ids `[N, M]`
    with their lengths `[N]`. `copy_weights` makes it score as a model in the session layout does.

    Args:
        spec: A spec with a query, whose inputs are ids and numbers; a session's may be several ids
            or words, of which the mean is taken.
        settings: Those of `aw_moe`; widths and the number of experts are read.

    Raises:
        ValueError: If the spec has no query, or inputs of another kind.
    """
    if refusal := flat_refusal(spec):
        raise ValueError(refusal)
    fields = _Fields(spec)
    length = layers.Input((), dtype="int32", name="behaviors_length")
    places = ops.arange(spec.behaviors_max_length, dtype="int32")[None, :, None]
    mask = ops.cast(ops.greater(length[:, None, None], places), "float32")  # (N, T, 1)

    items, extras = fields.items(spec.behaviors), fields.others(spec.behaviors)
    behaviors = layers.Concatenate(name="behaviors")([*items, *extras])
    candidates = layers.Concatenate(name="candidates")(fields.items(spec.candidates))
    target = ops.pad(candidates, ((0, 0), (0, behaviors.shape[-1] - candidates.shape[-1])))
    query = fields.query()
    session = [field for field in _inputs(spec.session) if field.name not in spec.roles.query]
    others = layers.Concatenate(name="others")(
        [*map(fields.vector, session), *fields.others(spec.candidates)]
    )

    def hidden(name: str) -> layers.Dense:
        return layers.Dense(settings.hidden_size, activation="relu", name=name)

    item = hidden("input_item")
    hidden_behaviors, hidden_target = item(behaviors), item(target)
    scores = _unit("attention", settings.activation_hidden_sizes, 1)
    user = _weighted_sum(scores(_pairs(hidden_behaviors, hidden_target)) * mask, hidden_behaviors)
    parts = [user, hidden_target, hidden("input_query")(query), hidden("input_others")(others)]
    impressions = layers.Concatenate(name="impressions")(parts)
    sizes = settings.expert_hidden_sizes
    experts = [_unit(f"expert_{k}", sizes, 1)(impressions) for k in range(settings.experts)]

    pairs = _pairs(hidden("gate_item")(behaviors), hidden("gate_query")(query))
    counts = _unit("gate_activation", settings.activation_hidden_sizes, 1)(pairs) * mask
    spoken = _unit("gate", settings.gate_hidden_sizes, settings.experts)(pairs)
    gate = _Bias(name="gate_bias")(_weighted_sum(counts, spoken))
    logits = ops.sum(gate * layers.Concatenate(name="experts")(experts), axis=-1)
    return keras.Model({**fields.made, "behaviors_length": length}, logits, name="flat_aw_moe")


def copy_weights(network: keras.Model, flat: keras.Model) -> None:
    """Gives the flat model the weights of `aw_moe`'s training network, for equal scores."""
    ours = {layer.name: layer for layer in network.layers}
    for layer in flat.layers:
        if isinstance(layer, layers.Embedding):
            layer.set_weights(ours[layer.name].get_weights())
    for name in ("input_item", "input_query", "input_others", "gate_item", "gate_query"):
        part, _, type_ = name.partition("_")
        flat.get_layer(name).set_weights(ours[f"{part}_network.{type_}"].get_weights())
    gate = ours["gate_network.gate"]
    _set_stack(flat, "attention", ours["input_network.attention"].activation_unit.get_weights())
    _set_stack(flat, "gate_activation", gate.activation_unit.get_weights())
    _set_stack(flat, "gate", gate.gate_unit.get_weights())
    flat.get_layer("gate_bias").set_weights([gate.bias])
    stacked = ours["expert_network.experts"].get_weights()
    for expert in range(len(stacked[0])):
        _set_stack(flat, f"expert_{expert}", [weight[expert] for weight in stacked])


def check_equal_scores(difference: float) -> None:
    """Refuses a flat model whose scores differ from those of the session layout.

    Args:
        difference: The largest one between their scores, from the same weights.

    Raises:
        ValueError: If it is more than rounding.
    """
    if not difference <= _MOST_DIFFERENCE:
        raise ValueError(
            "The flat model must give the scores of the session layout from the same weights, up "
            f"to {_MOST_DIFFERENCE}. Received: a difference of {difference}"
        )


class _Fields:
    """Inputs of fields and their vectors; fields of one table share it."""

    def __init__(self, spec: FeatureSpec) -> None:
        self.made: dict[str, Any] = {}
        self._spec = spec
        self._tables: dict[str, layers.Embedding] = {}

    def vector(self, field: Field) -> Any:
        """The vectors of a field, `[N, D]` or `[N, T, D]`; of a number, with D = 1."""
        shape: tuple[int | None, ...] = (None,) if field.is_multivalued else ()
        if field.section == "behaviors":
            shape = (self._spec.behaviors_max_length,)
        dtype = "float32" if field.kind == "dense" else "int32"
        made = self.made[field.key] = layers.Input(shape, dtype=dtype, name=field.key)
        if field.kind == "dense":
            return ops.expand_dims(made, -1)
        table = self._spec.table_of(field)
        if table.name not in self._tables:
            embedding = layers.Embedding(table.rows, table.width, name=f"{table.name}_table")
            self._tables[table.name] = embedding
        vectors = self._tables[table.name](made)
        return self._mean(field, vectors) if field.is_multivalued else vectors

    def _mean(self, field: Field, vectors: Any) -> Any:
        """The mean of a session's vectors `[N, M, D]`, padding left out; zeros of none."""
        key = field.length_key
        length = self.made[key] = layers.Input((), dtype="int32", name=key)
        count = ops.cast(length, "float32")[:, None]
        places = ops.cumsum(ops.ones_like(vectors), axis=1)  # M is not known before.
        mask = ops.cast(ops.less_equal(places, count[:, None]), "float32")
        return ops.sum(vectors * mask, axis=1) / ops.maximum(count, 1.0)

    def items(self, section: Sequence[Field]) -> list[Any]:
        by_name = {field.name: field for field in section}
        return [self.vector(by_name[name]) for name in self._spec.roles.item]

    def others(self, section: Sequence[Field]) -> list[Any]:
        others = [field for field in _inputs(section) if field.name not in self._spec.roles.item]
        return [self.vector(field) for field in others]

    def query(self) -> Any:
        asked = [field for field in self._spec.session if field.name in self._spec.roles.query]
        vectors = [self.vector(field) for field in asked]
        return layers.Concatenate(name="query")(vectors) if len(vectors) > 1 else vectors[0]


class _Bias(keras.Layer):  # type: ignore[misc]
    """Adds a vector that is learned."""

    def build(self, inputs_shape: Any) -> None:
        self.bias = self.add_weight(name="bias", shape=(inputs_shape[-1],), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return inputs + self.bias


def _pairs(behaviors: Any, context: Any) -> Any:
    """`[N, T, H]` and `[N, H]` -> what a unit reads of every pair, `[N, T, 4 H]`."""
    context = layers.RepeatVector(behaviors.shape[1])(context)
    parts = [behaviors, context, behaviors - context, behaviors * context]
    return layers.Concatenate()(parts)


def _unit(name: str, hidden_sizes: Sequence[int], output_size: int) -> keras.Sequential:
    hidden = [layers.Dense(size, activation="relu") for size in hidden_sizes]
    return keras.Sequential([*hidden, layers.Dense(output_size)], name=name)


def _weighted_sum(weights: Any, vectors: Any) -> Any:
    """`[N, T, 1]` and `[N, T, D]` -> `[N, D]`."""
    return ops.squeeze(layers.Dot(axes=1)([weights, vectors]), 1)


def _inputs(fields: Sequence[Field]) -> list[Field]:
    return [field for field in fields if field.is_input]


def _set_stack(flat: keras.Model, name: str, weights: Sequence[Any]) -> None:
    flat.get_layer(name).set_weights([ops.convert_to_numpy(each) for each in weights])


def flat_refusal(spec: FeatureSpec) -> str | None:
    """Why there is no flat model of a spec, or `None` where there is one."""
    fields = _inputs((*spec.session, *spec.behaviors, *spec.candidates))
    others = [field.key for field in fields if not _is_read(field)]
    if not others and spec.roles.query:
        return None
    return (
        f"Spec `{spec.name}` must have a query and inputs that are ids or numbers, several ids at "
        f"sessions alone. Received: query {spec.roles.query}, other inputs {others}"
    )


def _is_read(field: Field) -> bool:
    if field.is_multivalued:
        return field.section == SESSION and field.pool == "mean"
    return field.kind in _KINDS
