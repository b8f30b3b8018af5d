"""A program as two processes of this machine that train together."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LONGEST = 900  # seconds; a worker that waits for another forever must not hold up the tests


def run_two_workers(
    flags: Sequence[str],
    *,
    dies: int | None = None,
    at_step: int = 0,
    module: str = "pipelines.train",
) -> list[tuple[int, str, str]]:
    """Runs `module` twice -> exit code, stdout and stderr of the chief and the other.

    `dies` is the worker that is killed, by a signal it cannot see, after `at_step` steps.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(2)]
    modules = ["tests.helpers.dying_worker" if dies == index else module for index in range(2)]
    workers = [
        _started(addresses, index, [modules[index], *flags], at_step * (dies == index))
        for index in range(2)
    ]
    try:
        outputs = [worker.communicate(timeout=_LONGEST) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    return [(worker.returncode, *output) for worker, output in zip(workers, outputs, strict=True)]


def tf_config(addresses: Sequence[str], index: int) -> str:
    """What TF_CONFIG holds on one of these workers."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def _started(
    addresses: Sequence[str], index: int, arguments: Sequence[str], dies_at: int
) -> subprocess.Popen[str]:
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    environment = os.environ | threads | {"TF_CONFIG": tf_config(addresses, index)}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=environment | {"DIES_AT_STEP": str(dies_at)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
