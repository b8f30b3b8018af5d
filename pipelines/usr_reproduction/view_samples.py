"""What the views of a trained model look like: interests and features of test impressions."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ranking.features.prepared_data import PreparedData

Array = npt.NDArray[np.float64]

INTERESTS, FEATURES = "interests", "features"
_SESSIONS_PER_BATCH = 64
_SPARE = 2.0  # Twice as many are drawn as are needed, as the draws may come out short.


@dataclasses.dataclass(frozen=True, eq=False)
class ViewSample:
    """Views of n impressions. S scenarios.

    Attributes:
        scenarios: The names of the views, S of them.
        views: `interests` `[n, S, d]` and `features` `[n, S, D]`, those that the model has.
    """

    scenarios: tuple[str, ...]
    views: dict[str, Array]


def view_sample(
    folder: Path, data: "PreparedData", *, impressions: int = 150, seed: int = 0
) -> ViewSample:
    """Loads a run and shows it test impressions, drawn at random.

    Args:
        folder: The folder of a trained run of `usr`.
        data: The data that it was trained on.
        impressions: n, or fewer where the split has fewer.
        seed: Seeds the draw.

    Raises:
        ValueError: If the folder holds no trained run.
    """
    generator = np.random.default_rng(seed)
    share = min(1.0, _SPARE * impressions / data.manifest.splits["test"].candidates)
    found: dict[str, list[Array]] = {INTERESTS: [], FEATURES: []}
    for outputs, is_real in _shown(folder, data):
        chosen = is_real & (generator.random(is_real.shape) < share)
        for name in found.keys() & outputs.keys():
            found[name].append(outputs[name][chosen])
    every = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    count = min((len(each) for each in every.values()), default=0)
    rows = generator.permutation(count)[:impressions]
    return ViewSample(_scenario_names(folder), {name: each[rows] for name, each in every.items()})


def _shown(
    folder: Path, data: "PreparedData"
) -> Iterator[tuple[dict[str, Array], npt.NDArray[np.bool_]]]:
    """The views `[B, C, S, D]` of every test batch, and which candidates are real `[B, C]`."""
    from ranking.features.dataset import evaluation_batches
    from ranking.features.encoder import Encoder
    from ranking.training.run_folder import open_run
    from ranking.training.trainer import load_networks

    run = open_run(folder)
    network = load_networks(run).training
    encoder = Encoder(run.spec, run.vocabularies)
    batches = evaluation_batches(
        data, encoder, split="test", sessions_per_batch=_SESSIONS_PER_BATCH, replicas=1
    )
    for batch in batches:
        inputs = {tensor.name: batch[tensor.name] for tensor in network.inputs}
        outputs = network(inputs, training=False)
        views = {
            name: np.asarray(outputs[name], dtype=np.float64)
            for name in (INTERESTS, FEATURES)
            if name in outputs
        }
        lengths = np.asarray(batch["candidates_length"])
        places = next(iter(views.values())).shape[1] if views else 0
        yield views, np.arange(places)[None, :] < lengths[:, None]


def _scenario_names(folder: Path) -> tuple[str, ...]:
    from ranking.features.spec import RESERVED_IDS, SESSION
    from ranking.training.id_names import id_names
    from ranking.training.run_folder import open_run

    run = open_run(folder)
    table = run.spec.table_of(run.spec.field(SESSION, str(run.spec.roles.scenario)))
    names = id_names(table, run.vocabularies)
    return tuple(names(number) for number in range(RESERVED_IDS, table.rows))
