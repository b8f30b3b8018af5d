"""Where data come from and what their global labels hold, from the manifest."""

import dataclasses
from pathlib import Path
from typing import Any

_OPTIONS = ("scenario_difference", "shared_items", "search_share", "exclusive_wants")


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """What decides whether USR can help on these data.

    Attributes:
        origin: What the data are, in words.
        options: What a simulation was told of its scenarios; nothing for other data.
        differing: Task -> share of train candidates whose global label is not their own; nothing
            where there are no global labels.
        noise: Share of global labels that were replaced on purpose.
    """

    origin: str
    options: dict[str, float]
    differing: dict[str, float]
    noise: float

    def document(self) -> dict[str, Any]:
        """The facts for JSON."""
        return dataclasses.asdict(self)


def data_facts(folder: Path) -> DataFacts | None:
    """Reads the facts of prepared data; `None` where the folder is not there."""
    from ranking.features.prepared_data import find_prepared

    prepared = find_prepared(folder)
    if prepared is None:
        return None
    manifest = prepared.manifest
    train = manifest.splits["train"]
    options = {name: float(manifest.source[name]) for name in _OPTIONS if name in manifest.source}
    source = str(manifest.source.get("source", "unknown"))
    setting = str(manifest.source.get("setting", f"source `{source}`"))
    return DataFacts(
        origin="simulated" if manifest.simulated else setting,
        options=options,
        differing={
            task: count / train.candidates for task, count in train.global_differing.items()
        },
        noise=manifest.global_label_noise,
    )


def facts_words(facts: DataFacts | None) -> list[str]:
    """The facts as items of a list."""
    if facts is None:
        return []
    options = "".join(f", `{name}` {value:g}" for name, value in facts.options.items())
    words = [f"**Origin:** {facts.origin}{options}."]
    if not facts.differing:
        return [*words, "**Global labels:** none, so GLMT has nothing to learn from."]
    shares = ", ".join(f"`{task}` {share:.2%}" for task, share in facts.differing.items())
    noise = f" {facts.noise:.0%} of them were replaced by coins." if facts.noise else ""
    return [
        *words,
        f"**Global labels** differ from the label of the row in {shares} of the train candidates; "
        f"that is what GLMT has to learn from.{noise}",
    ]
