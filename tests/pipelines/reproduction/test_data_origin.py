import dataclasses
from pathlib import Path

from pipelines.reproduction.data_origin import DataOrigin, data_origin
from ranking.features.prepared_data import MANIFEST_FILE
from tests.helpers.small_runs import SPEC, small_data


def test_it_is_what_the_manifest_says_without_folders_of_this_machine(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=7, test=3)
    described = {"source": "made_up", "input": "/a/folder/Beauty.txt", "shares": [0.1, None]}
    manifest = dataclasses.replace(data.manifest, source=described)
    (data.folder / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    expected = described | {"input": "Beauty.txt"}
    assert data_origin(data.folder) == DataOrigin(7, SPEC.behaviors_max_length, expected)


def test_a_report_can_do_without_the_data(tmp_path: Path) -> None:
    assert data_origin(tmp_path / "data") is None
