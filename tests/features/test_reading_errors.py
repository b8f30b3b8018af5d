from types import SimpleNamespace

import pytest
import tensorflow as tf

from ranking.features.prepared_data import PreparedDataError
from ranking.features.reading_errors import explained, plain_message

GRAPH = (
    "Graph execution error:\n\nDetected at node {node} defined at (most recent call last):\n"
    '  File "/somewhere/train.py", line 29, in <module>\n\n<stack traces unavailable>\n{text}\n'
    "\t [[{{{{node {node}}}}}]]\n\t [[IteratorGetNext]] [Op:__inference_step_18040]"
)
MAP = (
    "Error in user-defined function passed to ParallelMapDatasetV2:85 transformation with "
    "iterator: Iterator::Root::Prefetch::ParallelMapV2: "
)


def _error(text: str, kind: type = tf.errors.InvalidArgumentError) -> tf.errors.OpError:
    return kind(None, None, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GRAPH.format(
                node="ParseExample/ParseExampleV2",
                text=f"{MAP}Name: <unknown>, Feature: visits (data type: int64) is required but "
                "could not be found.",
            ),
            "Feature: visits (data type: int64) is required but could not be found",
        ),
        (
            GRAPH.format(
                node="Assert_9/Assert",
                text=f"{MAP}assertion failed: [`x` must be as long as `y`. Received: 0 in row 1.]",
            ),
            "`x` must be as long as `y`. Received: 0 in row 1",
        ),
        (
            "{{function_node __wrapped__IteratorGetNext_device_/job:localhost}} /data/shard-3; No "
            "such file or directory [Op:IteratorGetNext] name: ",
            "/data/shard-3; No such file or directory",
        ),
        ("", "InvalidArgumentError"),
    ],
)
def test_what_happened_is_left(text: str, message: str) -> None:
    assert plain_message(_error(text)) == message


def _data(verify_checksums=lambda: None) -> SimpleNamespace:
    return SimpleNamespace(folder="data/mine", verify_checksums=verify_checksums)


def test_a_record_that_does_not_fit_names_the_folder_and_the_fault() -> None:
    text = GRAPH.format(node="ParseExampleV2", text=f"{MAP}Feature: visits is required.")
    with pytest.raises(PreparedDataError, match="^data/mine holds a record .*: Feature: visits is"):
        with explained(_data()):
            raise _error(text)


def test_a_damaged_file_is_named_instead() -> None:
    def verify_checksums() -> None:
        raise PreparedDataError("shard 3 is damaged")

    text = GRAPH.format(node="IteratorGetNext", text="corrupted record at 37301")
    with pytest.raises(PreparedDataError, match="^shard 3 is damaged$"):
        with explained(_data(verify_checksums)):
            raise _error(text, tf.errors.DataLossError)


def test_errors_of_the_model_stay_what_they_are() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="incompatible shapes"):
        with explained(_data()):
            raise _error("incompatible shapes [Op:MatMul]")


@pytest.mark.parametrize("text", ["OOM when allocating tensor", "/data/x; Too many open files"])
def test_what_runs_out_while_batches_are_made_is_no_fault_of_a_record(text: str) -> None:
    with pytest.raises(tf.errors.ResourceExhaustedError, match=text):
        with explained(_data()):
            raise _error(
                GRAPH.format(node="IteratorGetNext", text=text), tf.errors.ResourceExhaustedError
            )
