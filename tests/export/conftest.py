"""One export for all tests of this folder: it takes seconds."""

from collections.abc import Iterator

import pytest

from ranking.export.loaded_model import LoadedModel
from tests.helpers.exported_model import ExportedModel, export_small_model, prepared_small_data


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    """An `aw_moe` with a gate per session."""
    folder = tmp_path_factory.mktemp("exported")
    data = prepared_small_data(folder / "data", train=61, test=101)
    return export_small_model(folder / "export", data, "aw_moe", experts=3)


@pytest.fixture(scope="session")
def served(exported: ExportedModel) -> Iterator[LoadedModel]:
    """That export, loaded as a server does."""
    model = LoadedModel(exported.export.folder)
    yield model
    model.close()
