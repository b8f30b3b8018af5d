"""The three groups of users that the AW-MoE paper tells apart in its Figure 7."""

import dataclasses

import numpy as np
import numpy.typing as npt

from ranking.training.session_file import SessionFile

NEW = 0
_KINDS = ("item", "category")


@dataclasses.dataclass(frozen=True, eq=False)
class UserGroups:
    """The group of each of S sessions.

    Attributes:
        names: What the codes stand for; the first is that of new users.
        codes: `[S]` int64.
        target: What old users are told apart by: `"item"`, `"category"`, or `"none"` where they
            all are one group.
    """

    names: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    target: str

    @property
    def sizes(self) -> dict[str, int]:
        """How many sessions each group has."""
        counts = np.bincount(self.codes, minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, counts, strict=True)}


def user_groups(sessions: SessionFile) -> UserGroups:
    """Tells sessions of new users, of old users with and of old users without target order apart.

    A user is new without behaviors. An old user has the target order where the target item is among
    the behaviors. Where that holds for nobody, as in data without repeated purchases, the target's
    category takes the item's place; where that holds for nobody either, old users are one group.
    """
    is_old = sessions.column("history") > 0
    for kind in _KINDS:
        column = f"target_{kind}_in_history"
        has_target = is_old & sessions.column(column) if column in sessions else ~is_old & is_old
        if has_target.any():
            names = (
                "new users",
                f"old users with target {kind}",
                f"old users without target {kind}",
            )
            codes = np.where(is_old, np.where(has_target, 1, 2), NEW)
            return UserGroups(names, codes.astype(np.int64), kind)
    return UserGroups(("new users", "old users"), is_old.astype(np.int64), "none")
