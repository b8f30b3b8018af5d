"""What a prepared folder says about itself in manifest.json."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

RECORD_FORMAT = 2
"""Raised whenever `record_layout` changes what a record holds. In format 1 ids were raw values."""


class RecordFormatError(ValueError):
    """Records of another version of this program."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of records.

    Attributes:
        file: Its name in the prepared folder.
        sessions: Number of records.
        bytes: Size of the file.
        sha256: Checksum of the file, in hexadecimal.
    """

    file: str
    sessions: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SplitManifest:
    """Counts of one split.

    Attributes:
        sessions: Number of sessions.
        candidates: Number of candidates of all sessions.
        behaviors: Number of behaviors of all sessions, as far as they are kept.
        positives: For each label, the number of candidates with a 1.
        sessions_with_positive: For each label, the number of sessions with at least one.
        shards: The files, in order.
        global_positives: For each label that has a global one, the number of candidates whose
            global label is 1; empty where there are none, as in folders of earlier versions.
        global_differing: Likewise, the number of candidates whose global label, as it was written,
            is not their own.
    """

    sessions: int
    candidates: int
    behaviors: int
    positives: Mapping[str, int]
    sessions_with_positive: Mapping[str, int]
    shards: tuple[Shard, ...]
    global_positives: Mapping[str, int] = dataclasses.field(default_factory=dict)
    global_differing: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of all shards."""
        return sum(shard.bytes for shard in self.shards)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """All counts of a prepared folder, and where it came from.

    Attributes:
        spec_fingerprint: Fingerprint of the resolved spec in the folder.
        simulated: Whether the sessions were made up rather than logged.
        seed: Seed of the preparation.
        source: What was read, by which protocol, with which options.
        splits: Counts and files by split.
        global_label_noise: Share of global labels that were replaced on purpose, see `LabelNoise`.
        record_format: Version of what a record holds.
    """

    spec_fingerprint: str
    simulated: bool
    seed: int
    source: Mapping[str, str | int | float]
    splits: Mapping[str, SplitManifest]
    global_label_noise: float = 0.0
    record_format: int = RECORD_FORMAT

    def to_json(self) -> str:
        """The text of manifest.json."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest in a text that `to_json` returned.

        Raises:
            RecordFormatError: If the records are of another format than this version reads.
            ValueError: If the text is not such a manifest.
        """
        document = json.loads(text)
        try:
            _check_format(document)
            splits = {name: _read_split(split) for name, split in document.pop("splits").items()}
            return cls(**document, splits=splits)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a manifest: {error}") from error


def _check_format(document: dict[str, Any]) -> None:
    is_manifest = "spec_fingerprint" in document
    written = document.setdefault("record_format", 1)  # Manifests of format 1 do not name it.
    if is_manifest and written != RECORD_FORMAT:
        raise RecordFormatError(
            f"its records are in format {written}, and this version reads format {RECORD_FORMAT}"
        )


def _read_split(document: Mapping[str, Any]) -> SplitManifest:
    shards = tuple(Shard(**shard) for shard in document["shards"])
    return SplitManifest(**{**document, "shards": shards})
