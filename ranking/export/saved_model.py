"""From a trained run to a SavedModel that a server can pick up: checked, then published."""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ranking.export.parity import ParityReport, check_parity, edge_sessions
from ranking.export.signatures import Signature, make_signatures
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.features.records import parse_records, raw_batch
from ranking.models.networks import RankingNetworks

EXTRA = "assets.extra"
PARITY_SESSIONS = 100


@dataclasses.dataclass(frozen=True)
class Export:
    """A published SavedModel.

    Attributes:
        folder: Its version folder.
        signatures: Names of its signatures.
        gate_refusal: Why it has no gate signature, or `None`.
        parity: What the check before publishing saw.
    """

    folder: Path
    signatures: tuple[str, ...]
    gate_refusal: str | None
    parity: ParityReport


def export_networks(
    networks: RankingNetworks, encoder: Encoder, data: PreparedData, base: Path
) -> Export:
    """Networks -> SavedModel `base/<version>`, one above the highest version there.

    It is written under another name, loaded back through the loader that TensorFlow Serving's
    default path ends in, compared with the Keras model on `PARITY_SESSIONS` test sessions and edge
    cases of them, and only then renamed to its version.

    Raises:
        ParityError: If it does not answer as the Keras model does; nothing is published then.
        ValueError: If the data belong to another spec.
    """
    if data.spec.fingerprint != encoder.spec.fingerprint:
        raise ValueError(
            f"{data.folder} must hold data of the spec that the model was trained with. Its "
            f"fingerprint is {data.spec.fingerprint[:12]}, the model's "
            f"{encoder.spec.fingerprint[:12]}. Name the folder that the run was trained on."
        )
    signatures = make_signatures(networks, encoder)
    base.mkdir(parents=True, exist_ok=True)
    partial = base / f".partial-{os.getpid()}"
    try:
        _write(partial, signatures, encoder, networks)
        parity = check_parity(partial, networks, encoder, _parity_sessions(data))
        final = base / str(_next_version(base))
        os.replace(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    names = tuple(signature.name for signature in signatures)
    return Export(final, names, networks.gate_refusal, parity)


def _write(
    folder: Path, signatures: list[Signature], encoder: Encoder, networks: RankingNetworks
) -> None:
    archive = keras.export.ExportArchive()
    # Tracking the networks would store every weight twice; their variables come along as captures.
    for table in encoder.lookup_tables:
        archive.track(table)
    for signature in signatures:
        archive.add_endpoint(
            signature.name, signature.function, input_signature=[signature.inputs]
        )
    archive.write_out(str(folder), verbose=False)
    extra = folder / EXTRA
    extra.mkdir()
    (extra / "feature_spec.json").write_text(encoder.spec.to_json(), encoding="utf-8")
    document = {
        "spec_fingerprint": encoder.spec.fingerprint,
        "signatures": {s.name: _signature_document(s) for s in signatures},
        "gate_refusal": networks.gate_refusal,
    }
    text = json.dumps(document, indent=1)
    (extra / "signatures.json").write_text(text, encoding="utf-8")


def _signature_document(signature: Signature) -> dict[str, dict[str, object]]:
    return {
        name: {"dtype": spec.dtype.name, "shape": [size or -1 for size in spec.shape]}
        for name, spec in signature.inputs.items()
    }


def _next_version(base: Path) -> int:
    versions = [int(path.name) for path in base.iterdir() if path.name.isdecimal()]
    return max(versions, default=0) + 1


def _parity_sessions(data: PreparedData) -> list[dict[str, np.ndarray]]:
    """Raw test sessions, one per request, and edge cases of every tenth."""
    records = tf.data.TFRecordDataset([str(path) for path in data.files("test")])
    sessions = []
    for index, record in enumerate(records.take(PARITY_SESSIONS)):
        raw = dict(_raw_session(data, record))
        sessions.append(raw)
        if index % 10 == 0:
            sessions.extend(edge_sessions(data.spec, raw))
    return sessions


def _raw_session(data: PreparedData, record: tf.Tensor) -> Iterator[tuple[str, np.ndarray]]:
    inputs = {field.key for field in data.spec.fields if field.is_input}
    raw = raw_batch(data.spec, parse_records(data.spec, record[None]))
    for key, value in raw.items():
        if key in inputs or key.endswith("_length"):
            yield key, value.numpy()
