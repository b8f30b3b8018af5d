"""The folder that preparation writes and training, evaluation and export read."""

import dataclasses
import hashlib
from pathlib import Path

from ranking.did_you_mean import did_you_mean
from ranking.features.manifest import Manifest, RecordFormatError, Shard
from ranking.features.spec import FeatureSpec
from ranking.features.spec_reader import read_spec

SPEC_FILE = "feature_spec.json"
MANIFEST_FILE = "manifest.json"
VOCABULARY_FOLDER = "vocabularies"

_CHUNK_BYTES = 1 << 20


class PreparedDataError(ValueError):
    """A prepared folder that cannot be used: what is wrong with which file, and what to do."""


@dataclasses.dataclass(frozen=True)
class PreparedData:
    """A prepared folder.

    Attributes:
        folder: Where it is.
        spec: The resolved spec.
        manifest: Counts, files and where the data came from.
    """

    folder: Path
    spec: FeatureSpec
    manifest: Manifest

    @property
    def vocabulary_folder(self) -> Path:
        """Where the vocabulary files are, one `<table>.txt` each."""
        return self.folder / VOCABULARY_FOLDER

    def files(self, split: str) -> tuple[Path, ...]:
        """The shards of a split, in order.

        Raises:
            PreparedDataError: If there is no such split, or a shard is missing or has another size
                than the manifest says.
        """
        splits = self.manifest.splits
        if split not in splits:
            raise PreparedDataError(
                f"{self.folder} has no split `{split}`. {did_you_mean(split, splits)}"
            )
        for shard in splits[split].shards:
            self._check_size(shard)
        return tuple(self.folder / shard.file for shard in splits[split].shards)

    def verify_checksums(self) -> None:
        """Reads every shard and vocabulary.

        Raises:
            PreparedDataError: If the content of a file is not what was written.
        """
        for split, manifest in self.manifest.splits.items():
            self.files(split)
            for shard in manifest.shards:
                self._check_content(self.folder / shard.file, shard.sha256)
        for table in self.spec.tables.values():
            if table.sha256 is not None:
                self._check_content(self.vocabulary_folder / f"{table.name}.txt", table.sha256)

    def _check_size(self, shard: Shard) -> None:
        path = self.folder / shard.file
        if not path.is_file():
            raise PreparedDataError(
                f"{path} is missing; {MANIFEST_FILE} lists it. {_again(self.folder)}"
            )
        size = path.stat().st_size
        if size != shard.bytes:
            fault = "is cut short" if size < shard.bytes else "has changed"
            raise PreparedDataError(
                f"{path} {fault}: it must have {shard.bytes} bytes, as {MANIFEST_FILE} says. "
                f"Received: {size} bytes. {_again(self.folder)}"
            )

    def _check_content(self, path: Path, sha256: str) -> None:
        if not path.is_file():
            raise PreparedDataError(f"{path} is missing. {_again(self.folder)}")
        received = file_sha256(path)
        if received != sha256:
            raise PreparedDataError(
                f"{path} is damaged: its checksum must be {sha256}. Received: {received}. "
                f"{_again(self.folder)}"
            )


def read_prepared(folder: str | Path) -> PreparedData:
    """Maps a prepared folder to its spec and manifest, checked to belong together.

    Shards are looked at when `PreparedData.files` is called, checksums when `verify_checksums` is.

    Raises:
        PreparedDataError: If there is no such folder, if it is not a prepared one, or if spec and
            manifest do not belong together.
        SpecError: If the spec breaks a rule.
    """
    folder = Path(folder)
    if not folder.is_dir():
        fault = "is a file, not a folder" if folder.exists() else "does not exist"
        raise PreparedDataError(f"Prepared folder {folder} {fault}. {_HOW_TO_MAKE}")
    for name in (MANIFEST_FILE, SPEC_FILE):
        if not (folder / name).is_file():
            fault = f"has no {name}" if any(folder.iterdir()) else "is empty"
            raise PreparedDataError(
                f"{folder} is not a prepared folder: it {fault}. {_HOW_TO_MAKE}"
            )
    spec = read_spec(folder / SPEC_FILE)
    manifest = _read_manifest(folder / MANIFEST_FILE)
    if spec.fingerprint != manifest.spec_fingerprint:
        raise PreparedDataError(
            f"{folder / SPEC_FILE} is not the spec that the records were written with: its "
            f"fingerprint must be {manifest.spec_fingerprint}, as {MANIFEST_FILE} says. Received: "
            f"{spec.fingerprint}. {_again(folder)}"
        )
    return PreparedData(folder, spec, manifest)


def file_sha256(path: Path) -> str:
    """Maps a file to the SHA-256 of its content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


_HOW_TO_MAKE = "Make one with `python -m pipelines.prepare --data=<folder> ...`."


def _again(folder: Path) -> str:
    return f"Copy the folder again, or make it again: python -m pipelines.prepare --data={folder}."


def find_prepared(folder: str | Path) -> PreparedData | None:
    """Maps a folder to its prepared data, or to `None` where it holds none.

    For reports, which can do without the data of runs made elsewhere. A folder that is prepared and
    broken raises as `read_prepared` does.
    """
    return read_prepared(folder) if (Path(folder) / MANIFEST_FILE).is_file() else None


def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except RecordFormatError as error:
        raise PreparedDataError(
            f"{path.parent} was prepared by another version: {error}. Prepare the data again: "
            f"python -m pipelines.prepare --data={path.parent} --overwrite ..."
        ) from error
    except ValueError as error:
        raise PreparedDataError(f"{path} cannot be read: {error}. {_again(path.parent)}") from error
