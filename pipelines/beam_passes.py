"""The passes of preparation on Apache Beam: on one machine, or on many."""

import contextlib
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.beam_steps import (
    COUNTS,
    KEYS,
    CollectFacts,
    CountOnes,
    EncodePieces,
    Facts,
    ReadParts,
    WriteShards,
    read_pickle,
    sum_ones,
    write_pickle,
)
from ranking.features.candidate_keys import Keys
from ranking.features.preparation_passes import (
    LEARN,
    WRITE,
    PreparationJob,
    WrittenSplit,
    check_same_sessions,
)
from ranking.features.session_counts import sum_counts
from ranking.features.shard_writer import finished_shards
from ranking.features.spec import FeatureSpec
from ranking.features.vocabularies import FeatureLearner

_FACTS = "facts.pickle"
_PLACE = re.compile(r" \[while running '.*'\]$", re.DOTALL)


class BeamPasses:
    """Makes each pass over the source a pipeline; what it writes is what `LocalPasses` writes.

    The source's input and the folder of prepared data must be at the same path on every worker.
    The records of a shard must fit into a worker's memory, and so must the global labels of all
    splits.

    Args:
        options: Options of the pipelines, as Beam takes them: `--runner=FlinkRunner`. Without any,
            everything runs in this process.

    Raises:
        ValueError: If Beam refuses an option.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        self._options = ["--runner=FnApiRunner", *options]
        _check(self._options)
        self._facts: Facts | None = None

    def learn(
        self, job: PreparationJob, learner: FeatureLearner, spec: FeatureSpec, folder: Path
    ) -> None:
        """Shows the learner the training split; counts and global labels of all come with it."""
        self._facts = self._collect(job, spec, folder, learner)
        if self._facts.learner is not None:
            learner.merge(self._facts.learner)
            self._facts.learner = None
        job.progress(LEARN, "train", self._facts.split_sessions("train"))

    def write(
        self, job: PreparationJob, folder: Path, spec: FeatureSpec
    ) -> dict[str, WrittenSplit]:
        """Writes all splits in one pass."""
        facts = self._facts or self._collect(job, spec, folder, None)
        write_pickle(facts, folder / _FACTS)
        if job.noise:
            self._corrupt(job, folder, facts)

        def build(pipeline: Any) -> dict[str, Any]:
            pieces = pipeline | ReadParts(job, job.splits)
            step = beam.ParDo(EncodePieces(job, spec, folder, folder / _FACTS))
            encoded = pieces | "encode" >> step.with_outputs(COUNTS, KEYS, main="records")
            shards = encoded.records | "by shard" >> beam.GroupByKey()
            written = shards | "write" >> beam.ParDo(WriteShards(spec, folder))
            counts = encoded[COUNTS] | "add up" >> beam.CombinePerKey(sum_counts)
            return {"counts": counts, "written": written, "keys": encoded[KEYS]}

        results = self._run(build, folder)
        (folder / _FACTS).unlink()
        counts, records = dict(results["counts"]), dict(results["written"])
        splits = {}
        for split in job.splits:
            total = counts.get(split, sum_counts([]))
            check_same_sessions(job, split, facts.split_sessions(split), total.sessions)
            sessions = [records.get((split, shard), 0) for shard in range(job.shards)]
            shards = finished_shards(folder, f"{spec.name}-{split}", sessions)
            keys = _in_order(results["keys"], split)
            splits[split] = WrittenSplit(total.split_manifest(shards), keys)
            job.progress(WRITE, split, total.sessions)
        return splits

    def _collect(
        self, job: PreparationJob, spec: FeatureSpec, folder: Path, learner: FeatureLearner | None
    ) -> Facts:
        def build(pipeline: Any) -> dict[str, Any]:
            pieces = pipeline | ReadParts(job, job.splits)
            step = beam.CombineGlobally(CollectFacts(job, spec, learner))
            return {"facts": pieces | "collect" >> step}

        facts: Facts = self._run(build, folder)["facts"][0]
        return facts

    def _corrupt(self, job: PreparationJob, folder: Path, facts: Facts) -> None:
        """Gives the global labels their noise."""

        def build(pipeline: Any) -> dict[str, Any]:
            pieces = pipeline | ReadParts(job, job.splits)
            ones = pieces | "ones" >> beam.ParDo(CountOnes(folder / _FACTS))
            return {"ones": ones | "add up" >> beam.CombinePerKey(sum_ones)}

        for split, ones in self._run(build, folder)["ones"]:
            facts.labels[split].corrupt(job.noise, job.seeds(split), Counter(ones))
        write_pickle(facts, folder / _FACTS)

    def _run(self, build: Callable[[Any], dict[str, Any]], folder: Path) -> dict[str, list[Any]]:
        """Runs a pipeline -> its results, few elements each, by name."""
        paths = {}
        try:
            with beam.Pipeline(options=PipelineOptions(self._options)) as pipeline:
                for name, result in build(pipeline).items():
                    paths[name] = folder / f"{name}.pickle"
                    together = result | f"list {name}" >> beam.combiners.ToList()
                    _ = together | f"keep {name}" >> beam.Map(write_pickle, paths[name])
        except (ValueError, OSError) as error:
            if len(error.args) != 1:
                raise
            # Beam says which step it was, in its own words, behind what the step said.
            raise type(error)(_PLACE.sub("", str(error))) from error
        results = {name: read_pickle(path) for name, path in paths.items()}
        for path in paths.values():
            path.unlink()
        return results


def _in_order(keys: Sequence[tuple[str, int, Keys]], split: str) -> Keys:
    """The keys of a split's sessions, in their order."""
    found = {first: some for name, first, some in keys if name == split}
    return np.concatenate([np.zeros(0, np.uint64), *(found[first] for first in sorted(found))])


def _check(options: Sequence[str]) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            PipelineOptions(options).get_all_options()
    except SystemExit as error:  # Beam would end the program, with a page about all its options.
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise ValueError(
            f"`options` must be options that Beam takes. Received: {list(options)}: {reason}. "
            "Look at the documentation of the runner."
        ) from error
