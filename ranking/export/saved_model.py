"""From a trained run to a SavedModel that a server can pick up: checked, then published."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from ranking.export.example_requests import write_example_requests
from ranking.export.loaded_model import LoadedModel
from ranking.export.model_card import ModelCard, TrainedModel
from ranking.export.parity import ParityReport, check_parity
from ranking.export.parity_sessions import Request, parity_sessions
from ranking.export.signatures import EXAMPLES, Signature, make_signatures
from ranking.export.versions import publish, remove_old_versions, unpublished_folder
from ranking.export.warm_up import replay_warm_up, write_warm_up
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
        warm_up_requests: Requests that a server runs before it takes others.
        removed: Older versions that were removed.
    """

    folder: Path
    signatures: tuple[str, ...]
    gate_refusal: str | None
    parity: ParityReport
    warm_up_requests: int = 0
    removed: tuple[int, ...] = ()


def export_networks(
    networks: RankingNetworks,
    encoder: Encoder,
    data: PreparedData,
    base: Path,
    trained: TrainedModel,
    *,
    keep: int | None = None,
) -> Export:
    """Networks -> SavedModel `base/<version>`, one above the highest version there.

    It is written under another name, loaded back through the loader that TensorFlow Serving's
    default path ends in, compared with the Keras model on recorded sessions and edge cases of
    them, asked its own warm-up requests, and only then renamed to its version.

    Args:
        networks: The model.
        encoder: From raw values to what it reads.
        data: Sessions to check it with.
        base: Folder of its versions.
        trained: Where its weights come from, for the model card.
        keep: Number of newest versions to keep; `None` keeps all.

    Raises:
        ParityError: If it does not answer as the Keras model does; nothing is published then.
        WarmUpError: If it does not answer its warm-up requests; nothing is published then.
        ValueError: If the data belong to another spec, or hold no session, or `keep` is below 1.
        OSError: If `base` cannot be written to.
    """
    if keep is not None and keep < 1:
        raise ValueError(f"`keep` must be 1 or more, or `None`. Received: keep={keep}")
    _check_same_spec(encoder, data)
    requests = parity_sessions(data)
    signatures = make_signatures(networks, encoder)
    with unpublished_folder(base) as folder:
        _write(folder, signatures, encoder, networks)
        model = LoadedModel(folder)
        try:
            parity = check_parity(model, networks, encoder, requests)
            warm_up = _write_requests(folder / EXTRA, model, encoder, trained, requests)
        finally:
            model.close()
        card = ModelCard(trained, data, networks.tasks, signatures, networks.gate_refusal, parity)
        (folder / EXTRA / "model_card.json").write_text(card.to_json(), encoding="utf-8")
        (folder / EXTRA / "MODEL_CARD.md").write_text(card.to_markdown(), encoding="utf-8")
        published = publish(folder)
    return Export(
        published,
        tuple(signature.name for signature in signatures),
        networks.gate_refusal,
        parity,
        warm_up,
        tuple(remove_old_versions(base, keep)) if keep else (),
    )


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
    save_signatures(folder, signatures, encoder)
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


def save_signatures(folder: Path, signatures: Sequence[Signature], encoder: Encoder) -> None:
    """Writes a SavedModel of signatures, with the weights and the vocabularies that they read."""
    functions = {
        signature.name: tf.function(signature.function, autograph=False).get_concrete_function(
            signature.inputs
        )
        for signature in signatures
    }
    module = tf.Module()
    # The variables themselves: beside the networks every weight would be stored twice.
    variables = [variable for function in functions.values() for variable in function.variables]
    module.weights = list({id(variable): variable for variable in variables}.values())
    module.lookup_tables = encoder.lookup_tables
    # Functions that are traced already; `keras.export.ExportArchive` would trace them twice.
    tf.saved_model.save(module, str(folder), signatures=functions)


def _write_requests(
    extra: Path,
    model: LoadedModel,
    encoder: Encoder,
    trained: TrainedModel,
    requests: Sequence[Request],
) -> int:
    """Writes the requests that go with the model -> how many of them warm it up."""
    record = next(request[EXAMPLES] for request in requests if EXAMPLES in request)
    write_example_requests(extra, model, encoder.spec, record)
    write_warm_up(extra, model, trained.name, requests)
    return sum(replay_warm_up(extra, model).values())
