"""A model on a server that speaks gRPC."""

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    SignatureDefMap,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from tools.served_model import Prediction, ServedSignature, ServedTensor, served_tensor
from tools.serving_error import ServingError

_METADATA = "signature_def"
# A long history has more than gRPC's 4 MB for some states of a session.
_UNLIMITED = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))


class GrpcModel:
    """A model on a TensorFlow Serving server, asked over gRPC without encryption.

    Args:
        address: Host and port.
        name: What the server calls the model.
        label: The version label to ask for, such as `stable`; without one the server takes the
            newest version.
        timeout: Seconds to wait for an answer.
    """

    def __init__(
        self, address: str, name: str, *, label: str | None = None, timeout: float = 5.0
    ) -> None:
        self._address, self._name, self._label = address, name, label
        self._timeout = timeout
        self._channel = grpc.insecure_channel(address, options=_UNLIMITED)
        self._stub = PredictionServiceStub(self._channel)

    def signatures(self) -> dict[str, ServedSignature]:
        """The signatures of the version that the server would take now, by name.

        Raises:
            ServingError: If the server does not answer or has no such model.
        """
        request = GetModelMetadataRequest(metadata_field=[_METADATA])
        self._fill(request.model_spec, None)
        try:
            response = self._stub.GetModelMetadata(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._error(error, "the signatures") from error
        definitions = SignatureDefMap()
        response.metadata[_METADATA].Unpack(definitions)
        return {
            name: ServedSignature(_tensors(one.inputs), _tensors(one.outputs))
            for name, one in definitions.signature_def.items()
            if not name.startswith("__")
        }

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], version: int | None = None
    ) -> Prediction:
        """Named inputs -> named results of a signature, and the version that gave them.

        Args:
            signature: Its name.
            inputs: All its inputs.
            version: The version of the model to ask; the label's or the newest by default.

        Raises:
            ServingError: If the server does not answer or refuses.
        """
        request = PredictRequest()
        self._fill(request.model_spec, version)
        request.model_spec.signature_name = signature
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        try:
            response = self._stub.Predict(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._error(error, f"signature `{signature}`") from error
        outputs = {key: tf.make_ndarray(proto) for key, proto in response.outputs.items()}
        return Prediction(outputs, response.model_spec.version.value)

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _fill(self, spec: ModelSpec, version: int | None) -> None:
        spec.name = self._name
        if version is not None:
            spec.version.value = version
        elif self._label is not None:
            spec.version_label = self._label

    def _error(self, error: grpc.RpcError, asked: str) -> ServingError:
        text = error.details() or "no words"
        return ServingError(
            self._address, f"{asked} of model `{self._name}`", error.code().name, text
        )


def _tensors(infos: Mapping[str, Any]) -> dict[str, ServedTensor]:
    return {
        key: served_tensor(tf.dtypes.as_dtype(info.dtype).name, len(info.tensor_shape.dim))
        for key, info in infos.items()
    }
