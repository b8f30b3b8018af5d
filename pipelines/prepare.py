r"""Prepares sessions: reads a source, writes records, vocabularies and a manifest into one folder.

Examples:

  The demo, simulated sessions of an online shop:
    python -m pipelines.prepare --source=simulator --spec=feature_specs/demo.yaml --data=data/demo

  The same, smaller:
    python -m pipelines.prepare --source=simulator --spec=feature_specs/demo.yaml \
        --data=data/small --option=train_sessions=2000 --option=test_sessions=500

  Your own Parquet files, one impression per row, encoded by four processes:
    python -m pipelines.prepare --source=parquet --spec=my_spec.yaml --input=logs/ \
        --data=data/mine --option=layout=impressions --workers=4

  The same on a cluster, by Apache Beam; docs/preparation.md says what else it takes:
    python -m pipelines.prepare --source=parquet --spec=my_spec.yaml --input=/shared/logs \
        --data=/shared/mine --runner=beam --beam_option=runner=FlinkRunner \
        --beam_option=flink_master=flink:8081

  A stress test, where a third of the global labels are coins:
    python -m pipelines.prepare --source=simulator --spec=feature_specs/demo.yaml \
        --data=data/corrupted --global_label_noise=0.33

  New sessions for a model that exists, with the vocabularies it was trained with:
    python -m pipelines.prepare --source=parquet --spec=data/mine/feature_spec.json \
        --input=new_logs/ --data=data/new
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.preparation_progress import PreparationProgress
from pipelines.program import run_program
from ranking.sources.catalog import SOURCES, open_source

if TYPE_CHECKING:
    from ranking.features.manifest import SplitManifest
    from ranking.features.preparation_passes import PreparationPasses
    from ranking.features.prepared_data import PreparedData

FLAGS = flags.FLAGS


def _define_flags() -> None:
    summaries = "".join(f"\n- {name}: {entry.summary}" for name, entry in SOURCES.items())
    inputs = "".join(f"\n- {name}: {entry.input}" for name, entry in SOURCES.items() if entry.input)
    flags.DEFINE_string("source", None, f"Where sessions come from:{summaries}", required=True)
    flags.DEFINE_string("spec", None, "Feature spec, a YAML or JSON file.", required=True)
    flags.DEFINE_string("input", "", f"File or folder that the source reads:{inputs}")
    flags.DEFINE_string("data", None, "Folder of prepared data to make.", required=True)
    flags.DEFINE_multi_string(
        "option",
        [],
        f"An option of the source, such as train_sessions=500. Repeatable.{_options_help()}",
    )
    flags.DEFINE_integer("seed", 0, "Seeds the source and the order of sessions.", lower_bound=0)
    flags.DEFINE_integer("shards", 4, "Files per split.", lower_bound=1)
    flags.DEFINE_integer(
        "workers", 1, "Processes that encode. The result does not depend on it.", lower_bound=1
    )
    flags.DEFINE_enum(
        "runner",
        "local",
        ["local", "beam"],
        "Who passes over the sessions: this machine, or Apache Beam. The result is the same.",
    )
    flags.DEFINE_multi_string(
        "beam_option",
        [],
        "An option of Beam, such as runner=FlinkRunner; in this process without any. Repeatable.",
    )
    flags.DEFINE_float(
        "global_label_noise",
        0.0,
        "Share of global labels that are replaced by coins, to test what a model makes of wrong "
        "ones. A coin shows 1 as often as the labels do.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    flags.DEFINE_bool("overwrite", False, "Whether to replace prepared data that is there already.")


def _options_help() -> str:
    return "".join(
        f"\n\n{name}:" + "".join(f"\n- {option}: {text}" for option, text in entry.options.items())
        for name, entry in SOURCES.items()
    )


def main() -> None:
    """Prepares the data and prints a table of its splits."""
    # Imported here: TensorFlow takes seconds, `--help` and the encoding processes do not need it.
    from ranking.features.preparation import prepare
    from ranking.features.prepared_data import MANIFEST_FILE
    from ranking.features.spec_reader import read_spec
    from ranking.features.whole_folder import check_free

    spec = read_spec(FLAGS.spec)
    options = read_options(FLAGS.option)
    passes = _passes()
    check_free(Path(FLAGS.data), overwrite=FLAGS.overwrite, mark=MANIFEST_FILE)
    with PreparationProgress(Console(stderr=True)) as progress:
        progress.open(FLAGS.source)
        source = open_source(FLAGS.source, spec, FLAGS.input, options, FLAGS.seed)
        data = prepare(
            spec,
            source,
            FLAGS.data,
            source_name=FLAGS.source,
            spec_folder=Path(FLAGS.spec).parent,
            shards=FLAGS.shards,
            passes=passes,
            seed=FLAGS.seed,
            overwrite=FLAGS.overwrite,
            progress=progress.advance,
            global_label_noise=FLAGS.global_label_noise,
        )
    _print_summary(Console(), data)


def _passes() -> "PreparationPasses":
    from ranking.features.local_passes import LocalPasses

    if FLAGS.runner == "local":
        if FLAGS.beam_option:
            raise ValueError(
                "`--beam_option` needs --runner=beam. Received: "
                f"--beam_option={FLAGS.beam_option[0]} with --runner=local"
            )
        return LocalPasses(FLAGS.workers)
    if FLAGS["workers"].present:
        raise ValueError(
            "`--workers` counts processes of --runner=local; say direct_num_workers or the like by "
            f"--beam_option instead. Received: --workers={FLAGS.workers} with --runner=beam"
        )
    try:
        # Beam says which packages of some cloud it did not find.
        logging.disable(logging.WARNING)
        from pipelines.beam_passes import BeamPasses
    except ImportError as error:
        raise ValueError(
            f"`--runner=beam` needs Apache Beam, which cannot be imported ({error}). Install it: "
            "pip install --editable '.[beam]'"
        ) from error
    finally:
        logging.disable(logging.NOTSET)
    return BeamPasses([f"--{option}" for option in FLAGS.beam_option])


def read_options(written: Sequence[str]) -> dict[str, str]:
    """Maps options as typed, `name=value`, to values by name.

    Raises:
        ValueError: If one has no name or no `=`, or a name appears twice.
    """
    options: dict[str, str] = {}
    for option in written:
        name, equals, value = option.partition("=")
        if not name or not equals:
            raise ValueError(f"`--option` must be name=value. Received: --option={option}")
        if name in options:
            raise ValueError(f"`--option` must name an option once. Received: `{name}` twice")
        options[name] = value
    return options


def _print_summary(console: Console, data: "PreparedData") -> None:
    manifest = data.manifest
    kind = "simulated sessions" if manifest.simulated else "sessions"
    table = Table(title=f"{kind} of spec {data.spec.name}", box=box.SIMPLE_HEAD)
    table.add_column()
    for name in manifest.splits:
        table.add_column(name, justify="right")
    facts = [_facts(split, data.spec.tasks) for split in manifest.splits.values()]
    for name in facts[0]:
        table.add_row(name, *(fact[name] for fact in facts))
    console.print(table)
    if manifest.global_label_noise:
        console.print(f"Of the global labels, {manifest.global_label_noise:.1%} are coins.")
    if manifest.simulated:
        console.print("The sessions are simulated: results show that the code works, no more.")
    console.print(f"data: {data.folder}", highlight=False, soft_wrap=True)


def _facts(split: "SplitManifest", tasks: Sequence[str]) -> dict[str, str]:
    positives = {
        f"{task} = 1": f"{split.positives[task]:,} ({split.positives[task] / split.candidates:.1%})"
        for task in tasks
    }
    differing = {
        f"{task} differs globally": f"{count:,} ({count / split.candidates:.1%})"
        for task, count in split.global_differing.items()
    }
    return {
        "sessions": f"{split.sessions:,}",
        "candidates": f"{split.candidates:,}",
        **positives,
        **differing,
        "behaviors per session": f"{split.behaviors / split.sessions:.1f}",
        "bytes per candidate": f"{split.bytes / split.candidates:.0f}",
        "files": str(len(split.shards)),
    }


if __name__ == "__main__":
    _define_flags()
    run_program(main)
