"""Who may import whom: forward along the data's way, and nothing points back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("ranking", "pipelines", "tools", "tests")
LIGHT = {"yaml"}
# Folder or module -> outside packages it may import, and parts of this project it may import.
RULES = {
    "ranking.settings_parser": (set(), {"ranking.setting_rules", "ranking.did_you_mean"}),
    "ranking.did_you_mean": (set(), set()),
    "ranking.setting_rules": (set(), {"ranking.settings_parser"}),
    "ranking.layers": ({"keras"}, {"ranking.layers"}),
    "ranking.losses": ({"keras"}, {"ranking.losses"}),
    "ranking.metrics": ({"numpy", "scipy"}, {"ranking.metrics"}),
    "ranking.features.spec": (LIGHT, {"ranking.features.spec", "ranking.did_you_mean"}),
    "ranking.sources": (
        {"numpy", "pyarrow", "scipy"},
        {"ranking.sources", "ranking.features.spec", "ranking.did_you_mean"},
    ),
    "ranking.features": (
        {"keras", "numpy", "pyarrow", "tensorflow", *LIGHT},
        {
            "ranking.features",
            "ranking.layers",
            "ranking.sources.session_source",
            "ranking.did_you_mean",
        },
    ),
    "ranking.backbones": (
        {"keras"},
        {
            "ranking.backbones",
            "ranking.layers",
            "ranking.settings_parser",
            "ranking.setting_rules",
        },
    ),
    "ranking.models": (
        {"keras"},
        {
            "ranking.models",
            "ranking.backbones",
            "ranking.layers",
            "ranking.losses",
            "ranking.features",
            "ranking.settings_parser",
            "ranking.setting_rules",
            "ranking.did_you_mean",
        },
    ),
    "ranking.training": (
        {"keras", "numpy", "pyarrow", "tensorflow"},
        {
            "ranking.training",
            "ranking.models",
            "ranking.features",
            "ranking.metrics",
            "ranking.settings_parser",
            "ranking.setting_rules",
        },
    ),
    "ranking.export": (
        {"keras", "numpy", "tensorflow"},
        {"ranking.export", "ranking.models", "ranking.layers", "ranking.features"},
    ),
    "pipelines": (
        {"absl", "apache_beam", "matplotlib", "numpy", "rich", "sklearn"},
        {"pipelines", "ranking"},
    ),
    "tools": (
        {
            "absl",
            "deepctr",
            "grpc",
            "keras",
            "numpy",
            "pyarrow",
            "rich",
            "scipy",
            "sklearn",
            "tensorflow",
            "tensorflow_recommenders",
            "tensorflow_serving",
            "tf_keras",
            "torch",
        },
        {"tools", "pipelines", "ranking"},
    ),
}
STANDARD = __import__("sys").stdlib_module_names


def _modules() -> list[tuple[str, Path]]:
    paths = [path for part in PARTS[:3] for path in sorted((ROOT / part).rglob("*.py"))]
    return [(_name(path), path) for path in paths]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def _rule(module: str) -> tuple[set[str], set[str]]:
    matches = [name for name in RULES if _is_within(module, name)]
    return RULES[max(matches, key=len)] if matches else (set(), set())


def _is_within(module: str, name: str) -> bool:
    # `ranking.features.spec` also stands for its helpers `spec_reader`, `spec_error`, ...
    return module == name or module.startswith((f"{name}.", f"{name}_"))


@pytest.mark.parametrize(("module", "path"), _modules(), ids=lambda value: str(value))
def test_imports_point_forward(module: str, path: Path) -> None:
    packages, parts = _rule(module)
    for imported in _imports(path):
        top = imported.split(".")[0]
        assert not imported.startswith("."), f"{module} imports relatively: {imported}"
        if top in PARTS:
            assert any(_is_within(imported, part) for part in parts), f"{module} imports {imported}"
        elif top not in STANDARD:
            assert top in packages, f"{module} imports {imported}"


@pytest.mark.parametrize("words", ["tf.keras", "tensorflow.keras", "tf.distribute"])
def test_words_stay_in_their_place(words: str) -> None:
    allowed = {"tf.distribute": "ranking.training."}.get(words, "nothing")
    users = [module for module, path in _modules() if words in path.read_text(encoding="utf-8")]
    assert [module for module in users if not module.startswith(allowed)] == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, ranking, ranking.features.spec_reader, ranking.sources.catalog;"
        "print(sorted({'tensorflow', 'keras', 'pyarrow'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
