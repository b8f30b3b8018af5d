"""The two files that let TensorFlow Datasets open a prepared folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ranking.features.manifest import SplitManifest
from ranking.features.spec import SESSION, FeatureSpec, Field

_CLASSES = "tensorflow_datasets.core.features"


def write_tfds_metadata(
    folder: Path, spec: FeatureSpec, splits: Mapping[str, SplitManifest]
) -> None:
    """Writes dataset_info.json and features.json, without importing TensorFlow Datasets.

    `tfds.builder_from_directory(folder)` then reads the records. It gives its own stand-ins for
    missing optional values: the smallest number of the type, or empty text.
    """
    info = {
        "name": spec.name,
        "version": "1.0.0",
        "fileFormat": "tfrecord",
        "splits": [_split(name, split) for name, split in splits.items()],
    }
    features = {
        "pythonClassName": f"{_CLASSES}.features_dict.FeaturesDict",
        "featuresDict": {"features": {field.key: _feature(field) for field in spec.record_fields}},
    }
    for name, document in (("dataset_info", info), ("features", features)):
        text = json.dumps(document, indent=2) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def _split(name: str, split: SplitManifest) -> dict[str, Any]:
    # Protocol buffers write 64-bit numbers as text in JSON.
    return {
        "name": name,
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        "numBytes": str(split.bytes),
        "shardLengths": [str(shard.sessions) for shard in split.shards],
    }


def _feature(field: Field) -> dict[str, Any]:
    tensor: dict[str, Any] = {"shape": {}, "dtype": field.dtype, "encoding": "none"}
    is_scalar = field.section == SESSION and field.kind != "ids"
    if is_scalar and field.optional:
        tensor["optional"] = True
    feature = {"pythonClassName": f"{_CLASSES}.tensor_feature.Tensor", "tensor": tensor}
    depth = (field.section != SESSION) + (field.kind == "ids")
    for _ in range(depth):
        feature = {
            "pythonClassName": f"{_CLASSES}.sequence_feature.Sequence",
            "sequence": {"feature": feature, "length": "-1"},
        }
    return feature
