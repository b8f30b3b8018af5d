"""Every setting is read by the code that it configures."""

import ast
import dataclasses
from pathlib import Path

import pytest

from ranking.models.catalog import MODELS
from ranking.training.settings import TrainingSettings

ROOT = Path(__file__).parents[1] / "ranking"
CLASSES = (*(entry.settings_class for entry in MODELS.values()), TrainingSettings)
SETTINGS = sorted(
    {(kind, field.name) for kind in CLASSES for field in dataclasses.fields(kind)}, key=str
)


@pytest.fixture(scope="module")
def read_names() -> set[str]:
    """Attributes that code reads of anything but `self`, which only checks a setting's range."""
    return {
        node.attr
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }


@pytest.mark.parametrize(
    ("kind", "name"), SETTINGS, ids=lambda value: getattr(value, "__name__", value)
)
def test_every_setting_is_read(kind: type, name: str, read_names: set[str]) -> None:
    assert name in read_names, f"nothing reads `{name}` of {kind.__name__}"


@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_is_described(kind: type) -> None:
    documents = "\n".join(base.__doc__ or "" for base in kind.__mro__[:-1])
    missing = [f.name for f in dataclasses.fields(kind) if f"\n        {f.name}: " not in documents]
    assert missing == []
