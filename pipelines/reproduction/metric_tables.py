"""Tables II to VI: metrics of systems beside the paper's, and what one gains over another."""

import dataclasses
from collections.abc import Mapping, Sequence

from pipelines.reproduction.evaluated_run import ONE_NEGATIVE
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.number_words import gain, interval, number, p_value
from pipelines.reproduction.page import Cell, Table
from pipelines.reproduction.paper_numbers import (
    AMAZON,
    COMPARED_WITH,
    FULL,
    P_VALUES,
    VALUES,
    paper_gain,
)
from pipelines.reproduction.systems import COMPARISON, SYSTEMS, YARDSTICKS, systems_of
from ranking.metrics.comparison import Comparison
from ranking.metrics.seed_spread import SeedSpread

METRIC_TITLES: Mapping[str, str] = {
    "session_auc": "AUC",
    "auc_at_10": "AUC@10",
    "auc_at_10_skip": "AUC@10, inside",
    "ndcg": "NDCG",
    "ndcg_at_10": "NDCG@10",
}
AUC = "session_auc"
NEGATIVE_TITLES: Mapping[str, str] = {ONE_NEGATIVE: "AUC, one negative", AUC: "AUC, all negatives"}

Numbers = Mapping[str, float]


def metrics_table(
    measurements: Measurements, test_set: str, references: Mapping[str, Numbers]
) -> Table:
    """The systems of Tables II to IV and the yardsticks on one test set, `mean ± sd`."""
    names = [system.name for system in systems_of([COMPARISON, YARDSTICKS])]
    rows = _metric_rows(measurements, names, test_set, METRIC_TITLES, test_set)
    rows += [
        [title, *(number(values.get(metric)) for metric in METRIC_TITLES)]
        for title, values in references.items()
    ]
    return Table(["Model", *METRIC_TITLES.values()], rows)


def gains_table(measurements: Measurements, test_set: str) -> Table:
    """What the paper's models gain over those that it compares them with, on one test set."""
    rows: list[Sequence[Cell | str]] = []
    for other, base in COMPARED_WITH.items():
        found = [measurements.compare(base, other, each, test_set) for each in METRIC_TITLES]
        if any(found):
            cells = [
                _gain_cell(comparison, (test_set, base, other, metric))
                for metric, comparison in zip(METRIC_TITLES, found, strict=True)
            ]
            rows.append([_against(base, other), *cells])
    return Table(["Gain", *METRIC_TITLES.values()], rows)


def amazon_table(measurements: Measurements, references: Mapping[str, Numbers]) -> Table:
    """Table V: AUC against one negative as in the paper, and against all of the record."""
    names = [system.name for system in systems_of([COMPARISON, YARDSTICKS])]
    rows = _metric_rows(measurements, names, FULL, NEGATIVE_TITLES, AMAZON)
    for row in rows:
        name = next(name for name in names if SYSTEMS[name].title == row[0])
        base = COMPARED_WITH.get(name, "")
        for metric in NEGATIVE_TITLES:
            comparison = measurements.compare(base, name, metric, FULL) if base else None
            published = _published_as(metric, AMAZON)
            cell = _gain_cell(comparison, (AMAZON, base, name, published))
            if comparison is not None:  # Not over the row above, as one might think.
                cell = dataclasses.replace(cell, notes=(f"over {SYSTEMS[base].title}", *cell.notes))
            row.append(cell)
    rows += [[title, "–", number(values.get(AUC)), "", ""] for title, values in references.items()]
    titles = NEGATIVE_TITLES.values()
    return Table(["Model", *titles, *(title.replace("AUC", "gain") for title in titles)], rows)


def ablation_table(measurements: Measurements) -> Table:
    """Table VI: the gate with and without its two units."""
    names = [f"aw_moe_{part}" for part in ("base", "gu", "au")] + ["aw_moe"]
    rows = _metric_rows(measurements, names, FULL, METRIC_TITLES, FULL)
    titles = {SYSTEMS[name].title: name for name in names}
    for row in rows:
        name = titles[str(row[0])]
        comparison = None
        if name != "aw_moe_base":
            comparison = measurements.compare("aw_moe_base", name, AUC, FULL)
        row.append(_gain_cell(comparison, (FULL, "aw_moe_base", name, AUC)))
        if name == "aw_moe":
            row[0] = "Base+GU+AU (AW-MoE)"
    return Table(["Gate", *METRIC_TITLES.values(), "gain of AUC over Base"], rows)


def _metric_rows(
    measurements: Measurements,
    names: Sequence[str],
    test_set: str,
    metrics: Mapping[str, str],
    papers: str,
) -> list[list[Cell | str]]:
    """One row for each system that was run; the best of each column stands out."""
    spreads = {
        name: [measurements.spread(name, metric, test_set) for metric in metrics] for name in names
    }
    spreads = {name: row for name, row in spreads.items() if any(row)}
    best = [
        max((spread.mean for row in spreads.values() if (spread := row[i])), default=0.0)
        for i in range(len(metrics))
    ]
    rows: list[list[Cell | str]] = []
    for name, row in spreads.items():
        published = [VALUES[papers].get(name, {}).get(_published_as(m, papers)) for m in metrics]
        cells = [_spread_cell(*each) for each in zip(row, published, best, strict=True)]
        rows.append([SYSTEMS[name].title, *cells])
    return rows


def _published_as(metric: str, papers: str) -> str:
    """What the paper calls a metric: its Amazon sessions have one negative, and so one AUC."""
    if papers != AMAZON:
        return metric
    return AUC if metric == ONE_NEGATIVE else ""


def _spread_cell(spread: SeedSpread | None, published: float | None, best: float) -> Cell:
    if spread is None:
        return Cell(number(None))
    text = number(spread.mean) + (f" ± {number(spread.sd)}" if spread.seeds > 1 else "")
    notes = () if published is None else (f"paper {number(published)}",)
    return Cell(text, notes, strong=spread.mean == best)


def _gain_cell(comparison: Comparison | None, of: tuple[str, str, str, str]) -> Cell:
    """A gain with its interval, p-values, and the paper's."""
    if comparison is None:
        return Cell("")
    papers, base, other, metric = of
    notes = [
        interval(comparison.low, comparison.high),
        f"p {p_value(comparison.p_value)}, unpaired {p_value(comparison.p_value_unpaired)}",
    ]
    published = paper_gain(papers, base, other, metric)
    if published is not None:
        known = P_VALUES[papers].get(other, {}) if COMPARED_WITH.get(other) == base else {}
        p_words = f", p {p_value(known[metric])}" if metric in known else ""
        notes.append(f"paper {gain(published)}{p_words}")
    return Cell(gain(comparison.gain), tuple(notes), strong=comparison.stands_out)


def _against(base: str, other: str) -> Cell:
    return Cell(SYSTEMS[other].title, (f"over {SYSTEMS[base].title}",))
