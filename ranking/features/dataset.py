"""Prepared data to encoded batches: shuffled and sampled to train, one exact pass to evaluate."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ranking.did_you_mean import did_you_mean
from ranking.features.data_service import DataService
from ranking.features.encoder import Batch, Encoder
from ranking.features.negative_sampling import NegativeSampling
from ranking.features.padding import pad_sessions, pad_to_fixed_shapes
from ranking.features.prepared_data import PreparedData
from ranking.features.reading_memory import pool_batches, shuffled_records
from ranking.features.records import parse_records
from ranking.features.session_order import (
    measure_sessions,
    order_by_size,
    order_pool,
    sessions_with_positive,
)
from ranking.features.session_stream import (
    epoch_seeds,
    interleaved_records,
    records_in_order,
    shuffled,
)

_FILTERED_AT_ONCE = 1024


def training_batches(
    data: PreparedData,
    encoder: Encoder,
    *,
    split: str,
    sessions_per_batch: int,
    replicas: int,
    seed: int,
    epoch: int,
    skip_batches: int,
    label: str,
    negatives_per_positive: float | None,
    pad_to_max: bool,
    by_size: bool = False,
    shuffle_buffer: int = 65_536,
    deterministic: bool = True,
    machine: int = 0,
    machines: int = 1,
    service: DataService | None = None,
) -> tf.data.Dataset:
    """One epoch of a split -> encoded batches in random order, `training_steps` times `replicas`.

    Every batch of `sessions_per_batch` sessions comes as `replicas` equal parts, one after the
    other and padded alike. Shards are shuffled, then sessions by a buffer; with `by_size`, pools of
    batches are then ordered so that batches hold little padding. The batches of a pool are shuffled
    too. Sessions that fill no batch at the end are dropped. Unless asked otherwise, `seed`,
    `epoch`, `sessions_per_batch`, `by_size` and `shuffle_buffer` alone decide about the order.

    Args:
        data: Prepared data.
        encoder: Encoder of the spec that the data was prepared with.
        split: Name of the split.
        sessions_per_batch: Sessions of a batch over all replicas of all machines.
        replicas: Parts that a batch comes in, or a machine's share of it.
        seed: Seed of the run, at least 0.
        epoch: Number of the epoch, at least 0.
        skip_batches: Batches to leave out at the start, to continue a stopped run. The rest is what
            it would have been.
        label: Name of the label that negatives are sampled for.
        negatives_per_positive: Negatives to keep per positive, drawn anew in every epoch (see
            `NegativeSampling`); sessions without a positive are left out. `None` keeps all
            sessions and all candidates.
        pad_to_max: Pads to few different shapes, see `pad_to_fixed_shapes`.
        by_size: Whether pools are sorted by size. A batch then is no fair sample of all sessions:
            those without any history share one.
        shuffle_buffer: Records in the shuffle buffer, fewer where they are large.
        deterministic: Whether the order is always the same. Otherwise what is ready first comes
            first, and `skip_batches` leaves out other sessions than were read before.
        machine: Number of the machine that asks, from 0.
        machines: Machines that share each batch. All read the records and order them the same way;
            each parses and encodes the sessions `machine`, `machine + machines`, ... of a batch,
            so that one's are as long as the other's.
        service: Other processes that read and encode, see `DataService`; this one when left out.
            Batches then never end, their order is never the same, and none can be skipped.

    Raises:
        ValueError: If an argument is out of range or names something that is not there, if a
            shard is missing or changed its size, or if the service cannot be reached.
    """
    _check_sizes(sessions_per_batch, replicas * machines)
    if service is not None and skip_batches:
        raise ValueError(
            "`skip_batches` must be 0 with a `service`, which knows no place to go on from. "
            f"Received: skip_batches={skip_batches}"
        )
    sampling = _sampling(data, label, negatives_per_positive)
    seeds = epoch_seeds(seed, epoch, 4)
    records = _used_records(data, split, sampling, seeds[0], deterministic)
    counts = data.manifest.splits[split]
    in_pool = pool_batches(counts, sessions_per_batch)
    mixed = shuffled(records, shuffled_records(counts, shuffle_buffer), seeds[1])
    pools = mixed.batch(in_pool * sessions_per_batch).enumerate().skip(skip_batches // in_pool)

    def order(number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sizes = measure_sessions(data.spec, serialized, sampling) if by_size else None
        return order_pool(
            number,
            serialized,
            sizes,
            sessions_per_batch=sessions_per_batch,
            pool_batches=in_pool,
            seed=seeds[2],
        )

    encode = functools.partial(
        _encode,
        encoder=encoder,
        sampling=sampling,
        seed=seeds[3],
        places=range(machine, sessions_per_batch, machines),
        pad_to_max=pad_to_max,
    )
    ordered = _mapped(pools, order, parallel=1, deterministic=deterministic)
    batches = ordered.unbatch().skip(skip_batches % in_pool)
    encoded = _mapped(batches, encode, deterministic=deterministic)
    if service is not None:
        encoded = service.distribute(encoded)
    return in_parts(encoded, replicas, deterministic=deterministic and service is None)


def training_steps(
    data: PreparedData,
    *,
    split: str,
    sessions_per_batch: int,
    label: str,
    negatives_per_positive: float | None,
) -> int:
    """How many batches of `sessions_per_batch` sessions one epoch of `training_batches` has.

    Raises:
        ValueError: If the spec has no such label, the data no such split, or if a shard is missing
            or changed its size.
    """
    sampling = _sampling(data, label, negatives_per_positive)
    data.files(split)  # Raises where there is no such split.
    counts = data.manifest.splits[split]
    sessions = counts.sessions if sampling is None else counts.sessions_with_positive[label]
    return sessions // sessions_per_batch


def evaluation_batches(
    data: PreparedData, encoder: Encoder, *, split: str, sessions_per_batch: int, replicas: int
) -> tf.data.Dataset:
    """A split -> encoded batches with every session once, in parts like those of training.

    Sessions come in the order of the shards, but ordered by size within pools of batches. The last
    batch is filled up with empty sessions: zeros, lengths included. `encoder` must be of the spec
    that the data was prepared with.

    Raises:
        ValueError: If an argument is out of range or names something that is not there, or if a
            shard is missing or changed its size.
    """
    _check_sizes(sessions_per_batch, replicas)

    def order(serialized: tf.Tensor) -> tf.Tensor:
        sizes = measure_sessions(data.spec, serialized, None)
        return order_by_size(serialized, *sizes, sessions_per_batch)

    def encode(serialized: tf.Tensor) -> Batch:
        encoded = encoder.encode_records(parse_records(data.spec, serialized))
        return pad_sessions(encoded, sessions_per_batch)

    records = records_in_order(data.files(split))
    in_pool = pool_batches(data.manifest.splits[split], sessions_per_batch)
    pools = records.batch(in_pool * sessions_per_batch)
    batches = _mapped(pools, order, parallel=1).rebatch(sessions_per_batch)
    return in_parts(_mapped(batches, encode), replicas)


def in_parts(
    batches: tf.data.Dataset, replicas: int, *, deterministic: bool = True
) -> tf.data.Dataset:
    """Encoded batches -> the equal parts of each, one per replica, one after the other.

    The parts of a batch are padded alike. What comes next is read ahead.
    """

    def split(batch: Batch) -> Batch:
        return {key: tf.stack(tf.split(value, replicas)) for key, value in batch.items()}

    if replicas > 1:
        batches = _mapped(batches, split, deterministic=deterministic).unbatch()
    options = tf.data.Options()
    options.deterministic = deterministic
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


def _check_sizes(sessions_per_batch: int, replicas: int) -> None:
    if replicas < 1 or sessions_per_batch < 1 or sessions_per_batch % replicas:
        raise ValueError(
            "`sessions_per_batch` must be a positive multiple of `replicas`. Received: "
            f"sessions_per_batch={sessions_per_batch}, replicas={replicas}"
        )


def _sampling(data: PreparedData, label: str, ratio: float | None) -> NegativeSampling | None:
    if label not in data.spec.tasks:
        raise ValueError(
            f"`label` must be one of spec `{data.spec.name}`. Received: label={label!r}. "
            f"{did_you_mean(label, data.spec.tasks)}"
        )
    return None if ratio is None else NegativeSampling(label, ratio)


def _used_records(
    data: PreparedData,
    split: str,
    sampling: NegativeSampling | None,
    seed: int,
    deterministic: bool,
) -> tf.data.Dataset:
    """The records of a split, its shards shuffled, that training has a use for."""
    records = interleaved_records(data.files(split), seed, deterministic=deterministic)
    if sampling is None:
        return records
    used = functools.partial(sessions_with_positive, data.spec, sampling=sampling)
    batches = records.batch(_FILTERED_AT_ONCE)
    return _mapped(batches, used, deterministic=deterministic).unbatch()


def _encode(
    serialized: tf.Tensor,
    number: tf.Tensor,
    *,
    encoder: Encoder,
    sampling: NegativeSampling | None,
    seed: int,
    places: range,
    pad_to_max: bool,
) -> Batch:
    """A batch of records and its number -> what is encoded of its sessions at these places."""
    spec, sessions = encoder.spec, len(places)
    numbers = tf.range(places.start, places.stop, places.step, dtype=tf.int64)
    if places.step > 1:
        serialized = tf.gather(serialized, numbers)
    parsed = parse_records(spec, serialized)
    if sampling is not None:
        chance = tf.stack([seed, number])
        parsed = sampling.sample(spec, parsed, chance, places=numbers)
    encoded = encoder.encode_records(parsed)
    if pad_to_max:
        encoded = pad_to_fixed_shapes(spec, encoded)
    return {
        key: tf.ensure_shape(value, [sessions, *value.shape[1:]]) for key, value in encoded.items()
    }


def _mapped(
    dataset: tf.data.Dataset,
    function: Callable[..., Any],
    *,
    parallel: int = tf.data.AUTOTUNE,
    deterministic: bool = True,
) -> tf.data.Dataset:
    """Maps in the background. Pools are large, so `parallel` lets one of them wait, not many."""
    traced_as_it_is = tf.autograph.experimental.do_not_convert(function)
    return dataset.map(traced_as_it_is, num_parallel_calls=parallel, deterministic=deterministic)
