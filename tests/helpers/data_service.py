"""A tf.data service within the process of the tests."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def running_data_service(workers: int) -> Iterator[str]:
    """Runs a dispatcher and its workers -> its address."""
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    address = dispatcher.target
    config = service.WorkerConfig(
        dispatcher_address=address.removeprefix("grpc://"), heartbeat_interval_ms=100
    )
    servers = [service.WorkerServer(config) for _ in range(workers)]
    yield address
    del servers, dispatcher
