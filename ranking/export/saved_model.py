"""From a trained run to a SavedModel that a server can pick up: checked, then published."""

import dataclasses
import json
from pathlib import Path

import keras

from ranking.export.parity import ParityReport, check_parity
from ranking.export.parity_sessions import parity_sessions
from ranking.export.signatures import Signature, make_signatures
from ranking.export.versions import publish, unpublished_folder
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.models.networks import RankingNetworks

EXTRA = "assets.extra"


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
    default path ends in, compared with the Keras model on recorded sessions and edge cases of
    them, and only then renamed to its version.

    Raises:
        ParityError: If it does not answer as the Keras model does; nothing is published then.
        ValueError: If the data belong to another spec, or hold no session.
        OSError: If `base` cannot be written to.
    """
    _check_same_spec(encoder, data)
    requests = parity_sessions(data)
    signatures = make_signatures(networks, encoder)
    with unpublished_folder(base) as folder:
        _write(folder, signatures, encoder, networks)
        parity = check_parity(folder, networks, encoder, requests)
        published = publish(folder)
    names = tuple(signature.name for signature in signatures)
    return Export(published, names, networks.gate_refusal, parity)


def _check_same_spec(encoder: Encoder, data: PreparedData) -> None:
    trained, given = encoder.spec, data.spec
    if trained.fingerprint != given.fingerprint:
        raise ValueError(
            f"{data.folder} must hold data of the spec that the model was trained with, "
            f"`{trained.name}` with fingerprint {trained.fingerprint[:12]}. Received: "
            f"`{given.name}` with fingerprint {given.fingerprint[:12]}. Name the folder that the "
            "run was trained on."
        )


def _write(
    folder: Path, signatures: list[Signature], encoder: Encoder, networks: RankingNetworks
) -> None:
    archive = keras.export.ExportArchive()
    # Tracking the networks would store every weight twice; their variables come along as captures.
    for table in encoder.lookup_tables:
        archive.track(table)
    for signature in signatures:
        archive.add_endpoint(signature.name, signature.function, input_signature=[signature.inputs])
    archive.write_out(str(folder), verbose=False)
    extra = folder / EXTRA
    extra.mkdir()
    (extra / "feature_spec.json").write_text(encoder.spec.to_json(), encoding="utf-8")
    document = {
        "spec_fingerprint": encoder.spec.fingerprint,
        "signatures": {s.name: s.to_document() for s in signatures},
        "gate_refusal": networks.gate_refusal,
    }
    text = json.dumps(document, indent=1)
    (extra / "signatures.json").write_text(text, encoding="utf-8")
