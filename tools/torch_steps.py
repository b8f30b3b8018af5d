"""Trains the flat AW-MoE in PyTorch, a line with a number of steps at a time.

Started by `training_peers`; needs nothing but NumPy and PyTorch.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

_MOST_DIFFERENCE = 1e-5
_RATE, _DECAY = 1e-4, 1e-2

Tensors = Mapping[str, torch.Tensor]


class FlatAwMoe(nn.Module):  # type: ignore[misc]
    """The model of `flat_keras` with given weights: a row per impression -> logits `[N]`.

    Args:
        weights: `weight/<layer>/<number>` by name, as Keras holds them.
    """

    def __init__(self, weights: Mapping[str, Any]) -> None:
        super().__init__()
        named: dict[str, list[Any]] = {}
        for name, value in weights.items():
            named.setdefault(name.split("/")[1], []).append(torch.from_numpy(value))
        tables = {name: values[0] for name, values in named.items() if name.endswith("_table")}
        self.tables = nn.ModuleDict(
            {
                name: nn.Embedding.from_pretrained(value, freeze=False)
                for name, value in tables.items()
            }
        )
        self.gate_bias = nn.Parameter(named.pop("gate_bias")[0])
        self.stacks = nn.ModuleDict(
            {name: _stack(values) for name, values in named.items() if name not in tables}
        )
        self.experts = sum(name.startswith("expert_") for name in named)

    def forward(self, batch: Tensors) -> torch.Tensor:
        behaviors = self._look_up(batch, "behaviors", ("item", "category", "action"), ("days_ago",))
        mask = torch.arange(behaviors.shape[1]) < batch["behaviors_length"][:, None]
        mask = mask.float()[..., None]
        candidates = self._look_up(batch, "candidates", ("item", "category"), ())
        target = nn.functional.pad(candidates, (0, behaviors.shape[-1] - candidates.shape[-1]))
        query = self.tables["query_table"](batch["query"])
        user = self.tables["age_group_table"](batch["age_group"])
        numbers = [batch[f"candidates_{name}"][:, None] for name in ("popularity", "price")]

        hidden_behaviors = self._hidden("input_item", behaviors)
        hidden_target = self._hidden("input_item", target)
        weights = self.stacks["attention"](_pairs(hidden_behaviors, hidden_target)) * mask
        parts = [(weights * hidden_behaviors).sum(1), hidden_target]
        parts.append(self._hidden("input_query", query))
        parts.append(self._hidden("input_others", torch.cat([user, *numbers], -1)))
        impressions = torch.cat(parts, -1)
        experts = [self.stacks[f"expert_{k}"](impressions) for k in range(self.experts)]

        pairs = _pairs(self._hidden("gate_item", behaviors), self._hidden("gate_query", query))
        counts = self.stacks["gate_activation"](pairs) * mask
        gate = (counts * self.stacks["gate"](pairs)).sum(1) + self.gate_bias
        return (gate * torch.cat(experts, -1)).sum(-1)

    def _hidden(self, name: str, vectors: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.stacks[name](vectors))

    def _look_up(
        self, batch: Tensors, section: str, ids: Sequence[str], numbers: Sequence[str]
    ) -> torch.Tensor:
        vectors = [self.tables[f"{name}_table"](batch[f"{section}_{name}"]) for name in ids]
        vectors += [batch[f"{section}_{name}"][..., None] for name in numbers]
        return torch.cat(vectors, -1)


def main() -> None:
    """Reads the batch, compares scores, and takes steps as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", required=True, help="File that training_peers wrote.")
    parser.add_argument("--compile", action="store_true", help="Compile the model.")
    arguments = parser.parse_args()
    with np.load(arguments.inputs) as file:
        held = {name: file[name] for name in file.files}
    weights = {name: value for name, value in held.items() if name.startswith("weight/")}
    batch = {
        name.removeprefix("batch/"): torch.from_numpy(value)
        for name, value in held.items()
        if name.startswith("batch/")
    }
    model = FlatAwMoe(weights)
    with torch.no_grad():
        difference = np.abs(torch.sigmoid(model(batch)).numpy() - held["scores"]).max()
    if not difference <= _MOST_DIFFERENCE:
        sys.exit(f"Scores must be those of flat Keras. Received: a difference of {difference}.")
    _serve(model, batch, torch.from_numpy(held["labels"]), compile=arguments.compile)


def _serve(model: FlatAwMoe, batch: Tensors, labels: torch.Tensor, *, compile: bool) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    loss_of = nn.BCEWithLogitsLoss()
    logits_of = torch.compile(model) if compile else model
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            optimizer.zero_grad()
            loss_of(logits_of(batch), labels).backward()
            optimizer.step()
        print("done", flush=True)


def _stack(weights: Sequence[torch.Tensor]) -> nn.Sequential:
    """Keras's kernels and biases of dense layers -> the same layers, ReLU between them."""
    layers: list[nn.Module] = []
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        dense = nn.Linear(*kernel.shape)
        dense.weight.data, dense.bias.data = kernel.T.contiguous(), bias
        layers += [dense, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _pairs(behaviors: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
    context = context[:, None, :].expand_as(behaviors)
    return torch.cat([behaviors, context, behaviors - context, behaviors * context], -1)


if __name__ == "__main__":
    main()
