"""The parts of `bench_training` that write or read records, and what that costs beside a step."""

from collections.abc import Callable

import tensorflow as tf

from ranking.features.dataset import evaluation_batches, training_batches, training_steps
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.training.evaluation import evaluate
from ranking.training.score_function import score_function
from tools.paired_timing import timed_in_turn
from tools.training_load import Batch
from tools.training_measure import BenchSizes, Measure, counted, measured
from tools.training_sessions import SPLITS, BenchRecords
from tools.training_steps import SessionSteps

_MOST_PASSES = 5  # of what takes long
_TIMES = 8  # that a timed pass reads the sessions
_SPEED = "impressions/s"


def pipeline_measures(sizes: BenchSizes, records: BenchRecords) -> list[Measure]:
    """Times reading, parsing and encoding of sessions, in order and shuffled, and of flat rows.

    The sessions are read several times over by one pipeline, as a longer epoch would be. What an
    epoch takes until its first batch is a measure of its own.
    """
    sessions, rows = records.sessions, records.impressions
    step = SessionSteps(sessions.spec, _first_batch(sessions, sizes))
    ways: dict[str, Callable[[], object]] = {
        "sessions": _reading(_in_order(sessions, "train", sizes.step_sessions).repeat(_TIMES)),
        "shuffled": _reading(_shuffled(sessions, sizes).repeat(_TIMES)),
        "rows": _reading(_in_order(rows, "train", sizes.step_impressions)),
        "start": lambda: next(iter(_shuffled(sessions, sizes))),
        "step": lambda: step.run(sizes.steps),
    }
    timed = timed_in_turn(ways, sizes.repetitions)
    done = {
        "sessions": sessions.manifest.splits["train"].candidates * _TIMES,
        "shuffled": _epoch_steps(sessions, sizes) * sizes.step_impressions * _TIMES,
        "rows": rows.manifest.splits["train"].candidates,
        "step": sizes.steps * sizes.step_impressions,
    }
    speed = {name: count / timed[name].seconds for name, count in done.items()}
    own, flat = _bytes_per_impression(sessions), _bytes_per_impression(rows)
    return [
        measured("sessions, parsed and encoded", _SPEED, speed["sessions"], "at least 1000000"),
        measured("flat rows, parsed and encoded", _SPEED, speed["rows"]),
        measured("sessions : flat rows", "", speed["sessions"] / speed["rows"]),
        measured("sessions, shuffled too", _SPEED, speed["shuffled"]),
        measured("sessions, shuffled too : step", "", speed["shuffled"] / speed["step"]),
        measured("start of an epoch, once", "s", timed["start"].seconds),
        counted("records of sessions", "bytes/impression", own, "below 150"),
        counted("records of flat rows", "bytes/impression", flat),
    ]


def preparation_measures(sizes: BenchSizes, records: BenchRecords) -> list[Measure]:
    """Times preparation of sessions from Parquet by one process."""
    input_ = records.parquet  # Written before anything is timed.
    passes = min(sizes.repetitions, _MOST_PASSES)
    ways = {"prepare": lambda: records.prepare(input_, "again")}
    taken = timed_in_turn(ways, passes, warm_up=0)["prepare"]
    count = len(SPLITS) * sizes.sessions
    goal = "at least 10000"
    return [
        measured("by one process", "sessions/s", count / taken.seconds),
        measured("by a core", "sessions/s", count / taken.cpu_seconds, goal),
    ]


def evaluation_measures(sizes: BenchSizes, records: BenchRecords) -> list[Measure]:
    """Times the evaluation of a split, from records to metrics by segment."""
    data = records.sessions
    score = score_function(SessionSteps(data.spec, _first_batch(data, sizes)).networks)
    batches = _in_order(data, "test", sizes.step_sessions)

    def evaluation() -> None:
        evaluate(score, batches, data.spec, data.vocabulary_folder).document()

    passes = min(sizes.repetitions, _MOST_PASSES)
    taken = timed_in_turn({"evaluate": evaluation}, passes)["evaluate"]
    impressions = data.manifest.splits["test"].candidates
    return [measured("records to metrics", _SPEED, impressions / taken.seconds)]


def run_measures(sizes: BenchSizes, records: BenchRecords) -> list[Measure]:
    """Times an epoch that reads records against as many steps on a batch that stays in memory."""
    data = records.sessions
    batch, steps = _first_batch(data, sizes), _epoch_steps(data, sizes)
    step = SessionSteps(data.spec, batch, parts=sizes.batch_parts)
    loop = step.loop
    ways = {
        "records": lambda: loop.run(loop.iterate(_shuffled(data, sizes)), steps),
        "bare": lambda: step.run(steps),
    }
    timed = timed_in_turn(ways, min(sizes.repetitions, _MOST_PASSES))
    impressions = steps * sizes.step_impressions
    ratio = timed["records"].seconds / timed["bare"].seconds
    return [
        measured("an epoch from records", _SPEED, impressions / timed["records"].seconds),
        measured("bare steps", _SPEED, impressions / timed["bare"].seconds),
        measured("time of an epoch : bare steps", "", ratio, "at most 1.15"),
    ]


def _in_order(data: PreparedData, split: str, records: int) -> tf.data.Dataset:
    encoder = Encoder(data.spec, data.vocabulary_folder)
    return evaluation_batches(data, encoder, split=split, sessions_per_batch=records, replicas=1)


def _shuffled(data: PreparedData, sizes: BenchSizes) -> tf.data.Dataset:
    """An epoch as training reads it by default, in random batches, with all candidates."""
    return training_batches(
        data,
        Encoder(data.spec, data.vocabulary_folder),
        split="train",
        sessions_per_batch=sizes.step_sessions,
        replicas=1,
        seed=sizes.seed,
        epoch=0,
        skip_batches=0,
        label=data.spec.tasks[0],
        negatives_per_positive=None,
        pad_to_max=False,
    )


def _epoch_steps(data: PreparedData, sizes: BenchSizes) -> int:
    return training_steps(
        data,
        split="train",
        sessions_per_batch=sizes.step_sessions,
        label=data.spec.tasks[0],
        negatives_per_positive=None,
    )


def _first_batch(data: PreparedData, sizes: BenchSizes) -> Batch:
    return next(iter(_in_order(data, "train", sizes.step_sessions)))


def _reading(batches: tf.data.Dataset) -> Callable[[], object]:
    """Reads all batches; Python, which takes its time for each, sees none of them."""

    def count(iterator: tf.data.Iterator) -> tf.Tensor:
        read = tf.constant(0)
        for _ in iterator:
            read += 1
        return read

    compiled = tf.function(count)
    return lambda: compiled(iter(batches)).numpy()


def _bytes_per_impression(data: PreparedData) -> float:
    split = data.manifest.splits["train"]
    return float(split.bytes / split.candidates)
