"""From encoded fields to the vectors that models work on."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from ranking.features.spec import RESERVED_IDS, FeatureSpec, Field
from ranking.features.tables import EmbeddingTables
from ranking.layers.clear_padding import clear_padding
from ranking.layers.length_mask import LengthMask


@dataclasses.dataclass(frozen=True)
class EmbeddedSession:
    """The vectors of a batch of sessions, one per part that models tell apart.

    Fields of a part are joined in the order of the spec. Padded positions are zeros, whatever the
    batch held there. Shapes: B sessions, T behaviors, C candidates.

    Attributes:
        query: Query fields `[B, Dq]`.
        session_extras: Session fields that are not query `[B, Ds]`.
        behaviors: Item fields of behaviors `[B, T, Di]`.
        behavior_extras: Behavior fields that do not describe the item `[B, T, Db]`.
        candidates: Item fields of candidates `[B, C, Di]`.
        candidate_extras: Candidate fields that do not describe the item `[B, C, Dc]`.
        category: The category among the item fields of candidates `[B, C, Dk]`.
        parent_category: The category above it `[B, C, Dp]`.
        parent_category_mask: True at real candidates whose parent category is known `[B, C]`.
        behaviors_mask: True at real behaviors `[B, T]`.
        candidates_mask: True at real candidates `[B, C]`.

    What the spec has no fields for is `None`.
    """

    query: Any
    session_extras: Any
    behaviors: Any
    behavior_extras: Any
    candidates: Any
    candidate_extras: Any
    category: Any
    parent_category: Any
    parent_category_mask: Any
    behaviors_mask: Any
    candidates_mask: Any

    @property
    def behavior_parts(self) -> list[Any]:
        """What is known of a behavior: the item first, so that a target item can stand there."""
        return _present(self.behaviors, self.behavior_extras)

    @property
    def other_parts(self) -> list[Any]:
        """The other features of an impression: the session's, then the candidate's."""
        return _present(self.session_extras, self.candidate_extras)


def embed_session(
    spec: FeatureSpec,
    inputs: Mapping[str, Any],
    *,
    embedding_dropout: float = 0.0,
    tables: EmbeddingTables | None = None,
) -> EmbeddedSession:
    """Encoded fields by key, as `keras_inputs` makes them -> their vectors.

    Behaviors and candidates look up the same tables, so their item vectors are comparable.
    `embedding_dropout` is the share of the entries of item vectors that a training step drops.
    `tables` are new ones unless given.
    """
    tables = tables or EmbeddingTables(spec)
    roles = spec.roles

    def vectors(fields: Sequence[Field]) -> Any:
        return join_vectors([tables.embed(field, inputs) for field in fields])

    def items(section: Sequence[Field]) -> Any:
        # In the order of the role, not of the section: position i must mean the same field.
        by_name = {field.name: field for field in section}
        return vectors([by_name[name] for name in roles.item])

    dropout = keras.layers.Dropout(embedding_dropout, name="items.dropout")
    behaviors, candidates = dropout(items(spec.behaviors)), dropout(items(spec.candidates))
    behaviors_mask = LengthMask(name="behaviors.mask")(inputs["behaviors_length"], behaviors)
    candidates_mask = LengthMask(name="candidates.mask")(inputs["candidates_length"], candidates)
    category = [field for field in spec.candidates if field.name == roles.category]
    parent = [field for field in spec.candidates if field.name == roles.parent_category]
    is_known = [inputs[field.key] >= RESERVED_IDS for field in parent]
    return EmbeddedSession(
        query=vectors(_inputs(spec.session, only=roles.query)),
        session_extras=vectors(_inputs(spec.session, without=roles.query)),
        behaviors=_cleared(behaviors, behaviors_mask),
        behavior_extras=_cleared(
            vectors(_inputs(spec.behaviors, without=roles.item)), behaviors_mask
        ),
        candidates=_cleared(candidates, candidates_mask),
        candidate_extras=_cleared(
            vectors(_inputs(spec.candidates, without=roles.item)), candidates_mask
        ),
        category=_cleared(vectors(category), candidates_mask),
        parent_category=_cleared(vectors(parent), candidates_mask),
        parent_category_mask=ops.logical_and(candidates_mask, *is_known) if is_known else None,
        behaviors_mask=behaviors_mask,
        candidates_mask=candidates_mask,
    )


def _inputs(
    fields: Sequence[Field], *, only: Sequence[str] | None = None, without: Sequence[str] = ()
) -> list[Field]:
    return [
        field
        for field in fields
        if field.is_input and field.name not in without and (only is None or field.name in only)
    ]


def join_vectors(vectors: Sequence[Any]) -> Any:
    """Vectors of one rank, side by side; `None` for none."""
    if len(vectors) > 1:
        return ops.concatenate(vectors, axis=-1)
    return vectors[0] if vectors else None


def _cleared(vectors: Any, mask: Any) -> Any:
    return None if vectors is None else clear_padding(vectors, mask)


def _present(*parts: Any) -> list[Any]:
    return [part for part in parts if part is not None]
