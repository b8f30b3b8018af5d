"""Requests in the format of TensorFlow Serving's logs, which is also that of its warm-up file.

The messages are put together and taken apart here, because their Python classes come with
tensorflow-serving-api, and an export should not need it. Only these fields are written:

    PredictionLog.predict_log = 6 -> PredictLog.request = 1 -> PredictRequest
    PredictRequest.model_spec = 1 -> ModelSpec.name = 1, ModelSpec.signature_name = 3
    PredictRequest.inputs = 2, a map: key = 1, value = 2, a TensorProto
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

_PREDICT_LOG, _REQUEST = 6, 1
_MODEL_SPEC, _INPUTS = 1, 2
_NAME, _SIGNATURE_NAME = 1, 3
_KEY, _VALUE = 1, 2
_LENGTH_DELIMITED = 2  # The wire type of texts and messages.


@dataclasses.dataclass(frozen=True)
class LoggedRequest:
    """A request for a signature of a model.

    Attributes:
        model: Name of the model; a warming server does not read it.
        signature: Name of the signature.
        inputs: Its inputs.

    Example:
    >>> request = LoggedRequest("ranker", "gate", {"hour": np.array([7])})
    >>> LoggedRequest.from_bytes(request.to_bytes()).inputs["hour"].tolist()
    [7]
    """

    model: str
    signature: str
    inputs: Mapping[str, np.ndarray]

    def to_bytes(self) -> bytes:
        """The serialized `PredictionLog`."""
        spec = _field(_NAME, self.model.encode()) + _field(_SIGNATURE_NAME, self.signature.encode())
        request = _field(_MODEL_SPEC, spec)
        for name, value in sorted(self.inputs.items()):
            tensor = tf.make_tensor_proto(value).SerializeToString()
            request += _field(_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor))
        return _field(_PREDICT_LOG, _field(_REQUEST, request))

    @classmethod
    def from_bytes(cls, log: bytes) -> "LoggedRequest":
        """What `to_bytes` returned, taken apart.

        Raises:
            ValueError: If the bytes are another message, or cut short.
        """
        request = _only(_only(log, _PREDICT_LOG), _REQUEST)
        spec = _only(request, _MODEL_SPEC)
        inputs = {}
        for number, entry in _fields(request):
            if number == _INPUTS:
                tensor = TensorProto.FromString(_only(entry, _VALUE))
                inputs[_only(entry, _KEY).decode()] = tf.make_ndarray(tensor)
        return cls(_only(spec, _NAME).decode(), _only(spec, _SIGNATURE_NAME).decode(), inputs)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """A number in base 128, lowest digit first, 128 added to all digits but the last."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        size, start = _read_varint(message, position)
        position = start + size
        if tag & 7 != _LENGTH_DELIMITED or position > len(message):
            raise ValueError(
                "A logged request must consist of whole texts and messages. Received: wire type "
                f"{tag & 7} in field {tag >> 3}, {size} bytes of {len(message) - start}. Export "
                "again."
            )
        yield tag >> 3, message[start:position]


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it."""
    value = shift = 0
    for end in range(position, len(message)):
        value |= (message[end] & 0x7F) << shift
        shift += 7
        if message[end] < 0x80:
            return value, end + 1
    raise ValueError("A logged request must not be cut short. Export again.")


def _only(message: bytes, number: int) -> bytes:
    found = [content for each, content in _fields(message) if each == number]
    if len(found) != 1:
        raise ValueError(
            f"A logged request must have field {number} once. Received: {len(found)} times. Export "
            "again."
        )
    return found[0]
