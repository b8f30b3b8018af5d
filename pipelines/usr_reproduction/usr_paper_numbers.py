"""The numbers that the USR paper published, Table 1."""

from collections.abc import Mapping
from types import MappingProxyType

SEARCH, RECOMMENDATION = "search", "recommendation"
CTR, CTCVR = "CTR", "CTCVR"
SCENARIOS: Mapping[str, str] = MappingProxyType({SEARCH: "S", RECOMMENDATION: "R"})
"""Scenario -> the paper's letter for it."""

_TASKS = {"click": CTR, "order": CTCVR, "purchase": CTCVR}
_BACKBONES = ("shared_bottom", "mmoe", "ple", "star", "m2m", "apg")
# For each scenario Base and Base+USR, CTR and CTCVR of one backbone after the other.
_ROWS = {
    SEARCH: (
        (0.8298, 0.8227, 0.8327, 0.8250, 0.8331, 0.8257)
        + (0.8330, 0.8259, 0.8316, 0.8231, 0.8337, 0.8261),
        (0.8347, 0.8268, 0.8352, 0.8270, 0.8359, 0.8271)
        + (0.8358, 0.8274, 0.8343, 0.8266, 0.8353, 0.8269),
    ),
    RECOMMENDATION: (
        (0.6894, 0.6529, 0.6909, 0.6541, 0.6917, 0.6568)
        + (0.6921, 0.6524, 0.6904, 0.6527, 0.6919, 0.6561),
        (0.6951, 0.6569, 0.6960, 0.6578, 0.6979, 0.6577)
        + (0.6977, 0.6581, 0.6963, 0.6571, 0.6981, 0.6584),
    ),
}


def task_title(task: str) -> str:
    """What the paper calls a label's task, or the label itself where it has no such task.

    Example:
        >>> task_title("click"), task_title("order"), task_title("share")
        ('CTR', 'CTCVR', 'share')
    """
    return _TASKS.get(task, task)


def paper_auc(backbone: str, scenario: str, task: str, *, with_usr: bool) -> float | None:
    """The AUC in Table 1; `None` where the paper has none.

    Example:
        >>> paper_auc("apg", "recommendation", "order", with_usr=True)
        0.6584
    """
    title = task_title(task)
    if backbone not in _BACKBONES or scenario not in _ROWS or title not in (CTR, CTCVR):
        return None
    place = 2 * _BACKBONES.index(backbone) + (CTR, CTCVR).index(title)
    return _ROWS[scenario][int(with_usr)][place]


def paper_gain(backbone: str, scenario: str, task: str) -> float | None:
    """What the paper says USR gains; `None` where it says nothing.

    Example:
        >>> round(paper_gain("shared_bottom", "search", "click"), 4)
        0.0049
    """
    base = paper_auc(backbone, scenario, task, with_usr=False)
    other = paper_auc(backbone, scenario, task, with_usr=True)
    return None if base is None or other is None else other - base


SMALLEST_GAIN = min(
    gain
    for backbone in _BACKBONES
    for scenario in _ROWS
    for task in ("click", "order")
    if (gain := paper_gain(backbone, scenario, task)) is not None
)
"""The smallest of the paper's 24 gains, APG's in search and CTCVR."""
