"""What lies in a prepared folder, as bytes."""

from pathlib import Path

import tensorflow as tf

from ranking.features.prepared_data import PreparedData


def records_of(data: PreparedData, split: str) -> list[bytes]:
    """The serialized records of a split, in the order of its files."""
    files = [str(path) for path in data.files(split)]
    return [record.numpy() for record in tf.data.TFRecordDataset(files)]


def contents_of(folder: Path) -> dict[str, bytes]:
    """The bytes of every file by its path within the folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
