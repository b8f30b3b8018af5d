"""What an export writes, and that it is all or nothing."""

import concurrent.futures
import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from ranking.export import saved_model
from ranking.export.loaded_model import LoadedModel
from ranking.export.parity import ParityError
from ranking.export.saved_model import export_networks
from ranking.features.spec import FeatureSpec
from ranking.features.spec_reader import read_spec
from tests.helpers.encoding_oracle import raw_request
from tests.helpers.exported_model import (
    ExportedModel,
    export_small_model,
    prepared_small_data,
    random_networks,
    trained_model,
)
from tests.helpers.small_spec import small_sessions

pytestmark = pytest.mark.slow

SIGNATURES = (
    "serving_default",
    "gate",
    "score",
    "session_state",
    "score_with_state",
    "examples",
)
# A tool that starts TensorFlow for every call; records cannot be written into its input files.
ASKED_BY_TOOL = ("serving_default", "score", "score_with_state")
WITHOUT_GATE = tuple(name for name in SIGNATURES if name not in ("gate", "score"))


@pytest.fixture(scope="module")
def target_form(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExportedModel]:
    """An `aw_moe` whose gate reads the target item, in half precision."""
    folder = tmp_path_factory.mktemp("target")
    data = prepared_small_data(folder / "data", train=61, test=11)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield export_small_model(
            folder / "export", data, "aw_moe", gate_context="target", contrastive_weight=0.0
        )
    finally:
        keras.config.set_dtype_policy("float32")


def _request(spec: FeatureSpec) -> dict[str, np.ndarray]:
    """Three sessions in arrays that an .npz file holds without pickling: text as bytes."""
    raw = raw_request(spec, small_sessions(spec, 3, seed=19).to_pylist(), extra=1)
    return {
        key: np.char.encode(value.astype(str)) if value.dtype == object else value
        for key, value in raw.items()
    }


def _run_cli(folder: Path, signature: str, npz: Path, names: list[str], out: Path) -> str:
    inputs = ";".join(f"{name}={npz}[{name}]" for name in names)
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "run"]
    command += [f"--dir={folder}", "--tag_set=serve", f"--signature_def={signature}"]
    command += [f"--inputs={inputs}", f"--outdir={out}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stderr if finished.returncode else ""


def test_the_command_line_tool_runs_what_a_server_runs(
    exported: ExportedModel, served: LoadedModel, tmp_path: Path
) -> None:
    request = _request(exported.data.spec)
    request |= served("session_state", request)
    np.savez(tmp_path / "request.npz", **request)
    folder, npz = exported.export.folder, tmp_path / "request.npz"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = {
            name: pool.submit(
                _run_cli, folder, name, npz, list(served.signatures[name].inputs), tmp_path / name
            )
            for name in ASKED_BY_TOOL
        }
    assert {name: run.result() for name, run in runs.items()} == dict.fromkeys(ASKED_BY_TOOL, "")
    for name in ASKED_BY_TOOL:
        for output, values in served(name, request).items():
            np.testing.assert_array_equal(np.load(tmp_path / name / f"{output}.npy"), values)


def test_variables_take_no_more_disk_than_the_weights(exported: ExportedModel) -> None:
    files = (exported.export.folder / "variables").glob("variables.data-*")
    size = sum(file.stat().st_size for file in files)
    networks = exported.networks
    weights = {id(v): v for network in (networks.gate, networks.score) for v in network.variables}
    bytes_of_weights = sum(v.value.numpy().nbytes for v in weights.values())
    assert bytes_of_weights <= size < 1.05 * bytes_of_weights


def test_vocabularies_are_assets(exported: ExportedModel) -> None:
    assets = exported.export.folder / "assets"
    tables = exported.data.spec.tables.values()
    expected = {f"{table.name}.txt": table.sha256 for table in tables if table.vocabulary}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in assets.iterdir()}
    assert found == expected


def test_the_spec_lies_beside_it(exported: ExportedModel) -> None:
    spec = read_spec(exported.export.folder / "assets.extra" / "feature_spec.json")
    assert spec == exported.data.spec


def test_an_export_with_a_gate_has_all_signatures(exported: ExportedModel) -> None:
    assert exported.export.signatures == SIGNATURES
    assert exported.export.gate_refusal is None
    assert exported.export.folder.name == "1"


def test_a_target_form_model_says_why_it_has_no_gate(target_form: ExportedModel) -> None:
    export = target_form.export
    assert export.signatures == WITHOUT_GATE
    assert export.gate_refusal == target_form.networks.gate_refusal
    assert "reads the target item" in str(export.gate_refusal)
    assert export.parity.equal_ways == ("session_state then score_with_state",)
    path = export.folder / "assets.extra" / "signatures.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    assert tuple(document["signatures"]) == WITHOUT_GATE
    assert document["gate_refusal"] == export.gate_refusal


def test_half_precision_gives_float32_scores(target_form: ExportedModel) -> None:
    model = LoadedModel(target_form.export.folder)
    scores = model("serving_default", _request(target_form.data.spec))["click"]
    model.close()
    assert scores.dtype == np.float32
    real = scores[scores > 0]
    assert (real != real.astype(np.float16)).any()  # Not rounded on the way either.


def test_a_failed_check_leaves_nothing(
    exported: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = random_networks(exported.data, "dnn")
    seen = []

    def write_something_else(folder: Path, *_: object) -> None:
        shutil.copytree(exported.export.folder, folder, dirs_exist_ok=True)
        seen.extend(path.name for path in tmp_path.iterdir())

    monkeypatch.setattr(saved_model, "_write", write_something_else)
    with pytest.raises(ParityError, match="to within 2e-06. Request 0.* Nothing was published."):
        export_networks(other, exported.encoder, exported.data, tmp_path, trained_model("dnn"))
    assert [name.startswith(".partial-") for name in seen] == [True]
    assert list(tmp_path.iterdir()) == []


def test_data_of_another_spec_are_refused(exported: ExportedModel, tmp_path: Path) -> None:
    spec = dataclasses.replace(exported.data.spec, behaviors_max_length=7, name="other")
    other = dataclasses.replace(exported.data, spec=spec)
    with pytest.raises(
        ValueError, match="must hold data of the spec .*`small` with .*Received: `other` with"
    ):
        export_networks(
            exported.networks,
            exported.encoder,
            other,
            tmp_path / "export",
            trained_model("aw_moe"),
        )
    assert not (tmp_path / "export").exists()
