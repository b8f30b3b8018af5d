"""The two files that let TensorFlow Datasets open a prepared folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ranking.features.manifest import SplitManifest
from ranking.features.record_layout import PackedFeature, record_layout, recorded_dtype
from ranking.features.spec import SESSION, FeatureSpec

_CLASSES = "tensorflow_datasets.core.features"
_DICT = f"{_CLASSES}.features_dict.FeaturesDict"


def write_tfds_metadata(
    folder: Path, spec: FeatureSpec, splits: Mapping[str, SplitManifest]
) -> None:
    """Writes dataset_info.json and features.json, without importing TensorFlow Datasets.

    `tfds.builder_from_directory(folder)` then reads the records as they are: packed features
    `[..., W]`, whose descriptions name the W fields, with row numbers of tables. Texts of ids that
    a table does not know are left out.
    """
    info = {
        "name": spec.name,
        "version": "1.0.0",
        "fileFormat": "tfrecord",
        "splits": [_split(name, split) for name, split in splits.items()],
    }
    features = {
        "pythonClassName": _DICT,
        "featuresDict": {"features": _features(spec)},
    }
    for name, document in (("dataset_info", info), ("features", features)):
        text = json.dumps(document, indent=2) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def _split(name: str, split: SplitManifest) -> dict[str, Any]:
    return {
        "name": name,
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        "numBytes": str(split.bytes),
        "shardLengths": [str(shard.sessions) for shard in split.shards],
    }


def _features(spec: FeatureSpec) -> dict[str, Any]:
    """All features by name; what stands before a slash is a dictionary of features."""
    layout = record_layout(spec)
    features: dict[str, Any] = {}
    for packed in layout.packed:
        group, name = packed.key.split("/")
        inside = features.setdefault(
            group, {"pythonClassName": _DICT, "featuresDict": {"features": {}}}
        )
        inside["featuresDict"]["features"][name] = _packed(packed)
    for field in layout.texts + layout.ids:
        depth = (field.section != SESSION) + (field.kind == "ids")
        features[field.key] = _sequences(_tensor(recorded_dtype(spec, field), []), depth)
    return features


def _packed(packed: PackedFeature) -> dict[str, Any]:
    is_one = packed.section == SESSION
    feature = _tensor(packed.dtype, [packed.width] if is_one else [-1, packed.width])
    feature["description"] = ", ".join(field.name for field in packed.fields)
    return feature


def _tensor(dtype: str, shape: list[int]) -> dict[str, Any]:
    # Protocol buffers write 64-bit numbers as text in JSON.
    dimensions = {"dimensions": [str(size) for size in shape]} if shape else {}
    tensor = {"shape": dimensions, "dtype": dtype, "encoding": "none"}
    return {"pythonClassName": f"{_CLASSES}.tensor_feature.Tensor", "tensor": tensor}


def _sequences(feature: dict[str, Any], depth: int) -> dict[str, Any]:
    for _ in range(depth):
        feature = {
            "pythonClassName": f"{_CLASSES}.sequence_feature.Sequence",
            "sequence": {"feature": feature, "length": "-1"},
        }
    return feature
