"""A server that speaks TensorFlow Serving's protocols, gRPC and REST, on ports of its own."""

import contextlib
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

from tests.helpers.served_versions import NAME, ServedVersions, StatusError

# What the server's own table makes of the codes that a client meets.
_HTTP = {"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "NOT_FOUND": 404}
LENGTH = "candidates_length"
_PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata|:predict)?")


class ProtocolServer:
    """Serves versions of a model over gRPC and REST until it is closed.

    Attributes:
        grpc_address: Host and port.
        rest_address: Scheme, host and port.
    """

    def __init__(self, versions: ServedVersions) -> None:
        self._grpc = grpc.server(ThreadPoolExecutor(4))
        add_PredictionServiceServicer_to_server(_Service(versions), self._grpc)
        self.grpc_address = f"localhost:{self._grpc.add_insecure_port('localhost:0')}"
        self._grpc.start()
        handler = type("Handler", (_Handler,), {"versions": versions})
        self._rest = ThreadingHTTPServer(("localhost", 0), handler)
        self.rest_address = f"http://localhost:{self._rest.server_port}"
        self._thread = threading.Thread(target=self._rest.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._grpc.stop(None).wait()
        self._rest.shutdown()
        self._thread.join()
        self._rest.server_close()


class _Service(PredictionServiceServicer):
    def __init__(self, versions: ServedVersions) -> None:
        self._versions = versions

    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:
        inputs = {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()}
        call = self._versions.received(request.model_spec, inputs.get(LENGTH))
        try:
            outputs, version = self._versions.predict(call, request.model_spec, inputs)
        except StatusError as error:
            context.abort(error.code, error.text)
        response = PredictResponse()
        _fill(response.model_spec, version, call.signature)
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response

    def GetModelMetadata(
        self, request: GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> GetModelMetadataResponse:
        if list(request.metadata_field) != ["signature_def"]:
            text = "GetModelMetadataRequest must specify at least one metadata_field"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
        try:
            version = self._versions.version_of(request.model_spec)
        except StatusError as error:
            context.abort(error.code, error.text)
        return _metadata(self._versions, version)


class _Handler(BaseHTTPRequestHandler):
    versions: ServedVersions

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""

    def _answer(self, method: Any) -> None:
        try:
            code, document = 200, method(*self._parsed())
        except StatusError as error:
            code, document = _HTTP[error.code.name], {"error": error.text}
        body = json.dumps(document).encode()
        # A client that has waited too long is gone.
        with contextlib.suppress(ConnectionError):
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _parsed(self) -> tuple[ModelSpec, str]:
        match = _PATH.fullmatch(self.path)
        if match is None:
            text = f"Malformed request: {self.command} {self.path}"
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, text)
        name, version, label, what = match.groups()
        spec = ModelSpec(name=name)
        if version:
            spec.version.value = int(version)
        elif label:
            spec.version_label = label
        return spec, what or "status"

    def _get(self, spec: ModelSpec, what: str) -> Any:
        if what == "/metadata":
            metadata = _metadata(self.versions, self.versions.version_of(spec))
            return _rest_metadata(metadata)
        if spec.name != NAME:
            text = f"Could not find any versions of model {spec.name}"
            raise StatusError(grpc.StatusCode.NOT_FOUND, text)
        is_latest = spec.WhichOneof("version_choice") is None
        one = sorted(self.versions.folders) if is_latest else [self.versions.version_of(spec)]
        # A version that was unloaded stays in the list.
        gone = [] if not is_latest else [0]
        return {
            "model_version_status": [
                {"version": str(version), "state": "AVAILABLE" if version else "END"}
                for version in one[::-1] + gone
            ]
        }

    def _post(self, spec: ModelSpec, what: str) -> Any:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        spec.signature_name = document["signature_name"]
        call = self.versions.received(spec, document["inputs"].get(LENGTH))
        signatures = self.versions.signatures(self.versions.version_of(spec))
        if spec.signature_name not in signatures:
            text = f'Serving signature name: "{spec.signature_name}" not found in signature def'
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, text)
        inputs = {}
        for key, info in signatures[spec.signature_name].inputs.items():
            if key not in document["inputs"]:
                text = f"Missing named input: {key} in 'inputs' object."
                raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, text)
            dtype = tf.dtypes.as_dtype(info.dtype).as_numpy_dtype
            inputs[key] = np.array(document["inputs"][key], dtype)
        outputs, _ = self.versions.predict(call, spec, inputs)
        named = {key: np.asarray(value).tolist() for key, value in outputs.items()}
        return {"outputs": named if len(named) > 1 else next(iter(named.values()))}


def _metadata(versions: ServedVersions, version: int) -> GetModelMetadataResponse:
    response = GetModelMetadataResponse()
    _fill(response.model_spec, version, "")
    definitions = SignatureDefMap(signature_def=versions.signatures(version))
    response.metadata["signature_def"].Pack(definitions)
    return response


def _rest_metadata(response: GetModelMetadataResponse) -> Any:
    definitions = SignatureDefMap()
    response.metadata["signature_def"].Unpack(definitions)
    document = MessageToDict(
        definitions, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    spec = {"name": NAME, "version": str(response.model_spec.version.value)}
    return {"model_spec": spec, "metadata": {"signature_def": document}}


def _fill(spec: ModelSpec, version: int, signature: str) -> None:
    spec.name, spec.version.value, spec.signature_name = NAME, version, signature
