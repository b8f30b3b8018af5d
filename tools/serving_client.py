r"""Asks a model server for the scores of a session: its gate once, then its candidates in shards.

The gate and the scores come from the same version of the model, even while a server changes
versions. Signatures are the server's own, so the spec is not needed.

Examples:

  A session of prepared data, over gRPC:
    python -m tools.serving_client --server=localhost:8500 --data=data/demo --session=7

  A request in a JSON file, over REST, ten candidates at a time:
    python -m tools.serving_client --server=http://localhost:8501 --request=request.json \
        --shard_size=10
"""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.program import run_program

if TYPE_CHECKING:
    from tools.served_model import ServedSignature, Tensors
    from tools.session_scoring import SessionScores

FLAGS = flags.FLAGS
_DEFAULT = "serving_default"


def _define_flags() -> None:
    flags.DEFINE_string(
        "server",
        "localhost:8500",
        "Address: host:port for gRPC, http://host:port for REST.",
    )
    flags.DEFINE_string("model", "ranker", "What the server calls the model.")
    flags.DEFINE_string("label", None, "Version label to ask for; the newest version by default.")
    flags.DEFINE_string("request", None, "JSON file with the inputs of serving_default.")
    flags.DEFINE_string("data", None, "Prepared data to take a session from, instead of a file.")
    flags.DEFINE_string("split", "test", "Split of --data.")
    flags.DEFINE_integer("session", 0, "Place of the session in the split.", lower_bound=0)
    flags.DEFINE_string(
        "flow",
        "auto",
        "What is asked once per session: its gate, its state, or joint for nothing. auto takes "
        "the first that the model has.",
    )
    flags.DEFINE_integer("shard_size", 0, "Most candidates per call; 0 for all.", lower_bound=0)
    flags.DEFINE_float("timeout", 5.0, "Seconds to wait for an answer.", lower_bound=1e-3)
    flags.DEFINE_bool("json", False, "Whether to print JSON instead of a table.")


def main() -> None:
    """Scores one session and prints its candidates, best first."""
    from tools.session_scoring import score_session

    model = _connect()
    try:
        signatures = model.signatures()
        request = _read_request(signatures)
        result = score_session(
            model, signatures, request, flow=FLAGS.flow, shard_size=FLAGS.shard_size
        )
    finally:
        model.close()
    if FLAGS.json:
        print(json.dumps(_document(result)))
    else:
        _show(Console(), request, result)


def _connect() -> Any:
    """The model on its server, by the protocol that the address asks for."""
    options = {"label": FLAGS.label, "timeout": FLAGS.timeout}
    if FLAGS.server.startswith(("http://", "https://")):
        from tools.rest_model import RestModel

        return RestModel(FLAGS.server, FLAGS.model, **options)
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise ValueError(
            "gRPC needs the package tensorflow-serving-api, which is not installed. Install it "
            "with: pip install -e '.[serving]', or ask over REST with --server=http://host:8501"
        )
    from tools.grpc_model import GrpcModel

    return GrpcModel(FLAGS.server, FLAGS.model, **options)


def _read_request(signatures: Mapping[str, "ServedSignature"]) -> "Tensors":
    from ranking.features.prepared_data import read_prepared
    from tools.serving_request import read_json_request, read_recorded_request

    if (FLAGS.request is None) == (FLAGS.data is None):
        raise ValueError(
            "Either --request or --data must say which session to score. Received: "
            f"--request={FLAGS.request}, --data={FLAGS.data}"
        )
    if FLAGS.data is not None:
        return read_recorded_request(read_prepared(FLAGS.data), FLAGS.split, FLAGS.session)
    if _DEFAULT not in signatures:
        raise ValueError(
            f"Model `{FLAGS.model}` must have signature `{_DEFAULT}`. Received: "
            f"{', '.join(sorted(signatures))}. Serve what `make export` made."
        )
    return read_json_request(Path(FLAGS.request), signatures[_DEFAULT].inputs)


def _document(result: "SessionScores") -> dict[str, Any]:
    scores = {task: values.tolist() for task, values in result.scores.items()}
    return {"version": result.version, "calls": list(result.calls), "scores": scores}


def _show(console: Console, request: "Tensors", result: "SessionScores") -> None:
    calls = {name: result.calls.count(name) for name in dict.fromkeys(result.calls)}
    told = ", ".join(f"{count} x {name}" for name, count in calls.items()) or "nothing to ask"
    version = "" if result.version is None else f" version {result.version}"
    console.print(f"model {FLAGS.model}{version}: {told}", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    names = _shown_fields(request)
    for name in ("candidate", *names, *result.scores):
        table.add_column(name, justify="left" if name in names else "right")
    first = next(iter(result.scores.values()))
    for place in sorted(range(len(first)), key=lambda place: -first[place]):
        fields = [_text(request[name][0, place]) for name in names]
        scores = [f"{values[place]:.6f}" for values in result.scores.values()]
        table.add_row(str(place), *fields, *scores)
    console.print(table)


def _shown_fields(request: "Tensors") -> list[str]:
    """What tells candidates apart: their first ids, one each."""
    ids = [
        key
        for key, value in request.items()
        if key.startswith("candidates_") and value.ndim == 2 and value.dtype.kind in "Oi"
    ]
    named = [key for key in ids if not key.endswith("_length")]
    return ["candidates_item"] if "candidates_item" in named else named[:1]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    _define_flags()
    run_program(main)
