r"""Shows what is in prepared data: sessions as text, statistics of fields, or whether it is sound.

Examples:

  Two sessions of the test split:
    python -m tools.inspect_records --data=data/demo --split=test --sessions=2

  One session as JSON:
    python -m tools.inspect_records --data=data/demo --split=test --session_id=session-7 --json

  Statistics of every field, over a split or over one file:
    python -m tools.inspect_records --data=data/demo --split=train --summary
    python -m tools.inspect_records --data=data/demo/demo-train.tfrecord-00000-of-00004 --summary

  Checksums, every record parsed and checked, counts compared:
    python -m tools.inspect_records --data=data/demo --verify
"""

import dataclasses
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.program import run_program

if TYPE_CHECKING:
    from ranking.features.field_statistics import FieldSummary
    from ranking.features.prepared_data import PreparedData
    from ranking.features.spec import FeatureSpec

FLAGS = flags.FLAGS

_WIDTH = 160


def _define_flags() -> None:
    flags.DEFINE_string(
        "data", None, "Folder of prepared data, or one of its shards.", required=True
    )
    flags.DEFINE_string("split", "test", "Split to read, where --data is a folder.")
    flags.DEFINE_integer("sessions", 2, "Sessions to show, from the first.", lower_bound=1)
    flags.DEFINE_string("session_id", None, "Shows the session with this id instead.")
    flags.DEFINE_bool("json", False, "Whether to print JSON: one session, or field, per line.")
    flags.DEFINE_bool("summary", False, "Whether to print statistics of every field instead.")
    flags.DEFINE_bool("verify", False, "Whether to check the whole folder instead.")


def main() -> None:
    """Shows, summarizes or verifies records."""
    # What a pipe reads is not bound to a screen; 80 columns would break the tables.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    data, paths = _open(Path(FLAGS.data), FLAGS.split)
    if FLAGS.verify:
        _verify(console, data)
    elif FLAGS.summary:
        _summarize(console, data, paths)
    else:
        for number, document in _chosen(data, paths):
            if FLAGS.json:
                print(_json_line(document))
            else:
                _show(console, data.spec, number, document)


def _open(path: Path, split: str) -> tuple["PreparedData", Sequence[Path]]:
    """The prepared data that a folder or a shard belongs to, and the shards to read."""
    from ranking.features.prepared_data import read_prepared

    if not path.is_file():
        data = read_prepared(path)
        return data, data.files(split)
    data = read_prepared(path.parent)
    for name, manifest in data.manifest.splits.items():
        if path.name in [shard.file for shard in manifest.shards]:
            data.files(name)
            return data, [path]
    raise ValueError(
        f"`--data` must be a prepared folder or one of its shards. Received: {path}, which "
        f"the manifest of {path.parent} does not list."
    )


def _chosen(data: "PreparedData", paths: Sequence[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The sessions that the flags ask for, with their numbers."""
    wanted = FLAGS.session_id
    role = data.spec.roles.session_id
    if wanted is not None and role is None:
        raise ValueError(
            f"`--session_id` must be left out: spec `{data.spec.name}` has no role `session_id`."
        )
    found = 0
    for number, document in enumerate(_documents(data, paths)):
        if wanted is None or str(document[str(role)]) == wanted:
            found += 1
            yield number, document
        if found == (FLAGS.sessions if wanted is None else 1):
            return
    if wanted is not None:
        raise ValueError(
            f"`--session_id` must be in the records read. Received: {wanted!r}, which none of "
            f"{len(paths)} files has. Try another --split."
        )


def _documents(data: "PreparedData", paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    from ranking.features.record_reader import read_shard
    from ranking.features.session_documents import session_document

    for path in paths:
        for sections in read_shard(data, path):
            for session in range(len(sections["candidates"].lengths)):
                yield session_document(data.spec, sections, session)


def _show(console: Console, spec: "FeatureSpec", number: int, document: dict[str, Any]) -> None:
    console.rule(f"session {number} of spec {spec.name}", align="left")
    fields = Table.grid(padding=(0, 2))
    for field in spec.session:
        fields.add_row(field.name, _text(document[field.name]))
    console.print(fields)
    for section in ("behaviors", "candidates"):
        elements = document[section]
        order = ", oldest first" if section == "behaviors" else ""
        title = f"{len(elements)} {section}{order}"
        table = Table(title=title, box=box.SIMPLE_HEAD, padding=0, collapse_padding=True)
        table.title_justify = "left"
        for name in elements[0] if elements else ():
            table.add_column(name.replace("_", "\n"), overflow="fold")
        for element in elements:
            table.add_row(*map(_text, element.values()))
        console.print(table)


def _summarize(console: Console, data: "PreparedData", paths: Sequence[Path]) -> None:
    from ranking.features.field_statistics import FieldStatistics
    from ranking.features.global_counts import global_differing
    from ranking.features.record_reader import read_shard

    statistics = FieldStatistics(data.spec, data.vocabulary_folder)
    candidates, differing = 0, Counter[str]()
    for path in paths:
        for sections in read_shard(data, path):
            statistics.add(sections)
            candidates += int(sections["candidates"].offsets[-1])
            differing.update(global_differing(data.spec, sections["candidates"]))
    summaries = statistics.summaries()
    if FLAGS.json:
        for summary in summaries:
            print(_json_line(dataclasses.asdict(summary)))
    else:
        console.print(_summary_table(summaries))
        _show_differing(console, data, differing, candidates)


def _show_differing(
    console: Console, data: "PreparedData", differing: Mapping[str, int], candidates: int
) -> None:
    for task, count in differing.items():
        console.print(
            f"{task}: the global label of {count:,} of {candidates:,} candidates "
            f"({count / candidates:.1%}) is not their own"
        )
    noise = data.manifest.global_label_noise
    if noise:
        console.print(f"of the global labels, {noise:.1%} are coins")


def _summary_table(summaries: Sequence["FieldSummary"]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("field", no_wrap=True)
    for name in ("kind", "values", "distinct", "missing", "unknown", "mean", "min", "max"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for one in summaries:
        table.add_row(
            one.key,
            one.kind,
            f"{one.values:,}",
            f"{one.distinct:,}",
            _share(one.missing),
            _share(one.unknown),
            *("" if number is None else f"{number:.4g}" for number in _numbers(one)),
        )
    return table


def _numbers(summary: "FieldSummary") -> tuple[float | None, ...]:
    return summary.mean, summary.minimum, summary.maximum


def _verify(console: Console, data: "PreparedData") -> None:
    from ranking.features.verification import verify_prepared

    with console.status("reading every record"):
        verify_prepared(data)
    splits = data.manifest.splits.values()
    sessions = sum(split.sessions for split in splits)
    files = sum(len(split.shards) for split in splits)
    console.print(
        f"{data.folder}: {sessions:,} sessions in {files} files are as they were written."
    )


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _text(value: Any) -> str:
    if value is None:
        return "[dim]missing[/dim]"
    if isinstance(value, list):
        return escape(", ".join(str(one) for one in value)) or "[dim]none[/dim]"
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def _json_line(document: Any) -> str:
    return json.dumps(_without_nan(document), ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    """JSON has no NaN; it means missing."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    _define_flags()
    run_program(main)
