import numpy as np
import pyarrow as pa
import pytest

from pipelines.compared_runs import read_runs
from pipelines.compared_systems import group_systems
from tests.helpers.session_files import document, session_columns, write_sessions

METRICS = ("session_auc", "ndcg")


def _shuffled(columns, order):
    return {
        name: values.take(pa.array(order)) if isinstance(values, pa.Array) else values[order]
        for name, values in columns.items()
    }


def test_rows_are_brought_to_the_order_of_the_first(tmp_path):
    columns = session_columns(61, gain=0.5, chance=2)
    order = np.random.default_rng(3).permutation(61)
    first = write_sessions(tmp_path / "a", session_columns(61), document())
    other = write_sessions(tmp_path / "b", _shuffled(columns, order), document("aw_moe"))
    compared = read_runs([first, other], METRICS, None)
    assert [run.folder.name for run in compared.runs] == ["a", "b"]
    assert set(compared.runs[1].metrics) == {"click.session_auc", "click.ndcg"}
    np.testing.assert_array_equal(
        compared.runs[1].metrics["click.session_auc"], columns["click.session_auc"]
    )
    assert np.isnan(compared.runs[1].metrics["click.session_auc"][:3]).all()
    assert compared.other_segments == [] and not compared.simulated


def test_what_older_files_do_not_say_is_assumed(tmp_path):
    said = {"trained_manifest_sha256": "0" * 64, "max_steps": None}
    documents = [
        document(),
        document(seed=2, manifest_sha256="1" * 64),
        document(seed=3, **said),
        document(seed=4, **(said | {"trained_manifest_sha256": "1" * 64})),
        document(seed=5, **(said | {"max_steps": 20})),
    ]
    paths = [
        write_sessions(tmp_path / str(number), session_columns(61), each)
        for number, each in enumerate(documents)
    ]
    assert len(read_runs(paths[:2], METRICS, None).runs) == 2
    systems = group_systems(read_runs(paths, METRICS, None).runs)
    assert [[run.document["seed"] for run in system.runs] for system in systems] == [
        [1, 2, 3],
        [4],
        [5],
    ]


@pytest.mark.parametrize("ids", ["none", "shared"])
def test_without_ids_of_its_own_the_order_must_be_that_of_the_same_data(tmp_path, ids):
    columns, others = session_columns(61), session_columns(61, chance=2)
    for each in (columns, others):
        if ids == "none":
            del each["session_id"]
        else:
            each["session_id"] = np.full(61, "unknown")
    first = write_sessions(tmp_path / "a", columns, document())
    same = write_sessions(tmp_path / "b", others, document(seed=2))
    strange = write_sessions(tmp_path / "c", others, document(manifest_sha256="1" * 64))
    compared = read_runs([first, same], METRICS, None)
    np.testing.assert_array_equal(compared.runs[1].metrics["click.ndcg"], others["click.ndcg"])
    with pytest.raises(
        ValueError, match=r"c/sessions-test.parquet .* no ids that tell .* manifest"
    ):
        read_runs([first, strange], METRICS, None)


def _with(columns, **changes):
    return {**columns, **changes}


def _other_label():
    columns = session_columns(61)
    labels = columns["click.labels"].to_pylist()
    labels[7] = labels[7][::-1]
    return _with(columns, **{"click.labels": pa.array(labels, pa.list_(pa.float32()))})


def _one_candidate_less():
    columns = session_columns(61)
    labels = columns["click.labels"].to_pylist()
    labels[7] = labels[7][:-1]
    return _with(columns, **{"click.labels": pa.array(labels, pa.list_(pa.float32()))})


@pytest.mark.parametrize(
    ("columns", "changes", "message"),
    [
        (session_columns(53), {}, "Received: 53 and 61 sessions. Evaluate both on the same split"),
        (
            _with(session_columns(61), session_id=np.array([f"other {i}" for i in range(61)])),
            {},
            "Received: 61 other session ids, such as 'other 0'",
        ),
        (session_columns(61), {"split": "train"}, "Received: split train and split test"),
        (_other_label(), {}, "Received: other labels or candidates for some of the sessions"),
        (
            _one_candidate_less(),
            {},
            "Received: other labels or candidates for some of the sessions",
        ),
        (session_columns(61, tasks=("order",)), {}, "has no task `click`. It has: order"),
    ],
)
def test_other_sessions_are_an_error_that_names_the_file(tmp_path, columns, changes, message):
    first = write_sessions(tmp_path / "a", session_columns(61), document())
    other = write_sessions(tmp_path / "b", columns, document("aw_moe", **changes))
    with pytest.raises(ValueError, match=message) as raised:
        read_runs([first, other], METRICS, None)
    assert str(raised.value).startswith(str(other))


def test_files_that_cannot_be_read_are_an_error(tmp_path):
    first = write_sessions(tmp_path / "a", session_columns(61), document())
    with pytest.raises(
        ValueError, match="b/sessions-test.parquet must be there to compare its run"
    ):
        read_runs([first, tmp_path / "b" / "sessions-test.parquet"], METRICS, None)
    bare = write_sessions(tmp_path / "c", session_columns(61), {"model": "din", "seed": 1})
    with pytest.raises(ValueError, match="Missing: model_settings, training_settings, data, split"):
        read_runs([first, bare], METRICS, None)
    with pytest.raises(ValueError, match=r"has no column `click.gauc`. It has: .*click.ndcg"):
        read_runs([first], ["gauc"], None)


@pytest.mark.parametrize("place", [0, 1])
def test_a_run_that_was_cut_off_is_an_error(tmp_path, place):
    paths = [
        write_sessions(tmp_path / name, session_columns(61), document(finished=finished, seed=seed))
        for seed, (name, finished) in enumerate((("whole", True), ("cut", False)))
    ]
    message = "cut/sessions-test.parquet must be of a finished run.* Train the run to its end, then"
    with pytest.raises(ValueError, match=message):
        read_runs([paths[place], paths[1 - place]], METRICS, None)
    assert len(read_runs([paths[0], paths[0]], METRICS, None).runs) == 2


def test_data_with_other_manifests_are_told_apart(tmp_path):
    manifests = ("0" * 64, "0" * 64, "1" * 64, "1" * 64)
    paths = [
        write_sessions(
            tmp_path / str(seed), session_columns(61), document(seed=seed, manifest_sha256=manifest)
        )
        for seed, manifest in enumerate(manifests)
    ]
    unknown = document(seed=7)
    del unknown["manifest_sha256"]
    paths.append(write_sessions(tmp_path / "7", session_columns(61), unknown))
    found = read_runs(paths, METRICS, None).manifests
    assert {manifest: run.folder.name for manifest, run in found.items()} == {
        "0" * 64: "0",
        "1" * 64: "2",
    }


def test_only_the_asked_task_is_compared(tmp_path):
    columns = session_columns(61, tasks=("click", "order"))
    first = write_sessions(tmp_path / "a", columns, document())
    assert read_runs([first], METRICS, None).tasks == ("click", "order")
    compared = read_runs([first], METRICS, "order")
    assert set(compared.runs[0].metrics) == {"order.session_auc", "order.ndcg"}
    with pytest.raises(ValueError, match="has no task `orders`. It has: click, order"):
        read_runs([first], METRICS, "orders")


def test_segments_that_another_run_sees_otherwise_are_told(tmp_path):
    columns = session_columns(61)
    first = write_sessions(tmp_path / "a", columns, document(simulated=True))
    changed = _with(columns, **{"segment.history": columns["segment.history"][::-1]})
    other = write_sessions(tmp_path / "b", changed, document(seed=2))
    compared = read_runs([first, other], METRICS, None)
    assert compared.other_segments == ["history"] and compared.simulated
