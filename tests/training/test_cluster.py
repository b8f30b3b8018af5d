"""TF_CONFIG: the machines it names, and every way in which it can be wrong."""

import json

import pytest

from ranking.training.cluster import Cluster, read_cluster

TWO = {"worker": ["one:2222", "two:2222"]}


def _text(cluster: object = TWO, task: object = None, **more: object) -> str:
    task = {"type": "worker", "index": 1} if task is None else task
    return json.dumps({"cluster": cluster, "task": task, **more})


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_nothing_means_one_machine(text: str | None) -> None:
    assert read_cluster(text) is None


def test_the_first_worker_is_the_chief() -> None:
    cluster = read_cluster(_text(environment="cloud"))
    assert cluster == Cluster(("one:2222", "two:2222"), 1)
    assert cluster.address == "two:2222"


@pytest.mark.parametrize(
    ("task", "index"),
    [
        ({"type": "chief", "index": 0}, 0),
        ({"type": "worker", "index": 0}, 1),
        ({"type": "worker", "index": "1"}, 2),  # some platforms write it as text
    ],
)
def test_a_chief_comes_before_all_workers(task: object, index: int) -> None:
    cluster = read_cluster(_text(TWO | {"chief": ["zero:1"]}, task))
    assert cluster == Cluster(("zero:1", "one:2222", "two:2222"), index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker", r"must be JSON: .*Received: 'worker'\. Write it like \{\"cluster\": "),
        ("[]", "must be a JSON object. Received: \\[\\]"),
        ("{}", "must hold the addresses of all workers by job in `cluster`. Received: None"),
        (_text({}), "must hold the addresses of all workers by job"),
        (_text(["one:1"]), "must hold the addresses of all workers by job"),
        (_text({"ps": ["one:1"]}), "must hold no job but chief and worker in `clus"),
        (_text({"worker": []}), r"must hold a list of `host:port` in `cluster.worker`"),
        (_text({"worker": "one:1"}), "must hold a list of `host:port`"),
        (_text({"worker": [1]}), "must hold a list of `host:port`"),
        (_text({"worker": ["one"]}), "must hold a list of `host:port`"),
        (_text({"worker": ["one:"]}), "must hold a list of `host:port`"),
        (_text({"worker": [":1"]}), "must hold a list of `host:port`"),
        (_text({"worker": ["one:65536"]}), "must hold a list of `host:port`"),
        (_text({"worker": ["one:1", "one:1"]}), "must name every address once"),
        (_text({"worker": ["one:1"], "chief": ["one:1"]}), "must name every address once"),
        (_text({"chief": ["one:1", "two:1"]}), "must name one chief"),
        (json.dumps({"cluster": TWO}), "must say in `task` which `type` and `index`"),
        (_text(task={"type": "worker"}), "must say in `task` which `type` and `index`"),
        (_text(task={"index": 0}), "must say in `task` which `type` and `index`"),
        (_text(task=["worker", 0]), "must say in `task` which `type` and `index`"),
        (
            _text(task={"type": "evaluator", "index": 0}),
            "must hold a `task.type` of its cluster, which has worker. Received: 'evaluator'",
        ),
        (_text(task={"type": "chief", "index": 0}), "must hold a `task.type` of its cluster"),
        (_text(task={"type": ["worker"], "index": 0}), "must hold a `task.type` of its cluster"),
        (
            _text(task={"type": "worker", "index": 2}),
            "must hold a `task.index` from 0 to 1, the last worker of its cluster. Received: 2",
        ),
        (_text(task={"type": "worker", "index": -1}), "must hold a `task.index` from 0 to 1"),
        (_text(task={"type": "worker", "index": None}), "must hold a `task.index` from 0 to 1"),
        (_text(task={"type": "worker", "index": True}), "must hold a `task.index` from 0 to 1"),
        (_text(task={"type": "worker", "index": 0.0}), "must hold a `task.index` from 0 to 1"),
    ],
)
def test_what_is_wrong_is_one_clear_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^TF_CONFIG {message}"):
        read_cluster(text)
