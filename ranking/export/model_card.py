"""What people should know of an exported model before they use it."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ranking.export.parity import ParityReport
from ranking.export.signatures import EXAMPLES, SERVING_DEFAULT, Signature
from ranking.features.prepared_data import PreparedData

_SHOWN_METRICS = ("session_auc", "auc", "ndcg", "ndcg_at_10", "log_loss", "ece", "sessions")
_NOT_EVALUATED = "The run had not been evaluated when it was exported."


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """Where the weights of an export come from.

    Attributes:
        name: Name of the model in the catalog.
        settings: What it was trained with, for example `model_settings` and `seed`.
        metrics: Metrics by split, then task and segment or segment alone, as `metrics.json` has
            them; empty where there are none yet.
        simulated: Whether it was trained on simulated data.
    """

    name: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    simulated: bool


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """The card of an export: `model_card.json` for programs, `MODEL_CARD.md` for people.

    Attributes:
        model: Where the weights come from.
        data: The data that the export was checked on, of the same spec as those of the training.
        tasks: What the model predicts, of all tasks of the spec.
        signatures: What a server can ask.
        gate_refusal: Why there is no gate signature, or `None`.
        parity: What the check saw.
    """

    model: TrainedModel
    data: PreparedData
    tasks: Sequence[str]
    signatures: Sequence[Signature]
    gate_refusal: str | None
    parity: ParityReport

    def to_json(self) -> str:
        """The card for programs."""
        manifest = self.data.manifest
        splits = {
            name: {"sessions": split.sessions, "candidates": split.candidates}
            for name, split in manifest.splits.items()
        }
        document = {
            "model": self.model.name,
            "simulated": self.model.simulated,
            "spec": self.data.spec.name,
            "spec_fingerprint": self.data.spec.fingerprint,
            "tasks": list(self.tasks),
            "data": {
                "simulated": manifest.simulated,
                "source": dict(manifest.source),
                "splits": splits,
            },
            "settings": dict(self.model.settings),
            "metrics": dict(self.model.metrics),
            "parity": dataclasses.asdict(self.parity),
            "gate_refusal": self.gate_refusal,
            "signatures": [signature.name for signature in self.signatures],
            "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        }
        text = json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    def to_markdown(self) -> str:
        """The card for people."""
        return (
            "\n".join([*self._head(), *self._metrics(), *self._signatures(), *self._end()]) + "\n"
        )

    def _head(self) -> Iterator[str]:
        spec, manifest = self.data.spec, self.data.manifest
        kind = "simulated data" if self.model.simulated else "logged data"
        yield f"# {self.model.name} on spec {spec.name}, trained on {kind}"
        yield ""
        if self.model.simulated:
            yield "**The data are simulated: the numbers say nothing about real users.**"
            yield ""
        yield f"Spec fingerprint: `{spec.fingerprint}`. Tasks: {_listed(self.tasks)}."
        yield ""
        yield "| data | sessions | candidates |"
        yield "|---|---:|---:|"
        for name, split in manifest.splits.items():
            yield f"| {name} | {split.sessions:,} | {split.candidates:,} |"
        yield ""
        yield "Source: " + _json(manifest.source)
        yield ""

    def _metrics(self) -> Iterator[str]:
        yield "## Metrics"
        yield ""
        rows = list(_metric_rows(self.model.metrics))
        if not rows:
            yield _NOT_EVALUATED
            yield ""
            return
        yield "| split | " + " | ".join(_SHOWN_METRICS) + " |"
        yield "|---|" + "---:|" * len(_SHOWN_METRICS)
        for name, values in rows:
            cells = [_number(values.get(metric)) for metric in _SHOWN_METRICS]
            yield f"| {name} | " + " | ".join(cells) + " |"
        yield ""
        yield "All metrics, those of segments too, are in `model_card.json`."
        yield ""

    def _signatures(self) -> Iterator[str]:
        yield "## Signatures"
        yield ""
        yield "B sessions, -1 any size. Every tensor's first dimension is B."
        yield ""
        yield "| signature | inputs | results |"
        yield "|---|---|---|"
        for signature in self.signatures:
            results = ", ".join(map(_tensor, signature.outputs.values()))
            inputs = ", ".join(map(_tensor, signature.inputs.values()))
            yield f"| `{signature.name}` | {inputs} | {results} |"
        yield ""
        if self.gate_refusal:
            yield f"No `gate`: {self.gate_refusal}"
            yield ""

    def _end(self) -> Iterator[str]:
        parity = self.parity
        ways = ", ".join(f"`{way}`" for way in parity.equal_ways)
        yield "## Check before publishing"
        yield ""
        yield (
            f"{parity.requests} requests: scores within {parity.largest_difference:.1e} of the "
            f"Keras model's, by `{EXAMPLES}` too; {ways} equal to `{SERVING_DEFAULT}` bit for bit; "
            f"merged requests within {parity.largest_merged_difference:.1e} of separate ones."
        )
        yield ""
        yield "The model was run in the loader that TensorFlow Serving's default path ends in. The"
        yield "server itself was not run."
        yield ""
        yield "## Settings"
        yield ""
        for name, value in self.model.settings.items():
            yield f"- {name}: {_json(value)}"
        yield f"- versions: tensorflow {tf.__version__}, keras {keras.__version__}"


def _metric_rows(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The metrics over all sessions, by split and task."""
    for split, parts in metrics.items():
        for name, part in parts.items():
            if name == "all":
                yield split, part
            elif isinstance(part, Mapping) and isinstance(part.get("all"), Mapping):
                yield f"{split}, {name}", part["all"]


def _finite(value: Any) -> Any:
    """The same with `None` for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tensor(spec: tf.TensorSpec) -> str:
    shape = ", ".join(["B", *("-1" if size is None else str(size) for size in spec.shape[1:])])
    return f"`{spec.name}` {spec.dtype.name} [{shape}]"


def _number(value: Any) -> str:
    if not isinstance(value, int | float) or value != value:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _json(value: Any) -> str:
    return f"`{json.dumps(_finite(value), ensure_ascii=False)}`"
