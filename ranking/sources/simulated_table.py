"""Simulated sessions as rows of a session table."""

import numpy as np
import pyarrow as pa

from ranking.sources.simulated_catalog import BRANDS, CATEGORIES, SHOPS, Catalog, Floats, Ints
from ranking.sources.simulated_evidence import count_actions
from ranking.sources.simulated_memory import Behaviors
from ranking.sources.simulated_sessions import SimulatedSessions
from ranking.sources.simulated_users import AGE_GROUPS, SECONDS_PER_DAY, Users

SCENARIOS = ("search", "recommendation")
ACTIONS = ("click", "order")


def table_batch(
    catalog: Catalog, users: Users, sessions: SimulatedSessions, rows: slice
) -> pa.RecordBatch:
    """Maps `rows` of the sessions to a record batch with every column the simulation knows."""
    visits, numbers = sessions.visits, np.arange(rows.start, rows.stop)
    user = visits.user[rows]
    return pa.record_batch(
        {
            "session_id": pa.array([f"s{number:07d}" for number in numbers.tolist()]),
            "user_id": pa.array([f"u{number:06d}" for number in user.tolist()]),
            "time": pa.array(visits.time[rows]),
            "scenario": _names(SCENARIOS, visits.scenario[rows]),
            "query": pa.array(sessions.query[rows], pa.string()),
            "age_group": _names(AGE_GROUPS, users.age_group[user]),
            "behaviors": _behaviors(catalog, sessions, rows),
            "candidates": _candidates(catalog, sessions, rows),
        }
    )


def _behaviors(catalog: Catalog, sessions: SimulatedSessions, rows: slice) -> pa.ListArray:
    past = sessions.behaviors
    is_there = past.is_there[rows]
    ages = (sessions.visits.time[rows, None] - past.time[rows]) / SECONDS_PER_DAY
    fields = {
        **_item_fields(catalog, past.item[rows][is_there]),
        "action": _names(ACTIONS, past.ordered[rows][is_there].astype(np.int64)),
        "days_ago": _float32(ages[is_there]),
    }
    return _lists(is_there.sum(axis=1), fields)


def _candidates(catalog: Catalog, sessions: SimulatedSessions, rows: slice) -> pa.ListArray:
    shown = sessions.is_shown[rows]
    item = sessions.item[rows][shown]
    fields = {
        **_item_fields(catalog, item),
        "price": _float32(catalog.price[item]),
        "popularity": _float32(sessions.popularity[rows][shown]),
        **_action_counts(catalog, sessions, rows),
        "click_probability": _float32(sessions.click_probability[rows][shown]),
        "order_probability": _float32(sessions.order_probability[rows][shown]),
        "click": pa.array(sessions.click[rows][shown].astype(np.int64)),
        "order": pa.array(sessions.order[rows][shown].astype(np.int64)),
    }
    return _lists(sessions.length[rows], fields)


def _action_counts(
    catalog: Catalog, sessions: SimulatedSessions, rows: slice
) -> dict[str, pa.Array]:
    past, shown = sessions.behaviors, sessions.is_shown[rows]
    behaviors = Behaviors(past.item[rows], past.ordered[rows], past.time[rows])
    attributes = {
        "item_actions": np.arange(catalog.size),
        "category_actions": catalog.category,
        "brand_actions": catalog.brand,
        "shop_actions": catalog.shop,
    }
    return {
        name: _float32(count_actions(attribute, behaviors, sessions.item[rows])[shown])
        for name, attribute in attributes.items()
    }


def _item_fields(catalog: Catalog, item: Ints) -> dict[str, pa.Array]:
    return {
        "item": _names(_numbered("i", catalog.size), item),
        "category": _names(_numbered("c", CATEGORIES), catalog.category[item]),
        "brand": _names(_numbered("b", BRANDS), catalog.brand[item]),
        "shop": _names(_numbered("s", SHOPS), catalog.shop[item]),
        "price_level": _float32(np.exp(catalog.relative_price[item])),
    }


def _numbered(letter: str, count: int) -> list[str]:
    width = len(str(count - 1))
    return [f"{letter}{number:0{width}d}" for number in range(count)]


def _names(names: list[str] | tuple[str, ...], numbers: Ints) -> pa.Array:
    return pa.array(names).take(pa.array(numbers))


def _float32(values: Floats | Ints) -> pa.Array:
    return pa.array(values.astype(np.float32))


def _lists(lengths: Ints, fields: dict[str, pa.Array]) -> pa.ListArray:
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    structs = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return pa.ListArray.from_arrays(offsets, structs)
