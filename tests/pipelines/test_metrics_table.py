import dataclasses
import io
import math
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipelines.metrics_table import print_evaluation, print_metrics
from ranking.training.evaluation import evaluate
from tests.helpers.evaluation_batches import encoded_batch, evaluation_spec


def _metrics(sessions=1234, session_auc=0.75, **more):
    return {
        "sessions": sessions,
        "sessions_with_auc": sessions - 11,
        "session_auc": session_auc,
        "auc_at_10": 0.6,
        "auc_at_10_skip": 0.61,
        "ndcg": 0.5,
        "ndcg_at_10": 0.4,
        "auc": 0.7,
        "log_loss": 0.3,
        "pcoc": math.nan,
        **more,
    }


def _references(popularity=0.6, oracle=0.8):
    return {
        "references": {
            "popularity": _metrics(session_auc=popularity),
            "oracle": _metrics(session_auc=oracle),
        }
    }


def _printed(segments, *, width=120, terminal=True):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, no_color=True, _environ={}
    )
    print_metrics(console, segments, "click on shop")
    return console.file.getvalue()


def _plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_rows_are_grouped_and_in_reading_order():
    names = (
        "all",
        "age=50+",
        "age=unknown",
        "age=18-24",
        "history=>10",
        "history=0",
        "history=4-10",
        "price=>=20",
        "price=5-20",
        "price=<5",
        "scenario=search",
        "category=old",
    )
    lines = _plain(_printed({name: _metrics() for name in names})).splitlines()
    labels = [line.split()[0] for line in lines if line.strip() and "1,234 " in line]
    assert labels[:12] == [
        "all",
        "search",
        "0",
        "4-10",
        ">10",
        "old",
        "18-24",
        "50+",
        "unknown",
        "<5",
        "5-20",
        ">=20",
    ]
    heads = [line.strip() for line in lines]
    order = [heads.index(name) for name in ("scenario", "history", "category", "age", "price")]
    assert order == sorted(order)


def test_reference_columns_come_with_the_references():
    without = _plain(_printed({"all": _metrics()}))
    assert "popularity" not in without.lower() and "share of way" not in without
    both = _plain(_printed({"all": _metrics(**_references())}))
    row = next(line for line in both.splitlines() if line.startswith("all"))
    assert row.split()[-3:] == ["0.6000", "0.8000", "75%"]
    assert "share of way" in both


def test_what_is_undefined_is_a_dash():
    text = _plain(_printed({"all": _metrics(**_references(popularity=0.8, oracle=0.8))}))
    row = next(line for line in text.splitlines() if line.startswith("all"))
    assert row.split()[-4:] == ["–", "0.8000", "0.8000", "–"]


def test_the_footnote_says_the_conventions():
    text = " ".join(_plain(_printed({"all": _metrics()})).split())
    assert "a tie counts one half; 11 of 1,234 sessions have one class only" in text
    assert "AUC@10: all positives against the negatives of the model's ten best" in text
    assert "Inside the ten best alone: 0.6100" in text


@pytest.mark.parametrize("width", [120, 100, 80])
def test_numbers_are_never_cut(width):
    segments = {name: _metrics(**_references()) for name in ("all", "scenario=recommendation")}
    text = _plain(_printed(segments, width=width))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert ("Left out for want of space" in text) == (width == 80)


def test_a_file_gets_every_column():
    text = _printed({"all": _metrics(**_references())}, width=40, terminal=False)
    assert "…" not in text and "Left out" not in text


def test_names_are_not_read_as_markup():
    text = _plain(_printed({"all": _metrics(), "city=[red]x": _metrics()}))
    assert "[red]x" in text


def test_the_title_says_task_model_data_and_that_data_are_simulated():
    console = Console(file=io.StringIO(), width=120)
    score = lambda batch: {"click": batch["labels_click"], "order": batch["labels_order"]}  # noqa: E731
    evaluation = evaluate(score, [encoded_batch(17, 1)], evaluation_spec())
    run = SimpleNamespace(model="aw_moe", spec=evaluation_spec(), simulated=True)
    print_evaluation(console, evaluation, run, "test")
    text = console.file.getvalue()
    assert "click by aw_moe on shop, test split, simulated data" in text
    assert "order by aw_moe on shop, test split, simulated data" in text
    console = Console(file=io.StringIO(), width=120)
    run.simulated = False
    print_evaluation(console, evaluation, run, "test")
    assert "simulated" not in console.file.getvalue()


def test_padding_is_told_where_it_was_counted():
    score = lambda batch: {"click": batch["labels_click"]}  # noqa: E731
    evaluation = evaluate(score, [encoded_batch(17, 1)], evaluation_spec())
    run = SimpleNamespace(model="aw_moe", spec=evaluation_spec(), simulated=True)
    printed = []
    for padding in ({}, {"behaviors_padding": 0.125, "candidates_padding": 0.03}):
        console = Console(file=io.StringIO(), width=120)
        print_evaluation(console, dataclasses.replace(evaluation, padding=padding), run, "test")
        printed.append(console.file.getvalue())
    assert "padding of the batches" not in printed[0]
    assert "padding of the batches: 12.5% of behaviors and 3.0% of candidates" in printed[1]
