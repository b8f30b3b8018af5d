"""The machines that train one run together, as the environment variable TF_CONFIG names them."""

import dataclasses
import json
from typing import Any

_JOBS = ("chief", "worker")
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_REMEDY = f"Write it like {_EXAMPLE}, with another index on each machine, or unset it."
_LARGEST_PORT = 65535


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of one run, and which of them this process is.

    Attributes:
        addresses: `host:port` of every worker. The first is the chief, who writes what a run
            leaves behind.
        index: The place of this process among them.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def address(self) -> str:
        """`host:port` of this process."""
        return self.addresses[self.index]


def read_cluster(text: str | None) -> Cluster | None:
    """The content of TF_CONFIG -> the cluster it describes; `None` where it is unset or empty.

    It holds the jobs `worker` and, if need be, `chief` of one task, who then comes first. Keys
    beside `cluster` and `task` are left alone: platforms add their own.

    Raises:
        ValueError: If it is no JSON object, lacks something, or this task is none of the cluster.

    Example:
    >>> jobs = '{"worker": ["host0:2222", "host1:2222"]}'
    >>> read_cluster(f'{{"cluster": {jobs}, "task": {{"type": "worker", "index": 1}}}}')
    Cluster(addresses=('host0:2222', 'host1:2222'), index=1)
    """
    if not (text or "").strip():
        return None
    try:
        document = json.loads(str(text))
    except ValueError as error:
        raise _error(f"be JSON: {error}", text) from error
    if not isinstance(document, dict):
        raise _error("be a JSON object", document)
    jobs = _jobs(document.get("cluster"))
    addresses = tuple(address for job in _JOBS for address in jobs.get(job, ()))
    if len(set(addresses)) < len(addresses):
        raise _error("name every address once", jobs)
    return Cluster(addresses, _index(document.get("task"), jobs))


def _jobs(cluster: Any) -> dict[str, list[str]]:
    if not isinstance(cluster, dict) or not cluster:
        raise _error("hold the addresses of all workers by job in `cluster`", cluster)
    for job, addresses in cluster.items():
        if job not in _JOBS:
            raise _error(f"hold no job but {' and '.join(_JOBS)} in `cluster`", job)
        if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
            raise _error(f"hold a list of `host:port` in `cluster.{job}`", addresses)
    if len(cluster.get("chief", ())) > 1:
        raise _error("name one chief", cluster["chief"])
    return cluster


def _index(task: Any, jobs: dict[str, list[str]]) -> int:
    """The place of this task among all."""
    if not isinstance(task, dict) or "type" not in task or "index" not in task:
        raise _error("say in `task` which `type` and `index` this process has", task)
    job, index = task["type"], task["index"]
    if job not in list(jobs):  # a list is no key to look for
        raise _error(f"hold a `task.type` of its cluster, which has {', '.join(jobs)}", job)
    if not str(index).isdecimal() or int(index) >= len(jobs[job]):
        last = len(jobs[job]) - 1
        raise _error(f"hold a `task.index` from 0 to {last}, the last {job} of its cluster", index)
    return int(index) + (len(jobs.get("chief", ())) if job == "worker" else 0)


def _is_address(address: Any) -> bool:
    host, _, port = str(address).rpartition(":")
    is_port = port.isdecimal() and 0 < int(port) <= _LARGEST_PORT
    return isinstance(address, str) and bool(host) and is_port


def _error(rule: str, received: Any) -> ValueError:
    return ValueError(f"TF_CONFIG must {rule}. Received: {received!r}. {_REMEDY}")
