"""TensorFlow's errors about records as one line that names the file or the field."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from ranking.features.prepared_data import SPEC_FILE, PreparedData, PreparedDataError

_AROUND = re.compile(r"Graph execution error:|Detected at node |<stack traces|  File |\t \[\[|\s*$")
# What stands around the message proper, from the outside in.
_WRAPPINGS = (
    r"^\{\{.*?\}\} ?",
    r" ?\[Op:.*$",
    r"^Error in user-defined function passed to .*? with iterator: \S+: ",
    r"^Name: <unknown>, ",
)
_QUOTATIONS = (r"^.* Summarized data: b'(.*)'$", r"^assertion failed: \[(.*)\]$")


def plain_message(error: tf.errors.OpError) -> str:
    """What an error says, in one line without the names of operations and devices.

    >>> text = "assertion failed: [`price` must be there.]\\n\\t [[{{node Assert}}]] [Op:Next]"
    >>> plain_message(tf.errors.InvalidArgumentError(None, None, text))
    '`price` must be there'
    """
    lines = str(error.message).splitlines()
    message = next((line for line in lines if not _AROUND.match(line)), type(error).__name__)
    for wrapping in _WRAPPINGS:
        message = re.sub(wrapping, "", message)
    for quotation in _QUOTATIONS:
        message = re.sub(quotation, r"\1", message)
    return message.strip().rstrip(".")


@contextlib.contextmanager
def explained(data: PreparedData) -> Iterator[None]:
    """Makes TensorFlow's errors about the records of `data`, within the block, errors of `data`.

    Raises:
        PreparedDataError: If a file cannot be read, or a record does not fit the spec.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not _is_about_input(error):
            raise
        data.verify_checksums()  # Names the file, where it is not the one that was written.
        raise PreparedDataError(
            f"{data.folder} holds a record that does not fit its {SPEC_FILE}: "
            f"{plain_message(error)}. Prepare the data again, with a source that fills every field."
        ) from error


def _is_about_input(error: tf.errors.OpError) -> bool:
    """Whether the error arose where batches are made, not in the model that takes them.

    Memory, disk or open files that run out meanwhile are no fault of a record.
    """
    ran_out = isinstance(error, tf.errors.ResourceExhaustedError)
    return "Iterator" in str(error.message) and not ran_out
