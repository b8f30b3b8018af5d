"""A model on a server that speaks REST."""

import base64
import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tools.served_model import Prediction, ServedSignature, ServedTensor, served_tensor
from tools.serving_error import ServingError

# What TensorFlow Serving makes of its own codes; it says 400 for FAILED_PRECONDITION too.
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# What reading an answer of another form ends in.
_OTHER_FORM = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
_HINT = "Is this the REST port, 8501 by default?"


class RestModel:
    """A model on a TensorFlow Serving server, asked over REST.

    Responses do not say which version gave them, so the version is asked for first and then named
    in every request.

    Args:
        address: What URLs begin with: scheme, host and port.
        name: What the server calls the model.
        label: The version label to ask for, such as `stable`; without one the newest version that
            is available is taken.
        timeout: Seconds to wait for an answer.
    """

    def __init__(
        self, address: str, name: str, *, label: str | None = None, timeout: float = 5.0
    ) -> None:
        self._address, self._name, self._label = address.rstrip("/"), name, label
        self._timeout = timeout
        self._signatures: dict[int, dict[str, ServedSignature]] = {}

    def signatures(self) -> dict[str, ServedSignature]:
        """The signatures of the version that the server would take now, by name.

        Raises:
            ServingError: If the server does not answer or has no such model.
        """
        return self._signatures_of(self._version())

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
        if version is None:
            version = self._version()
        body = {
            "signature_name": signature,
            "inputs": {key: _nested(value) for key, value in inputs.items()},
        }
        asked = f"signature `{signature}`"
        answer = self._ask(f"/versions/{version}:predict", asked, body)
        signatures = self._signatures_of(version)
        with self._reading(asked):
            return Prediction(_results(answer["outputs"], signatures[signature].outputs), version)

    def close(self) -> None:
        """Does nothing: every request has a connection of its own."""

    def _version(self) -> int:
        """The version that the label means now, or the newest that is available."""
        label = "" if self._label is None else f"/labels/{self._label}"
        answer = self._ask(label, "the versions")
        with self._reading("the versions"):
            statuses = answer["model_version_status"]
            versions = [int(one["version"]) for one in statuses if one["state"] == "AVAILABLE"]
        if not versions:
            raise self._error("the versions", "NOT_FOUND", "no version is available.")
        return max(versions)

    def _signatures_of(self, version: int) -> dict[str, ServedSignature]:
        if version not in self._signatures:
            answer = self._ask(f"/versions/{version}/metadata", "the signatures")
            with self._reading("the signatures"):
                definitions = answer["metadata"]["signature_def"]["signature_def"]
                self._signatures[version] = {
                    name: ServedSignature(_tensors(one["inputs"]), _tensors(one["outputs"]))
                    for name, one in definitions.items()
                    if not name.startswith("__")
                }
        return self._signatures[version]

    def _ask(self, path: str, asked: str, body: Any = None) -> Any:
        url = f"{self._address}/v1/models/{self._name}{path}"
        data = None if body is None else json.dumps(body).encode()
        with self._reaching(asked), _response(url, data, self._timeout) as response:
            status, answer = response.status, response.read()
        if status >= 300:
            code = _CODES.get(status, f"HTTP status {status}")
            raise self._error(asked, code, _error_text(answer))
        with self._reading(asked):
            return json.loads(answer)

    @contextlib.contextmanager
    def _reaching(self, asked: str) -> Iterator[None]:
        """Makes an error of what goes wrong on the way to the server and back."""
        try:
            yield
        except TimeoutError as error:
            text = f"no answer within {self._timeout:g} s."
            raise self._error(asked, "DEADLINE_EXCEEDED", text) from error
        except urllib.error.URLError as error:
            raise self._error(asked, "UNAVAILABLE", f"{error.reason}.") from error
        # An address that is no URL is a ValueError.
        except (http.client.HTTPException, OSError, ValueError) as error:
            # The answer of another protocol has bytes that a terminal would obey.
            text = f"no answer in HTTP, but {error!r:.80}. {_HINT}"
            raise self._error(asked, "UNAVAILABLE", text) from error

    @contextlib.contextmanager
    def _reading(self, asked: str) -> Iterator[None]:
        """Makes an error of an answer that lacks something or holds another type."""
        try:
            yield
        except _OTHER_FORM as error:
            text = f"an answer that TensorFlow Serving does not give, {error!r:.80}. {_HINT}"
            raise self._error(asked, "UNKNOWN", text) from error

    def _error(self, asked: str, code: str, text: str) -> ServingError:
        return ServingError(self._address, f"{asked} of model `{self._name}`", code, text)


def _response(url: str, data: bytes | None, timeout: float) -> Any:
    """The response to a request, whatever its status."""
    try:
        return urllib.request.urlopen(url, data, timeout=timeout)
    except urllib.error.HTTPError as error:
        return error


def _results(answer: Any, outputs: Mapping[str, ServedTensor]) -> dict[str, np.ndarray]:
    if len(outputs) == 1:
        # A single result comes without its name.
        answer = dict.fromkeys(outputs, answer)
    return {key: np.asarray(answer[key], one.dtype) for key, one in outputs.items()}


def _tensors(documents: Mapping[str, Any]) -> dict[str, ServedTensor]:
    return {
        key: served_tensor(one["dtype"], len(one["tensor_shape"]["dim"]))
        for key, one in documents.items()
    }


def _nested(value: np.ndarray) -> Any:
    """A tensor as nested lists; bytes that are no UTF-8 travel in base 64."""
    if value.dtype != object:
        return value.tolist()
    return _text(value.tolist())


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(one) for one in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value


def _error_text(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace") or "no words"
