"""One export for all tests of this folder: it takes seconds."""

from collections.abc import Iterator

import pytest

from ranking.export.loaded_model import LoadedModel
from tests.helpers.exported_model import ExportedModel, export_small_model, prepared_small_data
from tests.helpers.watched_versions import Snapshot, watched_versions


@pytest.fixture(scope="session")
def watched_export(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ExportedModel, list[Snapshot]]:
    """An `aw_moe` with a gate per session, and what its versions were at many moments."""
    folder = tmp_path_factory.mktemp("exported")
    data = prepared_small_data(folder / "data", train=61, test=101)
    with watched_versions(folder / "export") as snapshots:
        exported = export_small_model(folder / "export", data, "aw_moe", experts=3)
    return exported, snapshots


@pytest.fixture(scope="session")
def exported(watched_export: tuple[ExportedModel, list[Snapshot]]) -> ExportedModel:
    """An `aw_moe` with a gate per session."""
    return watched_export[0]


@pytest.fixture(scope="session")
def served(exported: ExportedModel) -> Iterator[LoadedModel]:
    """That export, loaded as a server does."""
    model = LoadedModel(exported.export.folder)
    yield model
    model.close()
