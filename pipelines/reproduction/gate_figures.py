"""Figure 7 of the AW-MoE paper: what the gate makes of new and old users."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from sklearn.metrics import silhouette_samples

from pipelines.reproduction.figures import (
    INK,
    MEDIUM,
    PALETTE,
    SMALL,
    new_figure,
    save_figure,
)
from pipelines.reproduction.gate_embedding import GateEmbedding, embed_gates
from pipelines.reproduction.session_gates import session_gates
from pipelines.reproduction.user_groups import NEW, UserGroups, user_groups
from ranking.training.session_file import SessionFile

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_MOST_SESSIONS = 2000
_LEAST_OF_A_GROUP = 300
_STYLES = ((PALETTE[1], "s"), (PALETTE[2], "o"), (PALETTE[0], "^"))
_DOT_AREA = 13.0
_COUNTED_FROM = 20
_WHY = {
    "item": "With target item: the user acted on the target item before.",
    "category": "With target category: the user acted on the target's category before. The paper "
    "has the target item, which no session here has among its behaviors.",
    "none": "No session's target occurs among its behaviors, so old users are one group.",
}


@dataclasses.dataclass(frozen=True)
class GateMap:
    """The numbers behind the picture of a gate.

    Silhouettes (-1 to 1; 0 is no separation) and the separation are of the gates themselves, not of
    their places in the picture; NaN where a group is missing.

    Attributes:
        target: What old users are told apart by: `"item"`, `"category"` or `"none"`.
        sessions: Sessions of each group.
        shown: Sessions of each group in the picture.
        distinct_gates: Different gates among the sessions shown.
        method: How gates got their places, `"t-SNE"` where it applies.
        silhouette: Of all groups, over the sessions shown.
        silhouettes: The same, over the sessions of each group that are shown: how well it clusters.
        silhouette_new_old: Of new against old users, over the sessions shown.
        silhouette_target: Of old users with against those without target, over the sessions shown.
        separation_new_old: Distance between the mean gates of new and old users, over the root mean
            square distance of a session to its own group's; of all sessions. Infinite where every
            session has its group's mean.
    """

    target: str
    sessions: Mapping[str, int]
    shown: Mapping[str, int]
    distinct_gates: int
    method: str
    silhouette: float
    silhouettes: Mapping[str, float]
    silhouette_new_old: float
    silhouette_target: float
    separation_new_old: float


def gate_map(sessions: SessionFile, path: Path, *, simulated: bool, seed: int = 0) -> GateMap:
    """Draws the gates of up to 2,000 sessions in two dimensions, colored by group of users.

    Every group shows at least 300 of its sessions, or all it has; the rest are shared out by size.

    Args:
        sessions: An evaluation of a model with a gate.
        path: The PNG file.
        simulated: Whether the title must say that the data are simulated.
        seed: Decides which sessions are shown, and about t-SNE's ways.

    Raises:
        ValueError: If there is no gate, no session, or a gate is not finite.
    """
    gates, groups = session_gates(sessions), user_groups(sessions)
    shown = _sample(groups, seed)
    part = UserGroups(groups.names, groups.codes[shown], groups.target)
    embedding = embed_gates(gates[shown], seed)
    numbers = _numbers(gates, groups, shown, embedding)
    figure = new_figure(
        640, _title(sessions, groups.target), simulated=simulated, note=_note(numbers)
    )
    _draw(figure.add_subplot(), embedding, part, numbers)
    save_figure(figure, path)
    return numbers


def _sample(groups: UserGroups, seed: int) -> Indices:
    """Positions of the sessions to show, ascending."""
    members = [np.flatnonzero(groups.codes == code) for code in range(len(groups.names))]
    least = [min(len(group), _LEAST_OF_A_GROUP) for group in members]
    rest = sum(map(len, members)) - sum(least)
    share = min(1.0, (_MOST_SESSIONS - sum(least)) / rest) if rest else 0.0
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(group)[: count + int(share * (len(group) - count))]
        for group, count in zip(members, least, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def _numbers(gates: Array, groups: UserGroups, shown: Indices, embedding: GateEmbedding) -> GateMap:
    part, codes = gates[shown], groups.codes[shown]
    is_old = codes != NEW
    each = _silhouettes(part, codes)
    return GateMap(
        target=groups.target,
        sessions=groups.sizes,
        shown=dataclasses.replace(groups, codes=codes).sizes,
        distinct_gates=len(embedding.places),
        method=embedding.method,
        silhouette=float(each.mean()),
        silhouettes={
            name: float(each[codes == code].mean()) if (codes == code).any() else math.nan
            for code, name in enumerate(groups.names)
        },
        silhouette_new_old=float(_silhouettes(part, is_old).mean()),
        silhouette_target=float(_silhouettes(part[is_old], codes[is_old]).mean()),
        separation_new_old=_separation(gates, groups.codes == NEW),
    )


def _silhouettes(gates: Array, codes: npt.NDArray[np.generic]) -> Array:
    """Gates `[n, K]` and their groups `[n]` -> their silhouettes `[n]`, NaN without two groups."""
    if not 2 <= len(np.unique(codes)) < len(codes):
        return np.full(max(len(codes), 1), math.nan)
    return np.asarray(silhouette_samples(gates, codes))


def _separation(gates: Array, is_new: npt.NDArray[np.bool_]) -> float:
    if is_new.all() or not is_new.any():
        return math.nan
    means = np.stack([gates[~is_new].mean(axis=0), gates[is_new].mean(axis=0)])
    distance = float(np.linalg.norm(means[1] - means[0]))
    spread = math.sqrt(float(((gates - means[is_new.astype(int)]) ** 2).sum(axis=1).mean()))
    if spread == 0:
        return math.inf if distance > 0 else 0.0
    return distance / spread


def _draw(axes: Axes, embedding: GateEmbedding, part: UserGroups, numbers: GateMap) -> None:
    for code, name in enumerate(part.names):
        color, marker = _STYLES[code]
        shown, all_sessions = numbers.shown[name], numbers.sessions[name]
        size = f"{shown:,} of {all_sessions:,} sessions" if all_sessions else "no session"
        axes.scatter([], [], s=36, color=color, marker=marker, label=f"{name}\n{size}")
        gates, counts = np.unique(embedding.gate_of[part.codes == code], return_counts=True)
        across, up = embedding.places[gates].T
        axes.scatter(
            across,
            up,
            s=_DOT_AREA * np.sqrt(counts),
            color=color,
            marker=marker,
            alpha=0.75,
            linewidths=0,
            # Small groups on top, where nothing hides them.
            zorder=2 + 1 / (1 + shown),
        )
        for gate, count in zip(gates, counts, strict=True):
            if count >= _COUNTED_FROM:
                _write_count(axes, embedding.places[gate], int(count))
    axes.set(xticks=[], yticks=[])
    axes.margins(0.06)
    axes.set_aspect("equal", adjustable="datalim")
    for side in axes.spines.values():
        side.set_color("#d0d0d0")
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        fontsize=MEDIUM,
        labelspacing=1.2,
        labelcolor=INK,
    )


def _write_count(axes: Axes, place: Array, count: int) -> None:
    axes.annotate(
        f"{count:,}",
        tuple(place),
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        fontsize=SMALL,
        color=INK,
        zorder=4,
    )


def _title(sessions: SessionFile, target: str) -> str:
    document = sessions.document
    data = PurePath(str(document["data"])).name
    title = f"Gate outputs of {document['model']} on {data}, {document['split']} split"
    return title + (", old users by the target's category" if target == "category" else "")


def _note(numbers: GateMap) -> str:
    lines = [f"One place per distinct gate ({numbers.method})."]
    if numbers.distinct_gates < sum(numbers.shown.values()):
        lines[0] += " Larger dots are sessions with the same gate; the number says how many."
    silhouettes = [
        ("all groups", numbers.silhouette),
        ("new against old", numbers.silhouette_new_old),
        ("with against without target", numbers.silhouette_target),
    ]
    known = [f"{name} {value:.2f}" for name, value in silhouettes if not math.isnan(value)]
    if known:
        lines.append(f"Silhouette of the gates themselves: {', '.join(known)}.")
    return "\n".join([*lines, _WHY[numbers.target]])
