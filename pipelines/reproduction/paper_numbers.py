"""The numbers that the AW-MoE paper published, Tables II to VI."""

from collections.abc import Mapping
from types import MappingProxyType

METRICS = ("session_auc", "auc_at_10", "ndcg", "ndcg_at_10")
"""The paper's metrics, in the order of its columns."""

FULL, LONG_TAIL_1, LONG_TAIL_2, AMAZON = "full", "long_tail_1", "long_tail_2", "amazon"

Row = Mapping[str, float]


def _rows(**rows: tuple[float, ...]) -> Mapping[str, Row]:
    named = {
        system: MappingProxyType(dict(zip(METRICS, row, strict=False)))
        for system, row in rows.items()
    }
    return MappingProxyType(named)


VALUES = MappingProxyType(
    {
        FULL: _rows(
            dnn=(0.8201, 0.7471, 0.6580, 0.6369),
            din=(0.8361, 0.7674, 0.6785, 0.6587),
            category_moe=(0.8388, 0.7706, 0.6820, 0.6624),
            aw_moe=(0.8459, 0.7797, 0.6919, 0.6729),
            aw_moe_cl=(0.8472, 0.7808, 0.6937, 0.6747),
            aw_moe_base=(0.8438, 0.7766, 0.6884, 0.6692),
            aw_moe_gu=(0.8451, 0.7784, 0.6900, 0.6709),
            aw_moe_au=(0.8455, 0.7789, 0.6908, 0.6717),
        ),
        LONG_TAIL_1: _rows(
            dnn=(0.8274, 0.7949, 0.6894, 0.6802),
            din=(0.8283, 0.7951, 0.6909, 0.6808),
            category_moe=(0.8299, 0.7969, 0.6916, 0.6819),
            aw_moe=(0.8353, 0.8019, 0.7004, 0.6901),
            aw_moe_cl=(0.8379, 0.8068, 0.7034, 0.6943),
        ),
        LONG_TAIL_2: _rows(
            dnn=(0.7621, 0.6870, 0.6039, 0.5820),
            din=(0.7761, 0.7066, 0.6216, 0.6018),
            category_moe=(0.7772, 0.7059, 0.6228, 0.6026),
            aw_moe=(0.7849, 0.7151, 0.6342, 0.6141),
            aw_moe_cl=(0.7873, 0.7185, 0.6363, 0.6166),
        ),
        AMAZON: _rows(
            dnn=(0.7123,),
            din=(0.7162,),
            category_moe=(0.7253,),
            aw_moe=(0.7362,),
            aw_moe_cl=(0.7381,),
        ),
    }
)
"""Test set -> system -> metric -> value. The first three are of JD's search log."""

P_VALUES = MappingProxyType(
    {
        FULL: _rows(
            din=(1.00e-20, 1.00e-20, 1.00e-20, 1.00e-20),
            category_moe=(1.00e-20, 1.00e-20, 1.00e-20, 1.00e-20),
            aw_moe=(1.33e-15, 4.38e-10, 1.07e-11, 9.96e-11),
            aw_moe_cl=(1.00e-20, 2.08e-12, 6.66e-16, 5.37e-14),
        ),
        LONG_TAIL_1: _rows(
            din=(8.02e-01, 9.66e-01, 7.79e-01, 9.07e-01),
            category_moe=(5.06e-01, 6.93e-01, 6.86e-01, 7.68e-01),
            aw_moe=(1.38e-01, 3.09e-01, 1.13e-01, 1.72e-01),
            aw_moe_cl=(2.67e-02, 4.37e-02, 3.34e-02, 3.77e-02),
        ),
        LONG_TAIL_2: _rows(
            din=(1.24e-06, 8.62e-08, 2.61e-07, 1.10e-07),
            category_moe=(1.89e-07, 2.82e-07, 3.76e-08, 3.60e-08),
            aw_moe=(7.00e-03, 1.20e-02, 1.00e-03, 2.00e-03),
            aw_moe_cl=(4.00e-04, 5.00e-04, 1.00e-04, 2.00e-04),
        ),
        AMAZON: _rows(
            din=(7.68e-06,), category_moe=(1.00e-20,), aw_moe=(1.00e-20,), aw_moe_cl=(1.00e-20,)
        ),
    }
)
"""Test set -> system -> metric -> p-value of its difference to the system in `COMPARED_WITH`."""

COMPARED_WITH = MappingProxyType(
    {"din": "dnn", "category_moe": "dnn", "aw_moe": "category_moe", "aw_moe_cl": "category_moe"}
)
"""Which system each one's p-values are against: `*` of the paper is DNN, a double dagger
Category-MoE."""

BEST = MappingProxyType({"mask_probability": 0.1, "negatives": 3.0, "contrastive_weight": 0.05})
"""Figure 8: where each setting peaks, by AUC@10 on the first long-tail test set."""


def paper_gain(test_set: str, base: str, other: str, metric: str = "session_auc") -> float | None:
    """How much better than `base` the paper found `other`; `None` where it says nothing.

    Example:
        >>> round(paper_gain("long_tail_1", "aw_moe", "aw_moe_cl"), 4)
        0.0026
    """
    rows = VALUES.get(test_set, {})
    if metric not in rows.get(base, {}) or metric not in rows.get(other, {}):
        return None
    return rows[other][metric] - rows[base][metric]
