"""How far a model has come from a simple ranker to the best possible one."""


def share_of_way(model: float, popularity: float, oracle: float) -> float:
    """Maps three values of a metric to (model - popularity) / (oracle - popularity).

    0 is no better than ranking by popularity, 1 as good as knowing the true probabilities. NaN
    where the oracle is not above popularity, so that there is no way to go.

    Example:
    >>> share_of_way(0.75, popularity=0.5, oracle=1.0)
    0.5
    """
    way = oracle - popularity
    return (model - popularity) / way if way > 0 else float("nan")
