"""The items of the simulated shop."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_words import CATEGORY_WORDS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CATEGORIES = len(CATEGORY_WORDS)
BRANDS = 40
SHOPS = 20
STYLES = 6
FEWEST_ITEMS_PER_CATEGORY = 25


@dataclasses.dataclass(frozen=True)
class Catalog:
    """Items in order of their category, one array entry each.

    Attributes:
        category: Number of the item's category.
        brand: Number of its brand; a category has a handful of brands.
        shop: Number of the shop that sells it; a category has a handful of shops.
        style: Number of its style, which is that of its brand.
        price: Price in units of money.
        relative_price: Logarithm of price over the category's median price.
        quality: What makes users click it more than its features say, on the logit's scale.
        earlier_clicks: Clicks it got in the month before the simulation.
        first: `[CATEGORIES + 1]`, index of each category's first item, then the number of items.
        category_share: `[CATEGORIES]`, how often users want each category.
    """

    category: Ints
    brand: Ints
    shop: Ints
    style: Ints
    price: Floats
    relative_price: Floats
    quality: Floats
    earlier_clicks: Ints
    first: Ints
    category_share: Floats

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self.category)

    def draw_items(self, categories: Ints, rng: np.random.Generator) -> Ints:
        """Draws one item of each category given, popular items more often; any shape."""
        # The square root keeps the long tail of items in view.
        cumulative = np.concatenate([[0.0], np.cumsum(np.sqrt(1.0 + self.earlier_clicks))])
        low, high = cumulative[self.first[categories]], cumulative[self.first[categories + 1]]
        points = low + (high - low) * rng.random(categories.shape)
        items = np.searchsorted(cumulative, points, side="right") - 1
        return np.clip(items, self.first[categories], self.first[categories + 1] - 1)


def build_catalog(size: int, rng: np.random.Generator) -> Catalog:
    """Draws a catalog of `size` items, heavy-tailed in categories, brands and popularity."""
    category_share = _zipf(CATEGORIES, 0.7)
    spare = size - FEWEST_ITEMS_PER_CATEGORY * CATEGORIES
    counts = FEWEST_ITEMS_PER_CATEGORY + rng.multinomial(spare, category_share)
    category = np.repeat(np.arange(CATEGORIES), counts)
    first = np.concatenate([[0], np.cumsum(counts)])

    brand = _draw_members(category, BRANDS, 7, rng)
    shop = _draw_members(category, SHOPS, 6, rng)
    price = _draw_prices(category, brand, rng)
    medians = np.array([np.median(price[a:b]) for a, b in zip(first, first[1:], strict=False)])
    quality = rng.normal(0.0, 0.15, size)
    attraction = rng.normal(3.0, 1.2, size) + quality
    return Catalog(
        category=category,
        brand=brand,
        shop=shop,
        style=rng.integers(STYLES, size=BRANDS)[brand],
        price=price,
        relative_price=np.log(price / medians[category]),
        quality=quality,
        earlier_clicks=rng.poisson(np.exp(attraction)),
        first=first,
        category_share=category_share,
    )


def _zipf(size: int, exponent: float) -> Floats:
    shares = np.array([rank**-exponent for rank in range(1, size + 1)])
    return np.asarray(shares / shares.sum())


def _draw_members(category: Ints, groups: int, per_category: int, rng: np.random.Generator) -> Ints:
    """Gives each item one of `per_category` of the `groups` that its category works with."""
    members = np.stack([rng.choice(groups, per_category, replace=False) for _ in range(CATEGORIES)])
    picks = rng.choice(per_category, size=len(category), p=_zipf(per_category, 0.5))
    return members[category, picks]


def _draw_prices(category: Ints, brand: Ints, rng: np.random.Generator) -> Floats:
    category_level = rng.normal(3.5, 0.9, CATEGORIES)
    brand_level = rng.normal(0.0, 0.4, BRANDS)
    item_level = rng.normal(0.0, 0.25, len(category))
    level = category_level[category] + brand_level[brand] + item_level
    return np.asarray(np.round(np.exp(level), 2), np.float64)
