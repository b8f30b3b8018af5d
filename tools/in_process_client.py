r"""Asks an exported model within Python, with the flags and the table of `saved_model_client`.

Threads are a process's own, so every number of threads needs a process.

Example:

    python -m tools.in_process_client --model=runs/aw_moe/export/1 --passes=100 --threads=1 \
        --requests=runs/aw_moe/export/1/assets.extra/tf_serving_warmup_requests
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from pipelines.program import run_program

if TYPE_CHECKING:
    from ranking.export.prediction_log import LoggedRequest

FLAGS = flags.FLAGS


def _define_flags() -> None:
    flags.DEFINE_string("model", None, "Version folder of the model.", required=True)
    flags.DEFINE_multi_string("requests", None, "File of logged requests.", required=True)
    flags.DEFINE_integer("threads", 0, "Threads; 0 is one per core.", lower_bound=0)
    flags.DEFINE_integer("passes", 1, "Times to repeat all requests.", lower_bound=1)
    flags.DEFINE_float("seconds", 1e9, "Ends a file's repetition sooner.", lower_bound=0.0)


def main() -> None:
    """Repeats the requests and prints how long they took."""
    model = _Model(FLAGS.model, FLAGS.threads)
    files = {Path(path).stem: list(_read(path)) for path in FLAGS.requests}
    for requests in files.values():
        # A model's first call of a shape takes longer than the others.
        list(_times(model, requests))
    times: dict[tuple[str, str], list[float]] = {}
    spent = dict.fromkeys(files, 0.0)
    for _ in range(FLAGS.passes):
        for name, requests in files.items():
            for calls, seconds, is_whole in _times(model, requests) if _is_on(spent[name]) else ():
                times.setdefault((name, calls), []).append(1e3 * seconds)
                spent[name] += seconds if is_whole else 0.0
    print("requests calls times mean_ms p50_ms p95_ms p99_ms")
    for (name, calls), values in sorted(times.items()):
        at = np.percentile(values, [50, 95, 99], method="inverted_cdf")
        numbers = " ".join(f"{value:.3f}" for value in (np.mean(values), *at))
        print(f"{name} {calls} {len(values)} {numbers}")


class _Model:
    def __init__(self, folder: str, threads: int) -> None:
        import tensorflow as tf

        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
        )
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        meta = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], folder)
        self.signatures = meta.signature_def

    def run(self, name: str, inputs: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """The results, and the seconds that they took."""
        definition = self.signatures[name]
        feeds = {info.name: inputs[key] for key, info in definition.inputs.items()}
        fetches = {key: info.name for key, info in definition.outputs.items()}
        start = time.perf_counter()
        results = self._session.run(fetches, feeds)
        return results, time.perf_counter() - start


def _read(path: str) -> Iterator["LoggedRequest"]:
    import tensorflow as tf

    from ranking.export.prediction_log import LoggedRequest

    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
        yield LoggedRequest.from_bytes(record)


def _times(model: _Model, requests: Sequence["LoggedRequest"]) -> Iterator[tuple[str, float, bool]]:
    """What was called and how long it took, every call and every session of several calls; and
    whether it is a call."""
    carried: dict[str, Any] = {}
    session: list[tuple[str, float]] = []
    for request in requests:
        if set(model.signatures[request.signature].inputs) <= set(request.inputs):
            yield from _together(session)
            carried, session = {}, []
        results, seconds = model.run(request.signature, {**carried, **request.inputs})
        carried |= results
        session.append((request.signature, seconds))
        yield request.signature, seconds, True
    yield from _together(session)


def _together(session: Sequence[tuple[str, float]]) -> Iterator[tuple[str, float, bool]]:
    if len(session) > 1:
        calls = [name for name, _ in session]
        counts = {name: calls.count(name) for name in dict.fromkeys(calls)}
        told = "+".join(name + (f"*{n}" if n > 1 else "") for name, n in counts.items())
        yield told, sum(seconds for _, seconds in session), False


def _is_on(spent: float) -> bool:
    return bool(spent < FLAGS.seconds)


if __name__ == "__main__":
    _define_flags()
    run_program(main)
