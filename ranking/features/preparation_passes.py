"""How preparation passes over a source: here, or on many machines."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ranking.features.candidate_keys import Keys
from ranking.features.manifest import SplitManifest
from ranking.features.spec import FeatureSpec
from ranking.features.vocabularies import FeatureLearner
from ranking.sources.session_source import SPLITS, SessionSource

LEARN, LABEL, WRITE = "learn", "label", "write"

Progress = Callable[[str, str, int], None]


@dataclasses.dataclass(frozen=True)
class PreparationJob:
    """What is prepared.

    Attributes:
        source: Where the sessions come from.
        name: What messages call the source.
        shards: Number of files per split.
        seed: Seeds the spreading of sessions over files and the noise.
        noise: Share of global labels that are replaced by coins.
        progress: Called with the pass (`LEARN`, `LABEL` or `WRITE`), the split and the number of
            sessions done since it was called last.
    """

    source: SessionSource
    name: str
    shards: int
    seed: int
    noise: float
    progress: Progress

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the source has, in order."""
        return tuple(split for split in SPLITS if split in self.source.splits)

    def where(self, split: str) -> str:
        """What messages call a split."""
        return f"{self.name}/{split}"

    def seeds(self, split: str) -> tuple[int, ...]:
        """The seeds of a split."""
        return self.seed, SPLITS.index(split)


@dataclasses.dataclass(frozen=True)
class WrittenSplit:
    """A split that was written.

    Attributes:
        manifest: Its entry in the manifest.
        keys: What `session_keys` gives for its sessions, in order.
    """

    manifest: SplitManifest
    keys: Keys


class PreparationPasses(Protocol):
    """The passes over a source. What comes out does not depend on who makes them."""

    def learn(
        self, job: PreparationJob, learner: FeatureLearner, spec: FeatureSpec, folder: Path
    ) -> None:
        """Shows the learner the training split.

        Args:
            job: What is prepared.
            learner: What learns.
            spec: The spec, not resolved.
            folder: The folder to make, for what need be kept between steps.

        Raises:
            RecordError: If a session breaks a rule.
        """

    def write(
        self, job: PreparationJob, folder: Path, spec: FeatureSpec
    ) -> dict[str, WrittenSplit]:
        """Checks and encodes all splits, and writes them into the folder.

        Args:
            job: What is prepared.
            folder: Where the vocabularies are already.
            spec: The resolved spec.

        Raises:
            RecordError: If a session breaks a rule.
            ValueError: If a split had other sessions in an earlier pass.
        """


def no_progress(stage: str, split: str, sessions: int) -> None:
    """Tells nobody."""


def check_same_sessions(job: PreparationJob, split: str, first: int, last: int) -> None:
    """Checks that a split had as many sessions in the last pass as in the first.

    Raises:
        ValueError: If it had not.
    """
    if first != last:
        raise ValueError(
            f"Source `{job.name}` must yield the same sessions in every pass. Received: {first} "
            f"{split} sessions, then {last}. Do not change its input meanwhile."
        )
