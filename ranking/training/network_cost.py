"""What a model takes to score: parameters, and operations per candidate."""

import dataclasses
import logging
import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.inputs import example_request
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import full_scores


@dataclasses.dataclass(frozen=True)
class NetworkCost:
    """What one model takes.

    Attributes:
        parameters: Trained numbers, those of embedding tables left out.
        table_parameters: Trained numbers of embedding tables.
        operations: Floating-point operations of a candidate, where one session with that many
            behaviors and candidates is scored: those of the session are shared by its candidates.
        behaviors: T.
        candidates: C.
    """

    parameters: int
    table_parameters: int
    operations: float
    behaviors: int
    candidates: int


def network_cost(
    networks: RankingNetworks, encoder: Encoder, *, behaviors: int, candidates: int
) -> NetworkCost:
    """Counts the parameters of a model, and the operations of scoring one session with it.

    Operations are those that TensorFlow's profiler knows, a multiplication and an addition each,
    and those of `Einsum`, which it does not know; looking up embeddings counts as none.

    Args:
        networks: The model.
        encoder: Encodes a session for it.
        behaviors: T, behaviors of the session.
        candidates: C, its candidates.
    """
    sections = (SESSION, BEHAVIORS, CANDIDATES)
    request = example_request(encoder.spec, sections, behaviors=behaviors, candidates=candidates)
    batch = encoder({key: tf.constant(value) for key, value in request.items()})
    tables = _table_parameters(networks.training)
    every = sum(math.prod(each.shape) for each in networks.training.trainable_variables)
    operations = _operations(networks, batch) / candidates
    return NetworkCost(every - tables, tables, operations, behaviors, candidates)


def _table_parameters(network: keras.Model) -> int:
    tables = [layer for layer in network.layers if isinstance(layer, keras.layers.Embedding)]
    return sum(layer.count_params() for layer in tables)


def _operations(networks: RankingNetworks, batch: Mapping[str, Any]) -> int:
    """Operations of the scores of a batch, whose shapes are all known."""
    score = tf.function(lambda given: full_scores(networks, given))
    # Text would be metadata, which no network reads.
    given = {key: value for key, value in batch.items() if value.dtype != tf.string}
    graph = score.get_concrete_function(given).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)  # It would say of each operation that it does not know it.
    try:
        found = tf.compat.v1.profiler.profile(graph, cmd="scope", options=options)
    finally:
        logger.setLevel(level)
    products = [each for each in graph.get_operations() if each.type == "Einsum"]
    return int(found.total_float_ops) + sum(map(_einsum_operations, products))


def _einsum_operations(operation: tf.Operation) -> int:
    """A multiplication and an addition for every combination of the letters' values."""
    equation = operation.get_attr("equation").decode()
    sizes: dict[str, int] = {}
    for letters, tensor in zip(equation.split("->")[0].split(","), operation.inputs, strict=True):
        known, _, rest = letters.partition("...")
        shape = tensor.shape.as_list()
        places = shape[: len(known)] + shape[len(shape) - len(rest) :]
        sizes |= dict(zip(known + rest, places, strict=True))
        if "..." in letters:
            others = math.prod(shape[len(known) : len(shape) - len(rest)])
            sizes["..."] = max(others, sizes.get("...", 1))
    return 2 * math.prod(sizes.values())
