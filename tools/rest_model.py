"""A model on a server that speaks REST."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
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
        answer = self._ask(f"/versions/{version}:predict", asked, body)["outputs"]
        outputs = self._signatures_of(version)[signature].outputs
        if len(outputs) == 1:
            # A single result comes without its name.
            answer = dict.fromkeys(outputs, answer)
        return Prediction(
            {key: np.asarray(values, outputs[key].dtype) for key, values in answer.items()}, version
        )

    def close(self) -> None:
        """Does nothing: every request has a connection of its own."""

    def _version(self) -> int:
        """The version that the label means now, or the newest that is available."""
        label = "" if self._label is None else f"/labels/{self._label}"
        statuses = self._ask(label, "the versions")["model_version_status"]
        versions = [int(one["version"]) for one in statuses if one["state"] == "AVAILABLE"]
        if not versions:
            raise self._error("the versions", "NOT_FOUND", "no version is available.")
        return max(versions)

    def _signatures_of(self, version: int) -> dict[str, ServedSignature]:
        if version not in self._signatures:
            answer = self._ask(f"/versions/{version}/metadata", "the signatures")
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
        try:
            with urllib.request.urlopen(url, data, timeout=self._timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = _error_text(error.read())
            code = _CODES.get(error.code, f"HTTP status {error.code}")
            raise self._error(asked, code, text) from error
        except TimeoutError as error:
            text = f"no answer within {self._timeout:g} s."
            raise self._error(asked, "DEADLINE_EXCEEDED", text) from error
        except urllib.error.URLError as error:
            raise self._error(asked, "UNAVAILABLE", f"{error.reason}.") from error
        except ValueError as error:
            raise self._error(asked, "UNKNOWN", f"an answer that is no JSON: {error}.") from error

    def _error(self, asked: str, code: str, text: str) -> ServingError:
        return ServingError(self._address, f"{asked} of model `{self._name}`", code, text)


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
