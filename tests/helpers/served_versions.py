"""Versions of a model as TensorFlow Serving answers for them, with its own codes and words.

Only what a client meets: no batching, no version manager. The model runs in the graph-and-session
loader, without the checks that the Python session adds, so that errors inside the model read as
the server's do.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow_serving.apis.model_pb2 import ModelSpec

NAME = "ranker"


class StatusError(Exception):
    """What the server refuses a request with."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclasses.dataclass(frozen=True)
class Call:
    """A predict request that reached the server: what it asked for, and its candidates."""

    signature: str
    version: int | None
    label: str | None
    candidates: int | None


class ServedVersions:
    """Versions of one model, and the calls that reached them.

    Attributes:
        folders: Loaded versions: number -> version folder.
        labels: Number of the version that a label means.
        calls: The predict requests, in the order of their arrival.
        after_call: Called with each of them once it has been answered.
    """

    def __init__(self, folders: Mapping[int, Path]) -> None:
        self.folders = dict(folders)
        self.labels: dict[str, int] = {}
        self.calls: list[Call] = []
        self.after_call: Callable[[Call], None] = lambda call: None
        self._models: dict[Path, _Model] = {}
        self._lock = threading.Lock()

    def version_of(self, spec: ModelSpec) -> int:
        """The loaded version that a request means."""
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            if spec.version_label not in self.labels:
                text = f"Unrecognized servable version label: {spec.version_label}"
                raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, text)
            wanted = self.labels[spec.version_label]
        elif choice == "version":
            wanted = spec.version.value
        else:
            wanted = max(self.folders, default=None)
        if spec.name != NAME or wanted not in self.folders:
            request = (
                f"Latest({spec.name})" if choice is None else f"Specific({spec.name}, {wanted})"
            )
            text = f"Servable not found for request: {request}"
            raise StatusError(grpc.StatusCode.NOT_FOUND, text)
        return wanted

    def signatures(self, version: int) -> dict[str, Any]:
        """The definitions of the signatures of a version."""
        return self._model(version).signatures

    def received(self, spec: ModelSpec, lengths: Any) -> Call:
        """Notes that a predict request has come, whatever will come of it."""
        call = Call(
            spec.signature_name or "serving_default",
            spec.version.value if spec.HasField("version") else None,
            spec.version_label or None,
            None if lengths is None else int(np.asarray(lengths).flat[0]),
        )
        with self._lock:
            self.calls.append(call)
        return call

    def predict(
        self, call: Call, spec: ModelSpec, inputs: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], int]:
        """Results by name, and the version that gave them."""
        version = self.version_of(spec)
        outputs = self._model(version)(call.signature, inputs)
        self.after_call(call)
        return outputs, version

    def _model(self, version: int) -> "_Model":
        with self._lock:
            folder = self.folders[version]
            if folder not in self._models:
                self._models[folder] = _Model(folder)
            return self._models[folder]


class _Model:
    def __init__(self, folder: Path) -> None:
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        meta = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        self.signatures = dict(meta.signature_def)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if name not in self.signatures:
            text = f'Serving signature key "{name}" not found.'
            raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, text)
        signature = self.signatures[name]
        _check_inputs(set(inputs), set(signature.inputs))
        try:
            results = self._function(name)(*(inputs[key] for key in sorted(inputs)))
        except tf.errors.OpError as error:
            raise StatusError(_CODES[error.error_code], error.message) from error
        return dict(zip(sorted(signature.outputs), results, strict=True))

    def _function(self, name: str) -> Callable[..., Any]:
        """A signature as a function of its inputs, by their names in order."""
        with self._lock:
            if name not in self._functions:
                signature = self.signatures[name]
                options = CallableOptions(
                    feed=[signature.inputs[key].name for key in sorted(signature.inputs)],
                    fetch=[signature.outputs[key].name for key in sorted(signature.outputs)],
                )
                self._functions[name] = self._session._make_callable_from_options(options)
            return self._functions[name]


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def _check_inputs(sent: set[str], wanted: set[str]) -> None:
    def listed(names: set[str]) -> str:
        return "{" + ",".join(sorted(names)) + "}"

    if len(sent) != len(wanted):
        text = f"input size does not match signature: {len(sent)}!={len(wanted)} "
        text += (
            f"len({listed(sent)}) != len({listed(wanted)}). Sent extra: {listed(sent - wanted)}. "
        )
        text += f"Missing but required: {listed(wanted - sent)}."
        raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, text)
    if sent != wanted:
        alias = min(wanted - sent)
        text = f"Signature input alias: {alias} not found in request and no default value provided."
        raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, text)
