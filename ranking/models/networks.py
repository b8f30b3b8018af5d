"""What a model consists of: the networks that train and serve it, and its losses."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

LossFunction = Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[Any, Any]]


@dataclasses.dataclass(frozen=True)
class LossTerm:
    """One weighted term of a model's loss.

    Attributes:
        name: Its name in logs.
        weight: What its mean is multiplied by in the total.
        function: Maps the outputs of the training network and the encoded batch to the sum over
            valid elements and their number, both scalars. Whoever trains divides, after adding up
            over devices; a number of 0 leaves the sum as it is.
    """

    name: str
    weight: float
    function: LossFunction


@dataclasses.dataclass(frozen=True)
class RankingNetworks:
    """A model as functional networks over shared layers; inputs are dictionaries by encoded key.

    Shapes: B sessions, C candidates, K experts.

    Attributes:
        training: Encoded batch -> named outputs: `logits_<task>` `[B, C]` and what the losses need.
            Where a loss draws negatives it also takes `owner`, int64 `[B]`.
        score: Encoded session, behaviors and candidates, and `gate` where there is a gate network
            -> `{task: probabilities [B, C]}`, zero at padded candidates.
        gate: Encoded session and behaviors -> `{"gate": [B, K]}`; `None` without such a network.
        gate_refusal: The sentence that says why there is no gate network; `None` with one.
        losses: The terms of the loss.
        tasks: The labels that the model predicts.
        owner_key: Session metadata or id that says which rows belong together, hashed into
            `owner`; `None` where every row stands for itself.
        label_keys: What the losses read of a batch beside the labels of the tasks.
    """

    training: keras.Model
    score: keras.Model
    gate: keras.Model | None
    gate_refusal: str | None
    losses: tuple[LossTerm, ...]
    tasks: tuple[str, ...]
    owner_key: str | None = None
    label_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.gate is None) != bool(self.gate_refusal):
            raise ValueError(
                "`gate_refusal` must be given where there is no gate, and only there. "
                f"Received: gate={self.gate}, gate_refusal={self.gate_refusal!r}"
            )
