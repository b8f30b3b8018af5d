"""Warm starts: what every table and every other weight takes, and what is left as it was."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData
from ranking.features.spec import FeatureSpec
from ranking.models.catalog import build, model_entry
from ranking.models.networks import RankingNetworks
from ranking.settings_parser import apply_overrides
from ranking.training.checkpoints import Checkpoints, Progress
from ranking.training.run_folder import Run, start_run
from ranking.training.settings import TrainingSettings
from ranking.training.trainer import Trainer
from ranking.training.variable_names import variable_names
from ranking.training.warm_start import warm_start
from ranking.training.warm_start_report import TakenRows, WarmStartReport
from tests.helpers.list_source import list_source
from tests.helpers.logical_devices import two_replicas
from tests.helpers.small_runs import small_data, small_run, started
from tests.helpers.small_spec import small_sessions, small_spec
from tests.helpers.weights import numbers

CHANGED_TABLES: dict[str, dict[str, Any]] = {
    "city": {"width": 5},
    "term": {"hash_buckets": 19},
    "hour": {"integer_ids": 30},
    "price_level": {"bucketize": (5.0, 21.0, 50.0)},
    "action": {"values": ("order", "view", "click")},
}


def _changed(spec: FeatureSpec, tables: dict[str, dict[str, Any]]) -> FeatureSpec:
    changed = {
        name: dataclasses.replace(table, **tables.get(name, {}))
        for name, table in spec.tables.items()
    }
    return dataclasses.replace(spec, tables=changed)


def _data(folder: Path, spec: FeatureSpec, sessions: int, seed: int) -> PreparedData:
    batch = small_sessions(spec, sessions, seed)
    ids = pa.array([f"test-{number}" for number in range(sessions)])
    test = batch.set_column(batch.schema.get_field_index("session_id"), "session_id", ids)
    source = list_source({"train": [batch], "test": [test.cast(batch.schema)]})
    return prepare(spec, source, folder, shards=1)


def _run(folder: Path, data: PreparedData, model: str = "dnn", **settings: str) -> Run:
    entry = model_entry(model)
    return Run(
        folder=folder,
        model=model,
        model_settings=apply_overrides(entry.settings_class(), settings),
        training=TrainingSettings(),
        seed=1,
        data=data.folder,
        simulated=True,
        spec=data.spec,
    )


def _trained(run: Run, data: PreparedData) -> RankingNetworks:
    """Networks with a checkpoint; they are not trained, and random numbers are as good."""
    start_run(run, data)
    networks = _networks(run)
    Checkpoints(run.checkpoints, networks.training, origin=run.origin).save(Progress(step=7))
    return networks


def _networks(run: Run) -> RankingNetworks:
    networks = build(run.model, run.spec, run.model_settings)
    for number, variable in enumerate(networks.training.trainable_variables):
        variable.assign(np.random.default_rng(number).normal(size=variable.shape))
    return networks


def _by_name(networks: RankingNetworks) -> dict[str, np.ndarray]:
    variables = networks.training.variables
    names = variable_names(variable.path for variable in variables)
    return dict(zip(names, numbers(variables), strict=True))


@dataclasses.dataclass(frozen=True)
class _Case:
    """A run that started from another: what was there before, and what came of it."""

    source: Run
    data: PreparedData
    old: dict[str, np.ndarray]
    fresh: dict[str, np.ndarray]
    now: dict[str, np.ndarray]
    report: WarmStartReport


def _case(folder: Path, new_spec: FeatureSpec, model: str = "dnn", **settings: str) -> _Case:
    old_data = _data(folder / "old_data", small_spec(), 4, seed=1)
    data = _data(folder / "data", new_spec, 31, seed=2)
    source = _run(folder / "old", old_data, model, **settings)
    old = _trained(source, old_data)
    networks = _networks(_run(folder / "run", data, model, **settings))
    for variable in networks.training.trainable_variables:
        variable.assign(variable + 100.0)  # No number of the old networks is like these.
    fresh = _by_name(networks)
    report = warm_start(networks, data.spec, data.vocabulary_folder, source=source, old=old)
    return _Case(source, data, _by_name(old), fresh, _by_name(networks), report)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> _Case:
    return _case(tmp_path_factory.mktemp("warm"), _changed(small_spec(), CHANGED_TABLES))


def _lines(folder: Path, table: str) -> list[str]:
    return (folder / f"{table}.txt").read_text(encoding="utf-8").splitlines()


def _expected_rows(case: _Case, table: str, old: list[Any], new: list[Any]) -> np.ndarray:
    """The table row by row: padding and unknown, then the values of `new`."""
    rows = [case.old[f"{table}_table/embeddings"][row] for row in (0, 1)]
    for place, value in enumerate(new):
        if value in old:
            rows.append(case.old[f"{table}_table/embeddings"][2 + old.index(value)])
        else:
            rows.append(case.fresh[f"{table}_table/embeddings"][2 + place])
    return np.array(rows)


@pytest.mark.parametrize("table", ["item", "topic", "shop"])
def test_rows_of_a_vocabulary_are_those_of_the_same_id(case: _Case, table: str) -> None:
    old = _lines(case.source.vocabularies, table)
    new = _lines(case.data.vocabulary_folder, table)
    assert old != new[: len(old)]  # They are elsewhere now.
    expected = _expected_rows(case, table, old, new)
    np.testing.assert_array_equal(case.now[f"{table}_table/embeddings"], expected)
    common = len(set(old) & set(new))
    assert case.report.tables[table] == TakenRows(2 + common, 2 + len(new), 2 + len(old))


def test_there_are_new_ids_and_old_ones(case: _Case) -> None:
    old = set(_lines(case.source.vocabularies, "item"))
    new = set(_lines(case.data.vocabulary_folder, "item"))
    assert new - old and new & old


def test_rows_of_listed_values_are_those_of_the_same_value(case: _Case) -> None:
    expected = _expected_rows(case, "action", ["click", "order"], ["order", "view", "click"])
    np.testing.assert_array_equal(case.now["action_table/embeddings"], expected)
    assert case.report.tables["action"] == TakenRows(4, 5, 4)


@pytest.mark.parametrize(
    ("table", "numbers"), [("seller", range(5)), ("hour", range(24)), ("grade", range(3))]
)
def test_rows_of_other_tables_stay_in_their_place(case: _Case, table: str, numbers: range) -> None:
    rows = case.data.spec.tables[table].rows
    expected = _expected_rows(case, table, list(numbers), list(range(rows - 2)))
    np.testing.assert_array_equal(case.now[f"{table}_table/embeddings"], expected)
    taken = 2 + len(numbers)
    assert case.report.tables[table] == TakenRows(taken, rows, taken)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("city", "width is 5, was 2"),
        ("term", "hash_buckets is 19, was 17"),
        ("price_level", "bucketize is [5.0, 21.0, 50.0], was [5.0, 20.0, 50.0]"),
    ],
)
def test_a_table_that_cannot_be_compared_is_left_as_it_was(
    case: _Case, table: str, reason: str
) -> None:
    name = f"{table}_table/embeddings"
    np.testing.assert_array_equal(case.now[name], case.fresh[name])
    taken = case.report.tables[table]
    assert (taken.taken, taken.reason) == (0, reason)


def test_other_weights_are_taken_where_name_and_shape_are_the_same(case: _Case) -> None:
    others = {name for name in case.now if not name.endswith("_table/embeddings")}
    assert others == set(case.report.taken) | set(case.report.skipped)
    fitting = {name for name in others if case.old[name].shape == case.fresh[name].shape}
    assert set(case.report.taken) == fitting
    assert fitting and fitting < others
    for name in others:
        expected = case.old[name] if name in fitting else case.fresh[name]
        np.testing.assert_array_equal(case.now[name], expected, err_msg=name)
    for name in others - fitting:
        shapes = (case.fresh[name].shape, case.old[name].shape)
        assert case.report.skipped[name] == f"shape is {shapes[0]}, was {shapes[1]}"


def test_the_report_names_the_run_and_its_checkpoint(case: _Case) -> None:
    report = case.report
    assert (report.run, report.model, report.step) == (str(case.source.folder), "dnn", 7)
    assert report.spec_fingerprint == case.source.spec.fingerprint
    assert report.new_fields == report.old_fields == ()
    assert report.document()["tables"]["action"]["taken"] == 4


def test_another_model_takes_the_tables_and_what_it_shares(tmp_path: Path) -> None:
    data = _data(tmp_path / "data", small_spec(), 13, seed=1)
    source = _run(tmp_path / "old", data)
    old = _trained(source, data)
    run = _run(tmp_path / "run", data, "din")
    networks = _networks(run)
    report = warm_start(networks, data.spec, data.vocabulary_folder, source=source, old=old)
    assert all(rows.taken == rows.rows == rows.old_rows for rows in report.tables.values())
    assert report.skipped["input_network.attention/activation_unit/kernel"] == "new"
    assert "input_network.item/kernel" in report.taken


def test_inputs_that_came_and_went_are_named(tmp_path: Path) -> None:
    old_spec = small_spec()
    session = tuple(field for field in old_spec.session if field.name != "visits")
    candidates = tuple(
        dataclasses.replace(field, name="cost") if field.name == "price" else field
        for field in old_spec.candidates
    )
    data = _data(tmp_path / "data", old_spec, 13, seed=1)
    source = _run(tmp_path / "old", data)
    old = _trained(source, data)
    resolved = dataclasses.replace(data.spec, session=session, candidates=candidates)
    networks = build("dnn", resolved, source.model_settings)
    report = warm_start(networks, resolved, data.vocabulary_folder, source=source, old=old)
    assert report.new_fields == ("candidates_cost",)
    assert report.old_fields == ("candidates_price", "visits")


def test_weights_of_scenarios_in_another_order_are_not_taken(tmp_path: Path) -> None:
    spec = _changed(small_spec(), {"grade": {"values": (11, 7, 13)}})
    case = _case(tmp_path, spec, "star", backbone_hidden_sizes="7")
    reason = "scenarios are [11, 7, 13], were [7, 11, 13]"
    skipped = {name for name, why in case.report.skipped.items() if why == reason}
    assert any("scenario_kernel" in name for name in skipped)
    for name in skipped:
        assert 3 in case.now[name].shape
        np.testing.assert_array_equal(case.now[name], case.fresh[name])
    assert not any(3 in case.now[name].shape for name in case.report.taken)
    assert case.report.taken
    # The table of the scenarios has names, so it is matched.
    assert case.report.tables["grade"] == TakenRows(5, 5, 5)


def test_no_table_that_fits_is_an_error(tmp_path: Path) -> None:
    data = _data(tmp_path / "data", small_spec(), 13, seed=1)
    source = _run(tmp_path / "old", data)
    old = _trained(source, data)
    widths = {name: {"width": table.width + 1} for name, table in data.spec.tables.items()}
    widths["action"] = {"values": ("view", "cart")}
    spec = _changed(data.spec, widths)
    networks = build("dnn", spec, source.model_settings)
    with pytest.raises(ValueError, match="--warm_start must name a run with a table that") as told:
        warm_start(networks, spec, data.vocabulary_folder, source=source, old=old)
    for reason in ("action: no id in common", "city: width is 3, was 2", "Leave it out"):
        assert reason in str(told.value)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("shop") / "data", train=31, test=7)


@pytest.mark.parametrize("strategy", [None, two_replicas])
def test_a_trainer_starts_with_the_best_weights_of_the_other(
    shop: PreparedData, tmp_path: Path, strategy: Any
) -> None:
    source = small_run(tmp_path / "old", shop)
    trained = started(source, shop, max_steps=2)
    trained.train(lambda progress, values: None)
    run = dataclasses.replace(small_run(tmp_path / "run", shop), seed=9, warm_start=source.folder)
    trainer: Trainer = started(run, shop, strategy=strategy and strategy())
    report = trainer.warm_start()
    assert report.step == 2 and not report.skipped
    expected = numbers(trained.networks.training.trainable_variables)
    for variable, value in zip(
        trainer.networks.training.trainable_variables, expected, strict=True
    ):
        replicas = getattr(variable.value, "values", [variable.value])
        assert len(replicas) == trainer.replicas
        for replica in replicas:
            np.testing.assert_array_equal(replica.numpy(), value)
