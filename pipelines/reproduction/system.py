"""A system that a paper compares: a model with the settings that make it what it is."""

import dataclasses
from collections.abc import Callable, Mapping

TRAIN, TREES, TFRS = "pipelines.train", "tools.gbdt_baseline", "tools.tfrs_baseline"


def _none() -> frozenset[str]:
    return frozenset()


@dataclasses.dataclass(frozen=True)
class System:
    """A model with the settings that make it what it is; its runs differ in their seeds alone.

    Attributes:
        name: How runs and flags call it.
        title: How tables call it.
        model: What `settings.json` of its runs calls the model.
        parts: Parts of the reproduction that need it.
        settings: What defines it, as typed.
        program: The module that trains it.
        base: System whose settings, given as `--set base:name=value`, are this one's as well.
        is_swept: Whether it is a point of a sweep around its base; one that turns out to be the
            same as the base is not trained apart.
        variant: What it is trained and tested on, a folder of `<out>/data`; empty for the data that
            are given.
        foreign: Makes the names of settings that its model has and this system has no use for.
    """

    name: str
    title: str
    model: str
    parts: tuple[str, ...]
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    program: str = TRAIN
    base: str = ""
    is_swept: bool = False
    variant: str = ""
    foreign: Callable[[], frozenset[str]] = _none

    @property
    def is_point(self) -> bool:
        """Whether it is a point of a curve: of a sweep, or on other data."""
        return self.is_swept or bool(self.variant)
