"""What simulated users' behaviors say about the items they are shown."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_catalog import Catalog, Floats, Ints
from ranking.sources.simulated_memory import Behaviors
from ranking.sources.simulated_users import SECONDS_PER_DAY

_INTEREST_DAYS = 7.0
_EARLY_ORDERS = 0.4  # of one behavior: what is believed about a user without behaviors


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What behaviors say about each candidate, `[B, C]` where not said otherwise.

    Attributes:
        at_home: From 0, never acted in the candidate's category, towards 1, often acted there.
        brand: From 0 towards 1, the more the user acted on the candidate's brand.
        shop: The same for the candidate's shop.
        style: Share of the behaviors that have the candidate's style.
        interest: Share of the recent behaviors that are in the candidate's category.
        price_distance: Between the candidate's relative price and what the user usually takes.
        clicked: Whether the user clicked the candidate before, without an order.
        ordered: Whether the user ordered the candidate before.
        usual_price: `[B, 1]`, relative price that the user usually takes.
        order_share: `[B, 1]`, share of orders among the behaviors.
    """

    at_home: Floats
    brand: Floats
    shop: Floats
    style: Floats
    interest: Floats
    price_distance: Floats
    clicked: NDArray[np.bool_]
    ordered: NDArray[np.bool_]
    usual_price: Floats
    order_share: Floats


def gather_evidence(catalog: Catalog, behaviors: Behaviors, item: Ints, time: Ints) -> Evidence:
    """Compares items `[B, C]` that are shown at `time` `[B]` with what the users did before."""
    behaviors = behaviors.trimmed()
    is_there, number = behaviors.is_there, behaviors.lengths[:, None]
    order = behaviors.ordered & is_there
    recent = recency(behaviors, time, _INTEREST_DAYS)
    same_category = _matches(catalog.category, behaviors, item)
    in_category = _total(same_category, is_there)
    of_brand = _total(_matches(catalog.brand, behaviors, item), is_there)
    of_shop = _total(_matches(catalog.shop, behaviors, item), is_there)
    of_style = _total(_matches(catalog.style, behaviors, item), is_there)
    same_item = behaviors.item[:, None, :] == item[:, :, None]
    paid = np.where(is_there, catalog.relative_price[behaviors.item], 0.0)
    usual_price = paid.sum(axis=1, keepdims=True) / (number + 1.0)
    return Evidence(
        at_home=in_category / (in_category + 1.0),
        brand=of_brand / (of_brand + 1.0),
        shop=of_shop / (of_shop + 1.0),
        style=of_style / (number + 2.0),
        interest=_total(same_category, recent) / (recent.sum(axis=1, keepdims=True) + 1.0),
        price_distance=np.abs(catalog.relative_price[item] - usual_price),
        clicked=_total(same_item, is_there & ~order) > 0,
        ordered=_total(same_item, order) > 0,
        usual_price=usual_price,
        order_share=(order.sum(axis=1, keepdims=True) + _EARLY_ORDERS) / (number + 1.0),
    )


def count_actions(attribute: Ints, behaviors: Behaviors, item: Ints) -> Floats:
    """How many behaviors share each candidate's attribute: `[B, C]`.

    Args:
        attribute: An attribute of every item in the catalog, for example its brand.
        behaviors: Behaviors of B users.
        item: `[B, C]`, the candidates.
    """
    behaviors = behaviors.trimmed()
    return _total(_matches(attribute, behaviors, item), behaviors.is_there)


def recency(behaviors: Behaviors, time: Ints, days: float) -> Floats:
    """How fresh each behavior is at `time` `[B]`: 1 now, `1 / e` after `days`; `[B, T]`."""
    age = np.maximum(time[:, None] - behaviors.time, 0) / SECONDS_PER_DAY
    return np.where(behaviors.is_there, np.exp(-age / days), 0.0)


def _matches(attribute: Ints, behaviors: Behaviors, item: Ints) -> NDArray[np.bool_]:
    """Where candidate and behavior agree: `[B, C, T]`."""
    return np.asarray(attribute[behaviors.item][:, None, :] == attribute[item][:, :, None])


def _total(matches: NDArray[np.bool_], amounts: Floats | NDArray[np.bool_]) -> Floats:
    """Sums `amounts` `[B, T]` over the behaviors that match: `[B, C]`."""
    totals = matches.astype(np.float64) @ amounts.astype(np.float64)[:, :, None]
    return np.asarray(totals[:, :, 0])
