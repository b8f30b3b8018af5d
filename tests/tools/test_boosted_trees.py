"""How many trees are grown, and how many of them count."""

from collections.abc import Iterator

import numpy as np
import pytest

from pipelines.tree_settings import TreeSettings, TreeTraining
from tools.boosted_trees import BoostedTrees

ROWS, COLUMNS = 211, 3


class _OneColumn:
    """Stands for counting features: a batch's own numbers."""

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {f"column {number}": batch["numbers"][..., number] for number in range(COLUMNS)}


def _batch() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(3)
    numbers = chance.normal(size=(ROWS, 5, COLUMNS)).astype(np.float32)
    lengths = chance.integers(0, 6, size=ROWS)
    numbers[np.arange(5) >= lengths[:, None]] = np.nan
    labels = (np.nan_to_num(numbers[..., 0]) > 0.3).astype(np.int64)
    return {"numbers": numbers, "candidates_length": lengths, "labels_click": labels}


def _trained(
    measured: list[float] | None, *, trees: int = 35, patience: int = 0
) -> tuple[BoostedTrees, int]:
    """Trees that are measured so at each step, and how many steps that took."""
    settings = TreeSettings(trees=trees, smallest_leaf=5)
    model = BoostedTrees(_OneColumn(), "click", settings, seed=1)
    values: Iterator[float] = iter(measured or [])
    seen: list[float] = []
    model.train(
        *model.rows([_batch()]),
        TreeTraining(trees_per_step=10, patience=patience),
        None if measured is None else lambda: next(values),
        lambda entry: seen.append(entry["trees"]),
    )
    assert seen == [entry["trees"] for entry in model.history]
    return model, len(seen)


def test_the_trees_learn_what_there_is_to_learn() -> None:
    batch = _batch()
    model, _ = _trained(None)
    scores = model.score(batch)["click"]
    present = np.arange(5) < batch["candidates_length"][:, None]
    labels = batch["labels_click"] > 0
    assert scores.shape == (ROWS, 5) and not scores[~present].any()
    assert scores[present & labels].min() > 0.5 > scores[present & ~labels].max()
    assert model.trees == model.best_trees == 35


@pytest.mark.parametrize(
    ("measured", "patience", "grown", "best"),
    [
        ([0.5, 0.7, 0.6, 0.7], 0, 35, 20),
        ([0.5, 0.4, 0.3, 0.6], 20, 30, 10),
        ([0.5, 0.4, 0.6, 0.7], 20, 35, 35),
        ([float("nan")] * 4, 10, 35, 35),
    ],
)
def test_so_many_trees_count_as_validate_best(
    measured: list[float], patience: int, grown: int, best: int
) -> None:
    model, steps = _trained(measured, patience=patience)
    assert (model.trees, model.best_trees) == (grown, best)
    assert steps == -(-grown // 10)
    history = [entry["validation_session_auc"] for entry in model.history]
    np.testing.assert_equal(history, measured[:steps])


def test_trees_beyond_the_best_do_not_score() -> None:
    whole, _ = _trained([0.7, 0.6, 0.5, 0.4])
    short, _ = _trained(None, trees=10)
    batch = _batch()
    np.testing.assert_array_equal(whole.score(batch)["click"], short.score(batch)["click"])
    later, _ = _trained(None)
    assert (later.score(batch)["click"] != short.score(batch)["click"]).any()


def test_a_batch_of_padding_alone_scores_zero() -> None:
    model, _ = _trained(None)
    batch = {name: values[:2] for name, values in _batch().items()}
    batch["candidates_length"] = np.zeros(2, np.int64)
    assert model.score(batch)["click"].tolist() == np.zeros((2, 5)).tolist()
