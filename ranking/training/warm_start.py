"""Weights of a trained run as the start of another, whose vocabularies may be others."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ranking.features.spec import RESERVED_IDS, SESSION, FeatureSpec, Table
from ranking.features.tables import EmbeddingTable
from ranking.models.networks import RankingNetworks
from ranking.training.checkpoints import best_step
from ranking.training.matched_rows import (
    OF_VALUES,
    Rows,
    TableMismatchError,
    matched_rows,
    table_values,
)
from ranking.training.run_folder import Run
from ranking.training.variable_names import variable_names
from ranking.training.warm_start_report import TakenRows, WarmStartReport

Variables = dict[str, keras.Variable]
# A table of a spec, its variable in a network, and the folder of its vocabulary.
PlacedTable = tuple[Table, keras.Variable, Path]

_ROWS_AT_ONCE = 2**20


def warm_start(
    networks: RankingNetworks,
    spec: FeatureSpec,
    vocabularies: Path,
    *,
    source: Run,
    old: RankingNetworks,
) -> WarmStartReport:
    """Copies into `networks` what fits of the weights of `old` -> what was copied.

    Rows of tables are matched by what they stand for; what is new keeps the numbers it has. Other
    weights are matched by name and shape. Where there are as many scenarios or tasks as before, but
    not the same, weights with an axis of that length are left out: they may be theirs. The states
    of random generators are not taken, nor is the optimizer's.

    Args:
        networks: Freshly built for `spec`.
        spec: A resolved spec.
        vocabularies: Folder of its vocabulary files.
        source: The run of `old`.
        old: Its networks with their trained weights.

    Raises:
        ValueError: If no table has a row to take, or a vocabulary is not as its spec says.
    """
    old_tables = _tables(old)
    tables = {
        name: _take_rows(
            (spec.tables[name], variable, vocabularies),
            (source.spec.tables.get(name), old_tables.get(name), source.vocabularies),
        )
        for name, variable in _tables(networks).items()
    }
    names = (
        ("scenarios", _scenarios(spec, vocabularies), _scenarios(source.spec, source.vocabularies)),
        ("tasks", list(networks.tasks), list(old.tasks)),
    )
    taken, skipped = _take_weights(_weights(networks), _weights(old), _changed_axes(names))
    if all(rows.taken <= RESERVED_IDS for rows in tables.values()):
        why = ", ".join(
            f"{name}: {rows.reason or 'no id in common'}" for name, rows in tables.items()
        )
        raise ValueError(
            "--warm_start must name a run with a table that fits, or an id that is known here. "
            f"Received: {source.folder}, of spec `{source.spec.name}` ({why}). Leave it out."
        )
    new_inputs, old_inputs = _inputs(spec), _inputs(source.spec)
    return WarmStartReport(
        run=str(source.folder),
        model=source.model,
        spec_fingerprint=source.spec.fingerprint,
        step=best_step(source.checkpoints),
        tables=tables,
        taken=tuple(taken),
        skipped=skipped,
        new_fields=tuple(sorted(new_inputs - old_inputs)),
        old_fields=tuple(sorted(old_inputs - new_inputs)),
    )


def _tables(networks: RankingNetworks) -> Variables:
    """The embedding tables of networks, by their names in the spec."""
    return {
        layer.name.removesuffix("_table"): layer.trainable_variables[0]
        for layer in networks.training.layers
        if isinstance(layer, EmbeddingTable)
    }


def _weights(networks: RankingNetworks) -> Variables:
    """The weights of networks beside the tables, moving statistics included, by name."""
    variables = networks.training.variables
    tables = {variable.path for variable in _tables(networks).values()}
    return {
        name: variable
        for name, variable in zip(
            variable_names(variable.path for variable in variables), variables, strict=True
        )
        if variable.path not in tables and str(variable.dtype).startswith("float")
    }


def _take_rows(
    new: PlacedTable, old: tuple[Table | None, keras.Variable | None, Path]
) -> TakenRows:
    table, variable, vocabularies = new
    old_table, old_variable, old_vocabularies = old
    if old_table is None or old_variable is None:
        return TakenRows(0, table.rows, 0, "new")
    try:
        old_rows, rows = matched_rows(old_table, table, old_vocabularies, vocabularies)
    except TableMismatchError as error:
        return TakenRows(0, table.rows, old_table.rows, str(error))
    _copy_rows(old_variable, old_rows, variable, rows)
    return TakenRows(len(rows), table.rows, old_table.rows)


def _copy_rows(old: keras.Variable, old_rows: Rows, new: keras.Variable, rows: Rows) -> None:
    # Some at a time: a table may be larger than what memory is left.
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        values = old.value.sparse_read(old_rows[some])
        new.value.scatter_update(tf.IndexedSlices(values, tf.constant(rows[some])))


def _take_weights(
    weights: Variables, old: Variables, changed_axes: Mapping[int, str]
) -> tuple[list[str], dict[str, str]]:
    """Copies what fits -> the names of what was copied, and why others were not."""
    taken, skipped = [], {}
    for name, variable in weights.items():
        reasons = [reason for size, reason in changed_axes.items() if size in variable.shape]
        if name not in old:
            skipped[name] = "new"
        elif variable.shape != old[name].shape:
            skipped[name] = f"shape is {variable.shape}, was {old[name].shape}"
        elif reasons:
            skipped[name] = reasons[0]
        else:
            variable.assign(old[name].value)
            taken.append(name)
    return taken, skipped


def _scenarios(spec: FeatureSpec, vocabularies: Path) -> list[str | int]:
    """What the scenarios of a spec are called; nothing where they have no names, or are none."""
    if spec.roles.scenario is None:
        return []
    table = spec.table_of(spec.field(SESSION, spec.roles.scenario))
    return table_values(table, vocabularies) if table.kind in OF_VALUES else []


def _changed_axes(names: Iterable[tuple[str, list[Any], list[Any]]]) -> dict[int, str]:
    """What axes stand for, its new and its old names -> by length, why an axis of that length may
    mean something else now."""
    return {
        len(now): f"{what} are {now}, were {before}"
        for what, now, before in names
        if len(now) == len(before) and now != before
    }


def _inputs(spec: FeatureSpec) -> set[str]:
    return {field.key for field in spec.fields if field.is_input}
