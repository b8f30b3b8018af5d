"""A made-up online shop with known probabilities: the data of the demo."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from ranking.features.spec import FeatureSpec
from ranking.sources.options import Options
from ranking.sources.session_source import SPLITS, SessionSource
from ranking.sources.session_table import arrow_schema, conform
from ranking.sources.simulated_catalog import (
    CATEGORIES,
    FEWEST_ITEMS_PER_CATEGORY,
    Catalog,
    build_catalog,
)
from ranking.sources.simulated_reference import reference_metrics
from ranking.sources.simulated_sessions import Shop, SimulatedSessions
from ranking.sources.simulated_table import table_batch
from ranking.sources.simulated_users import Users, build_users, recall_earlier_days
from ranking.sources.simulated_visits import START, plan_visits
from ranking.sources.simulated_wants import ExclusiveWants
from ranking.sources.source_error import SourceError

_NAME = "simulator"
_TABLE = "the simulation"
_SESSIONS_PER_BATCH = 1000
_SESSIONS_PER_USER = 20


@dataclasses.dataclass(frozen=True)
class _Settings:
    sessions: Mapping[str, int]
    users: int
    items: int
    scenario_difference: float
    shared_items: float
    search_share: float
    exclusive_wants: float
    daily_behaviors: bool


def open_simulator(
    spec: FeatureSpec, input: str | None, options: Mapping[str, str], seed: int
) -> SessionSource:
    """Simulates two weeks of search and recommendation sessions.

    Train, validation and test sessions follow each other in time: ten days, one day, three days.
    Behaviors are what a user clicked or ordered in the month before the two weeks and in earlier
    sessions. `click_probability` and `order_probability` hold the truth that labels are drawn
    from, so that a model's metrics can be compared with the best possible ones.

    Args:
        spec: Feature spec whose fields are among those of `feature_specs/demo.yaml`.
        input: Must be empty, there is nothing to read.
        options: `train_sessions`, `validation_sessions`, `test_sessions`, `users` (three for
            five sessions where not given), `items`, `scenario_difference` (0: search and
            recommendation follow the same preferences; 1: different ones; 3: unrelated ones,
            most signals matter in one of the two only), `shared_items` (share of a page that
            repeats what the user saw in the other scenario earlier that day), `search_share` (of
            the sessions), `exclusive_wants` (share of what a user may want on a day that is acted
            on in one scenario alone; the probabilities recorded are those given all pages that the
            user saw that day, which is more than a model is told), `daily_behaviors` (`yes`:
            sessions know the behaviors of earlier days alone, as where logs are read at night).
        seed: Seed of everything random. At least 0.

    Raises:
        SourceError: If an option is out of range, `input` is given, or the spec has a field that
            the simulation does not know.
    """
    if input:
        raise SourceError(
            f"`input` must be empty for source `{_NAME}`, which reads nothing. "
            f"Received: input={input!r}"
        )
    settings = _read_settings(Options(_NAME, options))
    catalog, users, sessions = _simulate(settings, seed)
    # A field that the simulation does not know is an error now, not at the first pass.
    conform(table_batch(catalog, users, sessions, slice(0, 0)), arrow_schema(spec), _TABLE)
    ends = np.cumsum([settings.sessions[split] for split in SPLITS]).tolist()
    rows = dict(zip(SPLITS, map(slice, [0, *ends[:-1]], ends), strict=True))
    return SessionSource(
        splits={
            split: _split_reader(spec, catalog, users, sessions, rows[split]) for split in SPLITS
        },
        simulated=True,
        description=_describe(settings, seed, sessions, rows["test"]),
    )


def _read_settings(options: Options) -> _Settings:
    sessions = {
        "train": options.count("train_sessions", 20_000),
        "validation": options.count("validation_sessions", 2_500),
        "test": options.count("test_sessions", 5_000),
    }
    total = sum(sessions.values())
    fewest_users = max(100, -(-total // _SESSIONS_PER_USER))
    return _Settings(
        sessions=sessions,
        users=options.count("users", max(fewest_users, total * 3 // 5), minimum=fewest_users),
        items=options.count("items", 1_500, minimum=CATEGORIES * FEWEST_ITEMS_PER_CATEGORY),
        scenario_difference=_number(options, "scenario_difference", 0.5, highest=3),
        shared_items=_number(options, "shared_items", 0.2, highest=1),
        search_share=_number(options, "search_share", 0.5, highest=1),
        exclusive_wants=_number(options, "exclusive_wants", 0.0, highest=1),
        daily_behaviors=options.choice("daily_behaviors", ("no", "yes"), "no") == "yes",
    )


def _number(options: Options, name: str, default: float, *, highest: int) -> float:
    try:
        value = float(options.text(name, str(default)))
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= highest:
        raise options.error(name, f"a number from 0 to {highest}")
    return value


def _simulate(settings: _Settings, seed: int) -> tuple[Catalog, Users, SimulatedSessions]:
    rng = np.random.default_rng(seed)
    catalog = build_catalog(settings.items, rng)
    users = build_users(settings.users, catalog, rng)
    shop = Shop(
        catalog,
        users,
        recall_earlier_days(users, catalog, START, rng),
        scenario_difference=settings.scenario_difference,
        shared_items=settings.shared_items,
        wants=ExclusiveWants(settings.exclusive_wants, seed),
        daily_behaviors=settings.daily_behaviors,
        rng=rng,
    )
    visits = plan_visits(users, settings.sessions, rng, search_share=settings.search_share)
    return catalog, users, shop.serve(visits)


def _split_reader(
    spec: FeatureSpec, catalog: Catalog, users: Users, sessions: SimulatedSessions, rows: slice
) -> Callable[[], Iterator[pa.RecordBatch]]:
    schema = arrow_schema(spec)

    def read() -> Iterator[pa.RecordBatch]:
        for start in range(rows.start, rows.stop, _SESSIONS_PER_BATCH):
            part = slice(start, min(start + _SESSIONS_PER_BATCH, rows.stop))
            yield conform(table_batch(catalog, users, sessions, part), schema, _TABLE)

    return read


def _describe(
    settings: _Settings, seed: int, sessions: SimulatedSessions, test: slice
) -> dict[str, str | int | float]:
    shown = int(sessions.length.sum())
    return {
        "source": _NAME,
        "seed": seed,
        **{f"{split}_sessions": count for split, count in settings.sessions.items()},
        "users": settings.users,
        "items": settings.items,
        "scenario_difference": settings.scenario_difference,
        "shared_items": settings.shared_items,
        "search_share": settings.search_share,
        "exclusive_wants": settings.exclusive_wants,
        "daily_behaviors": "yes" if settings.daily_behaviors else "no",
        "click_rate": round(int(sessions.click.sum()) / shown, 4),
        "order_rate": round(int(sessions.order.sum()) / shown, 4),
        **reference_metrics(sessions, test),
    }
