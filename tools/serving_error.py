"""A model server that refuses a request, or does not answer."""

_FIT = (
    "Send what the signature takes; `signatures.json` in the export's `assets.extra` names it all."
)
_REMEDIES = {
    "UNAVAILABLE": "Start a server (make serve RUN=...), or name another with --server.",
    "DEADLINE_EXCEEDED": "Give it longer with --timeout, or send fewer candidates at once.",
    "NOT_FOUND": "Name a model that the server has loaded with --model, and a label it knows.",
    "INVALID_ARGUMENT": _FIT,
    "FAILED_PRECONDITION": _FIT,
    "RESOURCE_EXHAUSTED": "Send less at once, or wait until the server has less to do.",
}


class ServingError(ValueError):
    """A request that a model server did not fulfil, with the server's own words.

    Example:
        >>> error = ServingError("localhost:8500", "gate of `ranker`", "UNAVAILABLE", "No route")
        >>> error.code
        'UNAVAILABLE'

    Args:
        server: Its address.
        asked: What it was asked for.
        code: The name of the status, as gRPC calls it.
        text: What the server said.

    Attributes:
        code: The name of the status.
        text: What the server said.
    """

    def __init__(self, server: str, asked: str, code: str, text: str) -> None:
        remedy = _REMEDIES.get(code, "The server's log says more.")
        super().__init__(f"{server} must answer {asked}. Received: {code}: {text} {remedy}")
        self.code, self.text = code, text
