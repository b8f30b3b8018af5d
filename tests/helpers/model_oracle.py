"""The models once more, one session and one candidate at a time, in plain NumPy loops."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ranking.features.spec import FeatureSpec, Field
from ranking.models.networks import RankingNetworks


class ModelOracle:
    """Computes what a model must compute from the weights of its layers.

    Padded positions are never looked at: every loop ends at the section's length.
    """

    def __init__(self, spec: FeatureSpec, networks: RankingNetworks, batch: dict[str, Any]) -> None:
        self.spec, self.batch = spec, batch
        self.weights: dict[str, np.ndarray] = {}
        for variable in networks.training.variables:
            self.weights[variable.path] = np.asarray(variable.value, np.float64)

    def logits(self, session: int, candidate: int, model: str) -> float:
        vector = self.impression(session, candidate, model)
        if model in ("dnn", "din"):
            return float(self.network("feed_forward.network", vector)[0])
        scores = self.expert_scores(vector)
        gate = self.category_gate(session, candidate)
        return sum(gate[k] * scores[k] for k in range(len(gate)))

    def impression(self, session: int, candidate: int, model: str) -> np.ndarray:
        """v_imp = v_u || h_t || h_q || h_o (equations 2 to 4)."""
        name = "input_network"
        target = self.hidden(f"{name}.item", self.item("candidates", session, candidate))
        user = np.zeros_like(target)
        for i in range(self.batch["behaviors_length"][session]):
            behavior = self.behavior(name, session, i)
            weight = 1.0
            if model != "dnn":
                weight = self.pair_unit(f"{name}.attention", behavior, target)[0]
            user = user + weight * behavior
        parts = [user, target]
        if self.spec.roles.query:
            parts.append(self.hidden(f"{name}.query", self.query(session)))
        return np.concatenate(
            [*parts, self.hidden(f"{name}.others", self.others(session, candidate))]
        )

    def gate(self, session: int, candidate: int | None) -> np.ndarray:
        """The gate against the query, or against the target where there is a candidate; without
        the units that the model was built without."""
        name = "gate_network"
        if candidate is None:
            context = self.hidden(f"{name}.query", self.query(session))
        else:
            context = self.hidden(f"{name}.item", self.item("candidates", session, candidate))
        gate = self.weights[f"{name}.gate/bias"].copy()
        for i in range(self.batch["behaviors_length"][session]):
            behavior = self.behavior(name, session, i)
            weight = 1.0
            if self.dense_layers(f"{name}.gate/activation_unit"):
                weight = self.pair_unit(f"{name}.gate/activation_unit", behavior, context)[0]
            if self.dense_layers(f"{name}.gate/gate_unit"):
                gate += weight * self.pair_unit(f"{name}.gate/gate_unit", behavior, context)
            else:
                gate += weight * behavior @ self.weights[f"{name}.gate/pooled_to_gate/kernel"]
        return gate

    def category_gate(self, session: int, candidate: int) -> np.ndarray:
        logits = self.category_logits(session, candidate)
        shares = np.exp(logits - logits.max())
        return shares / shares.sum()

    def category_logits(
        self, session: int, candidate: int, *, layer: str = "category", role: str = "category"
    ) -> np.ndarray:
        """What a layer of the gate makes of the candidate field with a role."""
        field = self.spec.field("candidates", getattr(self.spec.roles, role))
        name = f"gate_network.{layer}"
        vector = self.vector(field, (session, candidate))
        return vector @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"]

    def behavior(self, network: str, session: int, i: int) -> np.ndarray:
        extras = self.fields("behaviors", session, i, without=self.spec.roles.item)
        vector = np.concatenate([self.item("behaviors", session, i), extras])
        return self.hidden(f"{network}.item", vector)

    def item(self, section: str, session: int, i: int) -> np.ndarray:
        fields = [self.spec.field(section, name) for name in self.spec.roles.item]
        return np.concatenate([self.vector(field, (session, i)) for field in fields])

    def query(self, session: int) -> np.ndarray:
        fields = [self.spec.field("session", name) for name in self.spec.roles.query]
        return np.concatenate([self.vector(field, (session,)) for field in fields])

    def others(self, session: int, candidate: int) -> np.ndarray:
        of_session = self.fields("session", session, None, without=self.spec.roles.query)
        of_candidate = self.fields("candidates", session, candidate, without=self.spec.roles.item)
        return np.concatenate([of_session, of_candidate])

    def fields(
        self, section: str, session: int, i: int | None, *, without: Sequence[str]
    ) -> np.ndarray:
        index = (session,) if i is None else (session, i)
        vectors = [
            self.vector(field, index)
            for field in self.spec.section(section)
            if field.is_input and field.name not in without
        ]
        return np.concatenate([np.zeros(0), *vectors])

    def vector(self, field: Field, index: tuple[int, ...]) -> np.ndarray:
        value = self.batch[field.key][index]
        if field.kind == "dense":
            return np.array([value], np.float64)
        table = self.weights[f"{field.table}_table/embeddings"]
        if field.kind == "id":
            return table[value]
        rows = [table[value[m]] for m in range(self.batch[field.length_key][index])]
        total = sum(rows, np.zeros(table.shape[1]))
        return total / max(len(rows), 1) if field.pool == "mean" else total

    def hidden(self, layer: str, vector: np.ndarray) -> np.ndarray:
        kernel, bias = self.weights[f"{layer}/kernel"], self.weights[f"{layer}/bias"]
        hidden = np.maximum(vector @ kernel[: len(vector)] + bias, 0.0)
        for kernel, bias in self.dense_layers(layer)[1:]:
            hidden = np.maximum(hidden @ kernel + bias, 0.0)
        return hidden

    def pair_unit(self, layer: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self.network(layer, np.concatenate([x, y, x - y, x * y]))

    def network(self, layer: str, vector: np.ndarray) -> np.ndarray:
        """A feed-forward network with ReLU between its layers."""
        layers = self.dense_layers(layer)
        for kernel, bias in layers[:-1]:
            vector = np.maximum(vector @ kernel + bias, 0.0)
        kernel, bias = layers[-1]
        return vector @ kernel + bias

    def expert_scores(self, vector: np.ndarray) -> np.ndarray:
        layers = self.dense_layers("expert_network.experts")
        scores = []
        for k in range(layers[0][0].shape[0]):
            hidden = vector
            for number, (kernel, bias) in enumerate(layers):
                hidden = hidden @ kernel[k] + bias[k]
                if number + 1 < len(layers):
                    hidden = np.maximum(hidden, 0.0)
            scores.append(hidden[0])
        return np.array(scores)

    def dense_layers(self, layer: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Kernels and biases below `layer`, in the order in which they were made."""
        kernels = [path for path in self.weights if _is_kernel(path, layer)]
        return [
            (self.weights[path], self.weights[path.replace("kernel", "bias")]) for path in kernels
        ]


def _is_kernel(path: str, layer: str) -> bool:
    return path.startswith(f"{layer}/") and path.rsplit("/", 1)[-1].startswith("kernel")
