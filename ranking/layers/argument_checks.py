"""Checks of arguments that several layers share. Each raises `ValueError`."""

from collections.abc import Sequence
from typing import Any


def check_count(name: str, value: int) -> None:
    """Refuses a number of things that is not a whole number from 1 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a whole number from 1 on. Received: {name}={value!r}")


def check_sizes(name: str, sizes: Sequence[int]) -> None:
    """Refuses layer sizes that are not all whole numbers from 1 on."""
    if isinstance(sizes, str) or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(
            f"`{name}` must hold whole numbers from 1 on, one per hidden layer. "
            f"Received: {name}={sizes!r}"
        )


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuses a word that is not among the choices."""
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {tuple(choices)}. Received: {name}={value!r}")


def check_rate(name: str, value: float) -> None:
    """Refuses a share of things to drop that is not at least 0 and below 1."""
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {name}={value!r}")


def check_behaviors_mask(layer: str, mask: Any) -> None:
    """Refuses a `behaviors_mask` that is not of shape `(B, T)`, in the name of a layer."""
    if len(mask.shape) != 2:
        raise ValueError(
            f"{layer} takes `behaviors_mask` of shape (B, T). "
            f"Received: behaviors_mask.shape={tuple(mask.shape)}"
        )
