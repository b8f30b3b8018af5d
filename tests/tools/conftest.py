"""Exports for all tests of this folder: each takes seconds."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.exported_model import ExportedModel, export_small_model, prepared_small_data

_SETTINGS: dict[str, dict[str, Any]] = {
    "aw_moe": {"experts": 3},
    "usr": {"backbone": "mmoe", "embedding_size": 8, "backbone_hidden_sizes": (16, 8)},
}


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ExportedModel]:
    """Maps the name of a model to a small export of it."""
    data = prepared_small_data(
        tmp_path_factory.mktemp("data"), global_window="day", train=61, test=41
    )

    @functools.cache
    def export(model: str) -> ExportedModel:
        folder = tmp_path_factory.mktemp(model)
        return export_small_model(folder / "export", data, model, **_SETTINGS.get(model, {}))

    return export
