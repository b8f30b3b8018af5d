"""A paper that can be reproduced: its systems, and what is done around their trainings."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipelines.reproduction.plan import Plan
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.system import System
from ranking.did_you_mean import did_you_mean


def _every_part(parts: Sequence[str], data: Path) -> tuple[str, ...]:
    """Parts that do not depend on the data."""
    del data
    return tuple(parts)


def _always(system: System, data: Path) -> bool:
    """That the data make no system the same as another."""
    del system, data
    return True


def _given_data(plan: Plan, systems: Sequence[System]) -> None:
    """Nothing: every system is trained on the data that are given."""


@dataclasses.dataclass(frozen=True)
class Paper:
    """What tells the reproduction of one paper from that of another.

    Attributes:
        name: How the flag calls it.
        systems: All systems by name, in the order in which they are trained and shown.
        parts: What the report consists of; systems say which of them they are for.
        swept_parts: Those whose systems get `sweep_seeds` runs rather than `seeds`.
        report: Writes the report on the runs of a plan -> its files.
        possible_parts: Maps parts to those that the data allow.
        is_apart: Whether a system is another one than its base, with these data.
        prepare: Makes the data that systems need beside those that are given.
        own_flags: Flags of the program that this paper alone takes.
    """

    name: str
    systems: Mapping[str, System]
    parts: tuple[str, ...]
    swept_parts: frozenset[str]
    report: Callable[[ReportRequest, Plan], list[Path]]
    possible_parts: Callable[[Sequence[str], Path], tuple[str, ...]] = _every_part
    is_apart: Callable[[System, Path], bool] = _always
    prepare: Callable[[Plan, Sequence[System]], None] = _given_data
    own_flags: tuple[str, ...] = ()

    def systems_of(self, parts: Sequence[str]) -> list[System]:
        """The systems that some parts of the reproduction need."""
        return [system for system in self.systems.values() if set(system.parts) & set(parts)]

    def check_parts(self, parts: Sequence[str]) -> None:
        """Checks that there are such parts.

        Raises:
            ValueError: If there is one that there is not.
        """
        for part in parts:
            if part not in self.parts:
                raise ValueError(
                    f"`--parts` must list some of {', '.join(self.parts)}. Received: {part}. "
                    f"{did_you_mean(part, self.parts)}"
                )
