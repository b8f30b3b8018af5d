import json
import math

import numpy as np
import pytest

from ranking.training.metrics_file import read_metrics, write_metrics


def test_what_is_written_is_read(tmp_path):
    metrics = {"test": {"all": {"auc": 0.5, "pcoc": math.nan, "sessions": 3}}, "history": [1.5]}
    write_metrics(tmp_path / "metrics.json", metrics)
    np.testing.assert_equal(read_metrics(tmp_path / "metrics.json"), metrics)


def test_the_file_is_plain_json_with_sorted_keys(tmp_path):
    path = tmp_path / "metrics.json"
    values = {"z": np.float32(0.5), "b": np.int64(3), "a": np.nan, "c": (math.inf, True), "ä": "ö"}
    write_metrics(path, values)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {"z": 0.5, "b": 3, "a": None, "c": [None, True], "ä": "ö"}
    assert list(json.loads(text)) == ["a", "b", "c", "z", "ä"]
    assert text.endswith("}\n")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "runs" / "metrics.json"
    write_metrics(path, {"a": 1})
    with pytest.raises(TypeError):
        write_metrics(path, {"a": object()})
    assert read_metrics(path) == {"a": 1}
    assert [found.name for found in path.parent.iterdir()] == ["metrics.json"]


@pytest.mark.parametrize(
    ("text", "message"), [("{", "must hold JSON. Line 1"), ("[]", "must hold a JSON object")]
)
def test_a_damaged_file_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "metrics.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_metrics(path)


def test_a_file_that_the_disk_does_not_take_does_not_appear(tmp_path, monkeypatch):
    def fsync(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ranking.features.flush.os.fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        write_metrics(tmp_path / "metrics.json", {"a": 1})
    assert not (tmp_path / "metrics.json").exists()
