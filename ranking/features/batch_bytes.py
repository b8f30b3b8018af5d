"""Record batches to bytes, to send them to other processes, and back."""

import pyarrow as pa


def batch_bytes(batch: pa.RecordBatch) -> bytes:
    """Maps a batch to bytes that hold its schema and its own rows.

    A pickled slice of a batch would carry the whole of it.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def batch_of_bytes(content: bytes) -> pa.RecordBatch:
    """Maps what `batch_bytes` returned to the batch.

    Example:
        >>> batch = pa.RecordBatch.from_pydict({"a": [1, 2, 3]})
        >>> batch_of_bytes(batch_bytes(batch.slice(1))).to_pydict()
        {'a': [2, 3]}
    """
    with pa.ipc.open_stream(content) as reader:
        return reader.read_next_batch()
