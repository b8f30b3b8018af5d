"""Trains DeepCTR's DIN on a flat batch, a line with a number of steps at a time.

Started by `training_peers`. DIN is not AW-MoE: it has no experts and no gate, and reads the same
items, categories, users and queries. Runs on the Keras that DeepCTR was written for.
"""

import argparse
import sys
from typing import Any

import numpy as np


def main() -> None:
    """Reads the batch, builds DIN over its fields, and takes steps as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", required=True, help="File that training_peers wrote.")
    arguments = parser.parse_args()
    with np.load(arguments.inputs) as file:
        held = {name: file[name] for name in file.files}
    model, inputs = _din(held)
    model.compile("adam", "binary_crossentropy")
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            model.train_on_batch(inputs, held["labels"])
        print("done", flush=True)


def _din(held: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    from deepctr.feature_column import DenseFeat, SparseFeat, VarLenSparseFeat
    from deepctr.models import DIN

    def sparse(name: str, table: str) -> Any:
        rows, width = held[f"weight/{table}_table/0"].shape
        return SparseFeat(name, rows, embedding_dim=width, embedding_name=table)

    length = held["batch/behaviors_item"].shape[1]
    items = ("item", "category")
    columns = [sparse("query", "query"), sparse("age_group", "age_group")]
    columns += [sparse(name, name) for name in items]
    columns += [DenseFeat(name, 1) for name in ("price", "popularity")]
    columns += [
        VarLenSparseFeat(sparse(f"hist_{name}", name), length, length_name="seq_length")
        for name in items
    ]
    inputs = {name: held[f"batch/{name}"] for name in ("query", "age_group")}
    inputs |= {name: held[f"batch/candidates_{name}"] for name in (*items, "price", "popularity")}
    inputs |= {f"hist_{name}": held[f"batch/behaviors_{name}"] for name in items}
    inputs["seq_length"] = held["batch/behaviors_length"]
    return DIN(columns, list(items), dnn_hidden_units=(128, 64)), inputs


if __name__ == "__main__":
    main()
