"""The part `step` of `bench_training`: the training step against flat rows and the machine."""

import os
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from ranking.features.spec import FeatureSpec
from ranking.models.aw_moe import AwMoeSettings
from tools.flat_keras import check_equal_scores
from tools.necessary_cost import (
    BACKWARD,
    formula_operations,
    necessary_bytes,
    necessary_operations,
    sizes_of,
)
from tools.paired_timing import Timed, timed_in_turn
from tools.training_load import Batch, bench_spec, encoded_batch
from tools.training_measure import BenchSizes, Measure, counted, measured
from tools.training_peers import Peer
from tools.training_steps import FlatSteps, SessionSteps, score_difference

_MATRIX, _PRODUCTS = 2048, 4  # of each core
_CORES = os.cpu_count() or 1
_COPIED = 1 << 26  # numbers, 256 MiB
_GIGA, _MEGA = 1e9, 1e6
_GOALS = {"flat Keras": "at least 4", "torch": "at least 7"}
_ALL, _ALONE = "session layout, all losses", "session layout, ranking loss alone"
_FLAT = "flat Keras"

Way = Callable[[], object]


def step_measures(
    sizes: BenchSizes, peers: Mapping[str, Callable[[keras.Model, Batch], Peer]]
) -> list[Measure]:
    """Times steps of the session layout, of flat rows and of peers, large products and copies.

    Flat rows and peers train with the ranking loss alone, so the session layout does too where it
    is compared with them; beside it stands the step with all losses, the contrastive term included.

    Args:
        sizes: What to measure.
        peers: Makers of the steps of other packages by their name, as `peer_makers` returns them.

    Raises:
        ValueError: If the flat model does not give the scores of the session layout from the same
            weights, or a peer cannot start.
    """
    keras.utils.set_random_seed(sizes.seed)
    spec = bench_spec(sizes.behaviors, sizes.table_rows)
    chance = np.random.default_rng(sizes.seed)
    batch = encoded_batch(spec, sizes.step_sessions, sizes.candidates, chance)
    session = SessionSteps(spec, batch, parts=sizes.batch_parts)
    ranking = AwMoeSettings(contrastive_weight=0)
    alone = SessionSteps(spec, batch, ranking, parts=sizes.batch_parts)
    flat = FlatSteps(spec, batch)
    difference = score_difference(session.networks, flat.model, batch)
    check_equal_scores(difference)
    others = {name: make(flat.model, batch) for name, make in peers.items()}
    runs = {_ALONE: alone.run, _ALL: session.run, _FLAT: flat.run}
    runs |= {name: peer.run for name, peer in others.items()}
    ways = {name: _steps(run, sizes.steps) for name, run in runs.items()}
    timed = timed_in_turn({**ways, "sgemm": _sgemm(), "copy": _copy()}, sizes.repetitions)
    for peer in others.values():
        peer.close()
    network = session.networks.training
    return [
        *_speeds({name: timed[name] for name in runs}, sizes.step_impressions * sizes.steps),
        counted("largest difference of flat scores", "", difference),
        *_operations(timed, spec, sizes),
        *_bytes(timed, sizes.steps, _necessary_bytes(spec, network, batch)),
    ]


def _steps(run: Callable[[int], object], steps: int) -> Way:
    return lambda: run(steps)


def _speeds(timed: Mapping[str, Timed], impressions: int) -> list[Measure]:
    """Impressions per second of every way, and how many times faster the session layout is: first
    where both train with the same loss, then with all of its losses."""
    unit = "impressions/s"
    measures = [measured(name, unit, impressions / way.seconds) for name, way in timed.items()]
    others = [name for name in timed if name not in (_ALONE, _ALL)]
    for own in (_ALONE, _ALL):
        for name in others:
            ratio = timed[name].seconds / timed[own].seconds
            goal = _GOALS.get(name, "") if own == _ALONE else ""
            measures.append(measured(f"{name} : {own}", "", ratio, goal))
        # What other programs do meanwhile is not in it; peers are other programs.
        cpu = timed[_FLAT].cpu_seconds / timed[own].cpu_seconds
        measures.append(measured(f"{_FLAT} : {own}, processor time", "", cpu))
    return measures


def _operations(timed: Mapping[str, Timed], spec: FeatureSpec, sizes: BenchSizes) -> list[Measure]:
    """What the step with all losses reaches of what the machine can compute."""
    counts = sizes_of(spec, AwMoeSettings(), sizes.step_sessions, sizes.candidates)
    necessary = (1 + BACKWARD) * necessary_operations(counts)
    written = (1 + BACKWARD) * formula_operations(counts, is_flat=False)
    sgemm = 2 * _MATRIX**3 * _PRODUCTS * _CORES / timed["sgemm"].seconds
    share = sizes.steps / timed[_ALL].seconds / sgemm
    return [
        measured("sgemm", "GFLOP/s", sgemm / _GIGA),
        counted("necessary operations of a step", "GFLOP", necessary / _GIGA),
        measured("share of sgemm on those", "", necessary * share, "at least 0.4"),
        counted("operations of the formulas as written", "GFLOP", written / _GIGA),
        measured("share of sgemm on those of the formulas", "", written * share),
    ]


def _bytes(timed: Mapping[str, Timed], steps: int, necessary: int) -> list[Measure]:
    """What the step with all losses needs of what the machine can move."""
    bandwidth = 3 * 4 * _COPIED / timed["copy"].seconds
    share = steps / timed[_ALL].seconds / bandwidth
    return [
        measured("memory", "GB/s", bandwidth / _GIGA),
        counted("necessary bytes of a step", "MB", necessary / _MEGA),
        measured("share of memory on those", "", necessary * share),
    ]


def _necessary_bytes(spec: FeatureSpec, network: keras.Model, batch: Batch) -> int:
    """Bytes that the step of `network` on `batch` cannot do without."""
    ids: dict[str, list[np.ndarray]] = {}
    for field in (*spec.session, *spec.behaviors, *spec.candidates):
        if field.table is not None:
            ids.setdefault(field.table, []).append(batch[field.key].numpy().ravel())
    rows = {table: len(np.unique(np.concatenate(read))) for table, read in ids.items()}
    numbers = sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)
    tables = sum(spec.tables[table].rows * spec.tables[table].width for table in ids)
    return necessary_bytes(
        weights=numbers - tables,
        row_numbers=sum(count * spec.tables[table].width for table, count in rows.items()),
        batch_numbers=sum(int(tf.size(batch[key])) for key in batch),
    )


def _sgemm() -> Way:
    """Products of large matrices, as fast as TensorFlow makes them here.

    Every core has products of its own, so that none waits where an operation has one thread.
    """
    matrix = tf.random.normal((_MATRIX, _MATRIX), stddev=_MATRIX**-0.5)

    def products() -> list[tf.Tensor]:
        outputs = [matrix] * _CORES
        for _ in tf.range(_PRODUCTS):
            outputs = [tf.matmul(each, matrix) for each in outputs]
        return outputs

    compiled = tf.function(products)
    return lambda: [each.numpy() for each in compiled()]


def _copy() -> Way:
    """Reads two and writes one of what no cache holds."""
    numbers, added = tf.Variable(tf.zeros(_COPIED)), tf.ones(_COPIED)
    return lambda: numbers.assign_add(added, read_value=False)
