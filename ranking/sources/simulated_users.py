"""The users of the simulated shop, and what they did before the simulation starts."""

import dataclasses

import numpy as np

from ranking.sources.simulated_catalog import CATEGORIES, Catalog, Floats, Ints
from ranking.sources.simulated_memory import MEMORY_LENGTH, Memory

AGE_GROUPS = ("18-24", "25-34", "35-49", "50+")
SECONDS_PER_DAY = 86_400
DAYS_BEFORE = 30

_INTEREST_SHARES = (0.5, 0.25, 0.15, 0.1)
_CHOICES_PER_BEHAVIOR = 12


@dataclasses.dataclass(frozen=True)
class Users:
    """Hidden tastes, one row per user. They make the early behaviors and the queries; what a
    user likes later on follows from the behaviors alone.

    Attributes:
        activity: How much the user does, 1 in the middle, heavy-tailed.
        age_group: Number of the age group.
        interests: `[U, 4]`, categories the user likes, best first.
        brands: `[U, 4]`, favorite brand in each of these categories.
        shops: `[U, 4]`, favorite shop in each of these categories.
        relative_price: What the user likes to pay, as `Catalog.relative_price`.
        order_share: How many of the early behaviors are orders.
    """

    activity: Floats
    age_group: Ints
    interests: Ints
    brands: Ints
    shops: Ints
    relative_price: Floats
    order_share: Floats

    @property
    def size(self) -> int:
        """Number of users."""
        return len(self.activity)

    def draw_interests(self, users: Ints, rng: np.random.Generator) -> Ints:
        """Draws which of a user's interests (0 to 3) is meant, for each entry of `users`."""
        return rng.choice(len(_INTEREST_SHARES), size=users.shape, p=_INTEREST_SHARES)


def build_users(size: int, catalog: Catalog, rng: np.random.Generator) -> Users:
    """Draws `size` users."""
    shape = (size, len(_INTEREST_SHARES))
    interests = rng.choice(CATEGORIES, size=shape, p=catalog.category_share)
    return Users(
        activity=np.exp(rng.normal(0.0, 1.4, size)),
        age_group=rng.choice(len(AGE_GROUPS), size=size, p=[0.2, 0.35, 0.3, 0.15]),
        interests=interests,
        brands=catalog.brand[catalog.draw_items(interests, rng)],
        shops=catalog.shop[catalog.draw_items(interests, rng)],
        relative_price=rng.normal(0.0, 0.4, size),
        order_share=rng.beta(0.5, 1.0, size),
    )


def recall_earlier_days(
    users: Users, catalog: Catalog, start: int, rng: np.random.Generator
) -> Memory:
    """Draws what users did in the `DAYS_BEFORE` days before `start` (seconds) from their tastes."""
    counts = np.minimum(rng.poisson(1.1 * users.activity), 2 * MEMORY_LENGTH)
    user = np.repeat(np.arange(users.size), counts)
    item = _choose_items(users, catalog, user, rng)
    ordered = rng.random(len(user)) < users.order_share[user]
    ago = 1 + (DAYS_BEFORE * SECONDS_PER_DAY * rng.random(len(user)) ** 1.5).astype(np.int64)
    order = np.lexsort((-ago, user))
    item, ordered, time = item[order], ordered[order], start - ago[order]

    memory = Memory(users.size)
    first = np.cumsum(counts) - counts
    for step in range(int(counts.max(initial=0))):
        active = np.flatnonzero(counts > step)
        rows = first[active] + step
        memory.remember(active, item[rows], ordered[rows], time[rows])
    return memory


def _choose_items(users: Users, catalog: Catalog, user: Ints, rng: np.random.Generator) -> Ints:
    """The item that each user `[N]` takes out of a dozen of a category of interest."""
    slot = users.draw_interests(user, rng)
    category = np.repeat(users.interests[user, slot][:, None], _CHOICES_PER_BEHAVIOR, axis=1)
    choices = catalog.draw_items(category, rng)
    taste = (
        2.5 * (catalog.brand[choices] == users.brands[user, slot][:, None])
        + 1.8 * (catalog.shop[choices] == users.shops[user, slot][:, None])
        - 2.0 * np.abs(catalog.relative_price[choices] - users.relative_price[user][:, None])
        + rng.gumbel(size=choices.shape)
    )
    return choices[np.arange(len(user)), taste.argmax(axis=1)]
