"""Lists the models, or the settings of one model and of its training: defaults and what they do.

Examples:

  All models:
    python -m pipelines.settings

  What `--set` of pipelines.train takes for AW-MoE, with the defaults of the paper's preset:
    python -m pipelines.settings --model=aw_moe --preset=paper

  What `--set` of a yardstick's program takes:
    python -m pipelines.settings --model=gbdt
"""

import dataclasses
import inspect
import re
import typing
from collections.abc import Mapping
from typing import Any

from absl import flags
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.program import run_program

FLAGS = flags.FLAGS

_FILE_WIDTH = 120  # What is not a terminal has no width of its own.
_ATTRIBUTES = re.compile(r"^Attributes:\n((?:    .*\n?|\n)+)", re.MULTILINE)
_DESCRIBED = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)


def _define_flags() -> None:
    flags.DEFINE_string("model", None, "Model to list the settings of; all models without it.")
    flags.DEFINE_enum(
        "preset", "fast", ["fast", "paper"], "Training settings whose defaults are shown."
    )


def main() -> None:
    """Prints one table of models, or two of settings: the model's and the training's."""
    from pipelines.yardsticks import YARDSTICKS
    from ranking.did_you_mean import did_you_mean
    from ranking.models.catalog import MODELS
    from ranking.training.settings import PRESETS

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _FILE_WIDTH)
    if FLAGS.model is None:
        models = {name: entry.summary for name, entry in MODELS.items()}
        yardsticks = {name: yardstick.summary for name, yardstick in YARDSTICKS.items()}
        console.print(_models_table({**models, **yardsticks}))
        return
    if yardstick := YARDSTICKS.get(FLAGS.model):
        title = f"{FLAGS.model}: {yardstick.summary} (yardstick)"
        console.print(settings_table(title, yardstick.settings))
        console.print(settings_table("training", yardstick.training))
        return
    if FLAGS.model not in MODELS:
        hint = did_you_mean(FLAGS.model, [*MODELS, *YARDSTICKS])
        raise ValueError(f"There is no model `{FLAGS.model}`. {hint}")
    entry = MODELS[FLAGS.model]
    console.print(settings_table(f"{FLAGS.model}: {entry.summary}", entry.settings_class()))
    console.print(settings_table(f"training, preset {FLAGS.preset}", PRESETS[FLAGS.preset]))


def _models_table(models: Mapping[str, str]) -> Table:
    table = Table("model", "what it is", box=box.SIMPLE_HEAD)
    for name, summary in models.items():
        table.add_row(name, summary)
    return table


def settings_table(title: str, settings: Any) -> Table:
    """Maps settings to a table: a row for each with its value, what it takes and what it does."""
    from ranking.settings_parser import allowed_values

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("setting", no_wrap=True)
    table.add_column("default", max_width=16)
    table.add_column("takes", max_width=26)
    table.add_column("what it does")
    annotations = typing.get_type_hints(type(settings))
    described = descriptions(type(settings))
    for field in dataclasses.fields(settings):
        value, takes = getattr(settings, field.name), allowed_values(annotations[field.name])
        table.add_row(field.name, _typed(value), takes, described[field.name])
    return table


def descriptions(settings_class: type) -> dict[str, str]:
    """Maps a settings class to the texts of its docstring and of those it inherits from, by name.

    Where two have a name, the class that comes first in the order of inheritance says more of it.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class GateSettings:
        ...     '''Settings of a gate.
        ...
        ...     Attributes:
        ...         experts: How many experts there are, and so how long
        ...             the gate is.
        ...     '''
        ...
        ...     experts: int = 4
        >>> descriptions(GateSettings)
        {'experts': 'How many experts there are, and so how long the gate is.'}
    """
    found: dict[str, str] = {}
    for each in settings_class.__mro__:
        section = _ATTRIBUTES.search(inspect.cleandoc(each.__doc__ or ""))
        for name, text in _DESCRIBED.findall(section[1] if section else ""):
            found.setdefault(name, " ".join(text.replace("`", "").split()))
    return found


def _typed(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(_typed, value)) or "[]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


if __name__ == "__main__":
    _define_flags()
    run_program(main)
