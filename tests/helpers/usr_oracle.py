"""USR and its base models put together once more: one row at a time, out of what layers return.

The layers have oracles of their own; here their outputs are taken as they are.
"""

from typing import Any

import keras
import numpy as np

from ranking.features.scenario_fields import agnostic_fields, scenario_fields
from ranking.features.spec import RESERVED_IDS, FeatureSpec
from ranking.models.networks import RankingNetworks
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import inputs_of


class UsrOracle:
    """The vectors that backbone and main network must read, and the logits that come out.

    Args:
        spec: The spec of the batch.
        networks: The model.
        batch: An encoded batch.
    """

    def __init__(self, spec: FeatureSpec, networks: RankingNetworks, batch: dict[str, Any]) -> None:
        self.spec, self.batch = spec, batch
        self.parts = ModelOracle(spec, networks, batch)
        training = networks.training
        self.layers = {layer.name: layer for layer in training.layers}
        probed = {
            name: self.layers[name].output
            for name in ("sequence.encoder", "interest_extractor", "feature_generator", "backbone")
            if name in self.layers
        }
        for name in ("backbone.dropout", "main.dropout"):
            if name in self.layers:
                probed[name] = self.layers[name].output
        if "main.heads" in self.layers:
            probed["main.heads"] = self.layers["main.heads"].output
        found = keras.Model(training.inputs, probed)(inputs_of(training, batch), training=True)
        self.found = {name: np.asarray(value, np.float64) for name, value in found.items()}

    def joined_sequence(self) -> np.ndarray:
        """The encoder's positions side by side, made as wide as the user's interest."""
        kernel, bias = map(np.asarray, self.layers["sequence.joined"].get_weights())
        return self.found["sequence.encoder"] @ kernel + bias

    def scenario(self, session: int) -> np.ndarray:
        """One-hot, or the same for all where the scenario is unknown."""
        table = self.spec.tables[self.spec.field("session", self.spec.roles.scenario).table]
        count = table.rows - RESERVED_IDS
        place = self.batch[self.spec.roles.scenario][session] - RESERVED_IDS
        return np.eye(count)[place] if 0 <= place < count else np.full(count, 1 / count)

    def item(self, session: int, candidate: int) -> np.ndarray:
        return self._dense("item.projection", self.parts.item("candidates", session, candidate))

    def query(self, session: int) -> np.ndarray:
        return self._dense("query.projection", self.parts.query(session))

    def features(self, session: int, candidate: int, *, agnostic: bool) -> np.ndarray:
        """e_sa or e_ss: numbers of the session, its ids, then the same of the candidate."""
        fields = agnostic_fields(self.spec) if agnostic else scenario_fields(self.spec)
        vectors = []
        for section in ("session", "candidates"):
            mine = [field for field in fields if field.section == section]
            numbers = [field for field in mine if field.kind == "dense"]
            if numbers:
                name = f"features.{numbers[0].key}.and_{len(numbers) - 1}_more"
                kernel, bias = map(np.asarray, self.layers[name].get_weights())
                for row, field in enumerate(numbers):
                    value = self._value(field, session, candidate)[0]
                    vectors.append(value * kernel[row] + bias[row])
            for field in mine:
                if field.kind != "dense":
                    vector = self._value(field, session, candidate)
                    vectors.append(self._dense(f"features.{field.key}", vector))
        return np.concatenate(vectors)

    def own(self, name: str, session: int, candidate: int) -> np.ndarray:
        """The view of the session's own scenario."""
        views = self.found[name][session, candidate]
        return sum(w * views[k] for k, w in enumerate(self.scenario(session)))

    def base_input(self, session: int, candidate: int, *, append: bool = True) -> np.ndarray:
        parts = [
            self.found["sequence.encoder"][session, candidate],
            self.features(session, candidate, agnostic=False),
            self.features(session, candidate, agnostic=True),
        ]
        return np.concatenate([*parts, *self._appended(session, candidate, append)])

    def main_input(self, session: int, candidate: int, *, append: bool = True) -> np.ndarray:
        """x_m (equation 10), without the views that the model has none of."""
        parts = [
            self.found["sequence.encoder"][session, candidate],
            self.features(session, candidate, agnostic=False),
        ]
        if "interest_extractor" in self.found:
            parts.append(self.own("interest_extractor", session, candidate))
        if "feature_generator" in self.found:
            parts.append(self.own("feature_generator", session, candidate))
        else:
            parts.append(self.features(session, candidate, agnostic=True))
        return np.concatenate([*parts, *self._appended(session, candidate, append)])

    def auxiliary_input(self, session: int, candidate: int, *, append: bool = True) -> np.ndarray:
        """x_a (equation 11)."""
        parts = [
            self.found["sequence.encoder"][session, candidate],
            self.features(session, candidate, agnostic=False),
        ]
        if "interest_extractor" in self.found:
            parts += [*self.found["interest_extractor"][session, candidate]]
        if "feature_generator" in self.found:
            parts += [*self.found["feature_generator"][session, candidate]]
        else:
            parts.append(self.features(session, candidate, agnostic=True))
        return np.concatenate([*parts, *self._appended(session, candidate, append)])

    def probabilities(self, session: int, candidate: int, task: int) -> tuple[float, float]:
        """p_global and p_k of equation 12, as products of probabilities."""
        p_global = _sigmoid(self.found["backbone"][session, candidate, task])
        heads = self.found["main.heads"][session, candidate]
        tasks = self.found["backbone"].shape[-1]
        if len(heads) == tasks:
            logit = heads[task]
        else:
            weights = self.scenario(session)
            logit = sum(w * heads[k * tasks + task] for k, w in enumerate(weights))
        return p_global, p_global * _sigmoid(logit)

    def _appended(self, session: int, candidate: int, append: bool) -> list[np.ndarray]:
        return [self.item(session, candidate), self.query(session)] if append else []

    def _value(self, field: Any, session: int, candidate: int) -> np.ndarray:
        index = (session,) if field.section == "session" else (session, candidate)
        return self.parts.vector(field, index)

    def _dense(self, name: str, vector: np.ndarray) -> np.ndarray:
        kernel, bias = map(np.asarray, self.layers[name].get_weights())
        return vector @ kernel + bias


def _sigmoid(logit: float) -> float:
    return float(1.0 / (1.0 + np.exp(-logit)))
