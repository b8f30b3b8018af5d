"""The table of a warm start: every number and every reason is in it."""

import io

from rich.console import Console

from pipelines.warm_start_table import print_warm_start
from ranking.training.warm_start_report import TakenRows, WarmStartReport

REPORT = WarmStartReport(
    run="runs/old",
    model="aw_moe",
    spec_fingerprint="5e1f",
    step=12345,
    tables={
        "item": TakenRows(20311, 25013, 24007),
        "term": TakenRows(0, 19, 17, "hash_buckets is 17, was 15"),
    },
    taken=("tower/kernel", "tower/bias"),
    skipped={"gate/kernel": "shape is (5, 7), was (3, 7)"},
    new_fields=("candidates_cost",),
    old_fields=("visits", "candidates_price"),
)


def test_numbers_and_reasons_are_told() -> None:
    console = Console(file=io.StringIO(), width=100)
    print_warm_start(console, REPORT)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert lines[0] == "Start from runs/old, aw_moe after step 12,345:"
    for line in (
        "rows of item 20,311 25,013 24,007",
        "rows of term 0 19 17 hash_buckets is 17, was 15",
        "other weights 2 3",
        "gate/kernel shape is (5, 7), was (3, 7)",
        "Inputs new: candidates_cost",
        "Inputs left out: visits, candidates_price",
    ):
        assert line in lines
