"""Batches from other processes: TensorFlow's data service."""

import dataclasses
import re
import socket

import tensorflow as tf

_TIMEOUT_S = 10
_ADDRESS = re.compile(r"grpc://[^/\s:]+:[0-9]+")


@dataclasses.dataclass(frozen=True)
class DataService:
    """A dispatcher and its workers, who read and encode in place of the processes that train.

    Each worker of the service takes some of the shards, as they come, so what a session shares a
    batch with, and when it comes, is different each time. All who ask for the same `job` share its
    batches: each batch goes to one of them. A pass over the data takes every session once, but for
    those at the end of each worker's part that fill no batch; then comes the next pass, so that
    nobody waits in vain for the last batch. A reader asks for some batches ahead; when it stops,
    the others do not get those.

    Attributes:
        address: Of the dispatcher, `grpc://host:port`.
        job: What those have in common who share a pass over the data.

    Raises:
        ValueError: If the address is none.
    """

    address: str
    job: str

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(
                "The address of a data service must be `grpc://host:port`. "
                f"Received: {self.address!r}"
            )

    def distribute(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches that this process could make -> the same from the service, without end.

        Raises:
            ValueError: If the service cannot be reached.
        """
        self._check_reachable()
        return batches.repeat().apply(
            tf.data.experimental.service.distribute(
                processing_mode=tf.data.experimental.service.ShardingPolicy.DYNAMIC,
                service=self.address,
                job_name=self.job,
            )
        )

    def _check_reachable(self) -> None:
        # TensorFlow would try again and again, for an hour.
        host, _, port = self.address.removeprefix("grpc://").rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_TIMEOUT_S).close()
        except OSError as error:
            raise ValueError(
                f"The data service at {self.address} must be reachable. Received: "
                f"{error.strerror or error}. Start its dispatcher, then its workers."
            ) from error
