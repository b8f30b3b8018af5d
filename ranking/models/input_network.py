"""The input network of AW-MoE, which its baselines share: what is known of an impression."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import keras
from keras import ops

from ranking.layers.attention_pooling import AttentionPooling
from ranking.layers.clear_padding import clear_padding
from ranking.models.embedded_session import EmbeddedSession
from ranking.models.split_mlp import SplitMlp
from ranking.setting_rules import require, require_choices, require_sizes
from ranking.settings_parser import SettingsError

UserPooling = Callable[[Any, Any, Any], Any]


@dataclasses.dataclass(frozen=True)
class InputSettings:
    """Settings of the input network.

    Attributes:
        task: The label to predict; empty for the spec's first.
        hidden_size: Width of every hidden vector.
        input_mlp: `per_type` has one MLP each for items, query and others; `shared` has one for
            all, which needs them equally wide.
        input_layers: Layers of these MLPs.
        dropout: Share of the impression vector that a training step drops.
        embedding_dropout: Share of the entries of item vectors that a training step drops; keeps
            large tables from learning single items by heart.
    """

    task: str = ""
    hidden_size: int = 32
    input_mlp: Literal["per_type", "shared"] = "per_type"
    input_layers: int = 1
    dropout: float = 0.0
    embedding_dropout: float = 0.0

    def __post_init__(self) -> None:
        require_choices(self)
        require_sizes(self, "hidden_size", "input_layers")
        for name in ("dropout", "embedding_dropout"):
            share = getattr(self, name)
            require(0 <= share < 1, name, "at least 0 and below 1", share)


@dataclasses.dataclass(frozen=True)
class AttentionSettings(InputSettings):
    """Settings of an input network that pools behaviors by attention to the target item.

    Attributes:
        activation_hidden_sizes: Hidden widths of the activation unit.
        attention_normalization: `none` weighs behaviors by the unit's raw output; `softmax` makes
            the weights of a session add up to 1.
        attention_scale: `sqrt_length` divides weights by the root of the number of behaviors.
    """

    activation_hidden_sizes: tuple[int, ...] = (64, 32)
    attention_normalization: Literal["none", "softmax"] = "none"
    attention_scale: Literal["none", "sqrt_length"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes, scale = self.activation_hidden_sizes, self.attention_scale
        require_sizes(self, "activation_hidden_sizes")
        require(len(sizes) > 0, "activation_hidden_sizes", "one size or more", sizes)
        require(
            self.attention_normalization == "none" or scale == "none",
            "attention_scale",
            "none with `attention_normalization` softmax, whose weights add up to 1 already",
            scale,
        )


def attention_pooling(settings: AttentionSettings) -> UserPooling:
    """The user vector of equation 3: behaviors weighed by what they say about the target."""
    return AttentionPooling(
        hidden_sizes=settings.activation_hidden_sizes,
        normalization=settings.attention_normalization,
        scale=settings.attention_scale,
        name="input_network.attention",
    )


def impression_vectors(
    session: EmbeddedSession, settings: InputSettings, user_pooling: UserPooling
) -> Any:
    """The vectors of all impressions of a session `[B, C, D]` (equations 2 to 4).

    Args:
        session: The vectors of its fields.
        settings: Widths and depths.
        user_pooling: Maps hidden behaviors `[B, T, H]`, hidden targets `[B, C, H]` and the
            behaviors' mask `[B, T]` to the user vector, `[B, H]` or `[B, C, H]`.

    Returns:
        User, target, query and others side by side; without those the spec has no fields for.
    """
    parts = {"item": session.behavior_parts}
    if session.query is not None:
        parts["query"] = [session.query]
    if session.other_parts:
        parts["others"] = session.other_parts
    mlps = type_mlps("input_network", parts, settings)

    hidden_behaviors = mlps["item"](session.behavior_parts)
    hidden_target = mlps["item"]([session.candidates])
    user = user_pooling(hidden_behaviors, hidden_target, session.behaviors_mask)
    context = [mlps[name](parts[name]) for name in parts if name != "item"]
    hidden = [user, hidden_target, *context]
    mask = session.candidates_mask
    vectors = ops.concatenate([per_candidate(part, mask) for part in hidden], axis=-1)
    return keras.layers.Dropout(settings.dropout, name="input_network.dropout")(vectors)


def type_mlps(
    name: str, parts: Mapping[str, list[Any]], settings: InputSettings
) -> dict[str, SplitMlp]:
    """One MLP per type of vector, or the same one for all types.

    Args:
        name: What the names of the layers begin with.
        parts: For each type the parts of its vectors. An `item` may have side fields behind the
            item's own vector, which its first part is.
        settings: Widths and depths.

    Raises:
        SettingsError: If one MLP shall read types of different widths.
    """
    sizes = {type_: sum(part.shape[-1] for part in held) for type_, held in parts.items()}

    def mlp(type_: str, input_size: int) -> SplitMlp:
        layers = settings.input_layers
        return SplitMlp(input_size, settings.hidden_size, num_layers=layers, name=f"{name}.{type_}")

    if settings.input_mlp == "per_type":
        return {type_: mlp(type_, size) for type_, size in sizes.items()}
    widths = sizes | {"item": parts["item"][0].shape[-1]}
    if len(set(widths.values())) > 1:
        raise SettingsError(
            "Setting `input_mlp` must be per_type unless all types are equally wide, because "
            f"shared reads them with one MLP. Received: input_mlp='shared', widths {widths}"
        )
    shared = mlp("shared", sizes["item"])
    return dict.fromkeys(sizes, shared)


def per_candidate(vectors: Any, candidates_mask: Any) -> Any:
    """`[B, D]` -> `[B, C, D]`, the same at all real candidates; `[B, C, D]` stays."""
    if len(vectors.shape) == 3:
        return vectors
    return clear_padding(ops.expand_dims(vectors, 1), candidates_mask)
