"""What a step of AW-MoE cannot do without: operations of its formulas, and bytes to move.

A multiplication and an addition count as two operations; biases, activations, softmax, look-ups
and the contrastive term (a sum per session) count as none. A backward pass takes twice the forward
pass: one product for the gradient of what goes in, one for that of the weights.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from ranking.features.spec import FeatureSpec, Field
from ranking.models.aw_moe import AwMoeSettings

BACKWARD = 2  # forward passes

_FLOAT = 4  # bytes
_MOMENTS = 2  # numbers that AdamW keeps per weight


@dataclasses.dataclass(frozen=True)
class AwMoeSizes:
    """Sizes of a batch and of the networks, for the default form of `aw_moe` with a query.

    Attributes:
        sessions: B.
        candidates: C.
        behaviors: T.
        item: Width of an item's vector.
        behavior: Width of all that is known of a behavior.
        query: Width of the query's vector.
        session_others: Width of the other session fields.
        candidate_others: Width of the other candidate fields.
        hidden: H, width of every hidden vector.
        activation: Hidden sizes of the activation unit.
        gate: Hidden sizes of the gate's two units.
        experts: K.
        expert: Hidden sizes of an expert.
    """

    sessions: int
    candidates: int
    behaviors: int
    item: int
    behavior: int
    query: int
    session_others: int
    candidate_others: int
    hidden: int
    activation: tuple[int, ...]
    gate: tuple[int, ...]
    experts: int
    expert: tuple[int, ...]

    @property
    def impressions(self) -> int:
        """B times C."""
        return self.sessions * self.candidates


def sizes_of(
    spec: FeatureSpec, settings: AwMoeSettings, sessions: int, candidates: int
) -> AwMoeSizes:
    """The sizes of a model of `spec` on full sessions."""
    roles = spec.roles
    query = [field for field in spec.session if field.name in roles.query]
    session = [field for field in spec.session if field.name not in roles.query]
    others = [field for field in spec.candidates if field.name not in roles.item]
    items = [field for field in spec.candidates if field.name in roles.item]
    return AwMoeSizes(
        sessions=sessions,
        candidates=candidates,
        behaviors=spec.behaviors_max_length,
        item=_width(spec, items),
        behavior=_width(spec, spec.behaviors),
        query=_width(spec, query),
        session_others=_width(spec, session),
        candidate_others=_width(spec, others),
        hidden=settings.hidden_size,
        activation=settings.activation_hidden_sizes,
        gate=settings.gate_hidden_sizes,
        experts=settings.experts,
        expert=settings.expert_hidden_sizes,
    )


def necessary_operations(sizes: AwMoeSizes) -> int:
    """Operations of a forward pass in which nothing is computed twice.

    What a session's candidates share is computed once: the gate, the query, and the part of the
    experts' first layer that reads it. A unit's first layer on `[x, y, x - y, x * y]` is a product
    of x with a kernel that y decides (`PairUnit`), so a pair takes a quarter of its rows.
    """
    per_session = (
        sizes.behaviors * 2 * _stack(sizes.behavior, (sizes.hidden,))  # of input and gate network
        + 2 * _stack(sizes.query, (sizes.hidden,))
        + _stack(sizes.session_others, (sizes.hidden,))
        + _unit(sizes, sizes.activation, 1, contexts=1)
        + _unit(sizes, sizes.gate, sizes.experts, contexts=1)
        + 2 * sizes.behaviors * sizes.experts
        + _unit(sizes, sizes.activation, 1, contexts=sizes.candidates)
        + sizes.experts * _stack(sizes.hidden, sizes.expert[:1])
    )
    per_candidate = (
        _stack(sizes.item, (sizes.hidden,))
        + _stack(sizes.candidate_others, (sizes.hidden,))
        + 2 * sizes.behaviors * sizes.hidden
        + sizes.experts * (_stack(3 * sizes.hidden, (*sizes.expert, 1)) + 2)
    )
    return sizes.sessions * (per_session + sizes.candidates * per_candidate)


def formula_operations(sizes: AwMoeSizes, *, is_flat: bool) -> int:
    """Operations of a forward pass as the paper writes it, every pair's four parts side by side.

    Args:
        sizes: Sizes of the batch and the networks.
        is_flat: Whether the gate is computed for every candidate, not once per session, and so is
            all else that a session's candidates share.
    """
    hidden = (sizes.hidden,)
    gate = (
        sizes.behaviors * _stack(sizes.behavior, hidden)
        + _stack(sizes.query, hidden)
        + sizes.behaviors * _stack(4 * sizes.hidden, (*sizes.activation, 1))
        + sizes.behaviors * _stack(4 * sizes.hidden, (*sizes.gate, sizes.experts))
        + 2 * sizes.behaviors * sizes.experts
    )
    shared = (
        sizes.behaviors * _stack(sizes.behavior, hidden)
        + _stack(sizes.query, hidden)
        + _stack(sizes.session_others, hidden)
    )
    impression = (
        _stack(sizes.item, hidden)
        + _stack(sizes.candidate_others, hidden)
        + sizes.behaviors * (_stack(4 * sizes.hidden, (*sizes.activation, 1)) + 2 * sizes.hidden)
        + sizes.experts * (_stack(4 * sizes.hidden, (*sizes.expert, 1)) + 2)
    )
    times = sizes.impressions if is_flat else sizes.sessions
    return times * (gate + shared) + sizes.impressions * impression


def necessary_bytes(*, weights: int, row_numbers: int, batch_numbers: int) -> int:
    """Bytes that a training step moves even if all that it computes stays within the processor.

    Dense weights and the rows that the batch looks up, each read and written once with their two
    moments, and the batch.

    Args:
        weights: Trained numbers that are not of tables.
        row_numbers: Numbers in the distinct rows that the batch looks up.
        batch_numbers: Ids, numbers and labels of the batch.
    """
    read_and_written = 2 * (1 + _MOMENTS) * (weights + row_numbers)
    return _FLOAT * (read_and_written + batch_numbers)


def _unit(sizes: AwMoeSizes, hidden: Sequence[int], outputs: int, *, contexts: int) -> int:
    """A unit over all behaviors of a session and so many contexts."""
    pair = _stack(sizes.hidden, (*hidden, outputs))
    context = 2 * _stack(sizes.hidden, hidden[:1])  # its bias; W4 times it, added to W1 + W3
    return contexts * (sizes.behaviors * pair + context)


def _stack(width: int, sizes: Iterable[int]) -> int:
    """Operations of dense layers on one vector."""
    return sum(2 * before * after for before, after in itertools.pairwise((width, *sizes)))


def _width(spec: FeatureSpec, fields: Iterable[Field]) -> int:
    inputs = [field for field in fields if field.is_input]
    return sum(spec.table_of(field).width if field.table else 1 for field in inputs)
