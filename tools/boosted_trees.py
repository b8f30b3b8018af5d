"""Gradient-boosted trees on counting features."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from pipelines.tree_settings import TreeSettings, TreeTraining
from tools.counting_features import CountingFeatures

Batch = Mapping[str, Any]
Rows = npt.NDArray[np.float32]
Validate = Callable[[], float]


class BoostedTrees:
    """Trees that map the counting features of a candidate to the probability of a label.

    Args:
        features: Maps batches to columns of numbers.
        task: The label.
        settings: What the trees are.
        seed: Seeds what is random.

    Attributes:
        trees: Trees that have been grown.
        best_trees: So many of them count, from the first.
        history: An entry for each step: trees so far, and their validation session AUC.
    """

    def __init__(
        self, features: CountingFeatures, task: str, settings: TreeSettings, seed: int
    ) -> None:
        self._features = features
        self._task = task
        self._most_trees = settings.trees
        self._model = HistGradientBoostingClassifier(
            learning_rate=settings.learning_rate,
            max_leaf_nodes=settings.leaves,
            min_samples_leaf=settings.smallest_leaf,
            l2_regularization=settings.l2,
            early_stopping=False,
            warm_start=True,
            random_state=seed,
        )
        self.trees = self.best_trees = 0
        self.history: list[dict[str, float]] = []

    def rows(self, batches: Iterable[Batch]) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """Training batches -> a row for each candidate `[N, F]`, and whether it has the label."""
        parts: list[tuple[Rows, npt.NDArray[np.bool_]]] = []
        for batch in batches:
            labels = np.asarray(batch[f"labels_{self._task}"]) > 0
            parts.append((self._batch_rows(batch), labels[_present(batch, labels.shape)]))
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([of for _, of in parts])

    def train(
        self,
        rows: Rows,
        labels: npt.NDArray[np.bool_],
        training: TreeTraining,
        validate: Validate | None,
        observe: Callable[[Mapping[str, float]], None],
    ) -> None:
        """Grows trees until there are enough, or validation is no better for too long.

        Args:
            rows: `[N, F]`.
            labels: `[N]`.
            training: How to train.
            validate: Measures the session AUC of the trees as they are. `None` lets all count.
            observe: Called with every new entry of the history.
        """
        best = -np.inf
        while self.trees < self._most_trees:
            self._grow(rows, labels, self.trees + training.trees_per_step)
            previous, self.best_trees = self.best_trees, self.trees
            entry = {"trees": float(self.trees)}
            if validate is not None:
                entry["validation_session_auc"] = value = validate()
                if value <= best:
                    self.best_trees = previous
                best = max(best, value)
            self.history.append(entry)
            observe(entry)
            if training.patience and self.trees - self.best_trees >= training.patience:
                return

    def _grow(self, rows: Rows, labels: npt.NDArray[np.bool_], trees: int) -> None:
        self.trees = min(trees, self._most_trees)
        self._model.set_params(max_iter=self.trees).fit(rows, labels)

    def score(self, batch: Batch) -> dict[str, npt.NDArray[np.float32]]:
        """An encoded batch -> `{task: probabilities [B, C]}`, 0 at padding."""
        shape = np.asarray(batch[f"labels_{self._task}"]).shape
        scores = np.zeros(shape, np.float32)
        rows = self._batch_rows(batch)
        if len(rows):
            stages = self._model.staged_predict_proba(rows)
            best = next(itertools.islice(stages, self.best_trees - 1, None))
            scores[_present(batch, shape)] = best[:, 1]
        return {self._task: scores}

    def _batch_rows(self, batch: Batch) -> Rows:
        columns: Sequence[Rows] = list(self._features(batch).values())
        present = _present(batch, columns[0].shape)
        return np.stack([column[present] for column in columns], axis=1)


def _present(batch: Batch, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    return np.arange(shape[1]) < np.asarray(batch["candidates_length"])[:, None]
