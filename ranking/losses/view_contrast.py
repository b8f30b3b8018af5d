"""Contrastive loss between views: each looks like its own kind, and unlike the others."""

from typing import Any

from keras import ops

_NEVER = -1e30  # exp of it is 0, and it survives a subtraction, which minus infinity does not
_SHORTEST = 1e-12  # square of the length below which a vector has no direction

_NEGATIVES = ("batch", "own")
_SIMILARITIES = ("cosine", "dot")


def view_contrast(
    views: Any,
    positive_rows: Any,
    mask: Any,
    *,
    negatives: str = "batch",
    similarity: str = "cosine",
    temperature: float = 0.1,
) -> tuple[Any, Any]:
    """Sums how badly views tell their kind from others: `(N, S, D)` -> total, count.

        loss[n, k] = -log( exp(a.p / t) / (exp(a.p / t) + sum_j exp(a.n_j / t)) )

    where the anchor a is view k of row n, the positive p is the same view of another row, the
    negatives are other views, and t is the temperature. Every valid row has S anchors.

    **What it rewards.** It is smallest where a view is the same vector in all rows, so it pulls
    towards saying nothing about rows. Its weight must stay small, and `within_view_variance` tells
    how far that went.

    The products of two views serve the anchors of both, so S views take S (S - 1) / 2 tables
    `(N, N)`.

    Shapes are written with N = rows, S = views, D = width.

    Args:
        views: Float tensor `(N, S, D)`.
        positive_rows: Integer tensor `(N,)`: the row whose views are the positives of this one's,
            as `PositiveSampler` draws it.
        mask: Boolean tensor `(N,)`, `True` at rows that count. What stands elsewhere has no
            influence, on the gradient neither.
        negatives: `"batch"`: the other views of all valid rows; `"own"`: those of the own row.
        similarity: `"cosine"` or `"dot"`. A vector of zeros has the cosine 0 with any.
        temperature: What similarities are divided by.

    Returns:
        Sum over the anchors that count, and how many they are, both float32 scalars. An anchor
        counts if its row and its positive's are valid and not the same, and if there are two views.

    Raises:
        ValueError: If an argument is out of range, or if the shapes are not of these ranks.

    Example:
    >>> import numpy as np
    >>> views = np.array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    >>> rows, mask = np.array([1, 0]), np.array([True, True])
    >>> total, count = view_contrast(views, rows, mask, negatives="own", temperature=1.0)
    >>> round(float(total), 4), float(count)  # 4 log(1 + exp(-1))
    (1.253, 4.0)

    Reference:
        Unified Search and Recommendation (arXiv 2405.10835), equations 5 and 8.
    """
    _check_arguments(views, positive_rows, mask, negatives, similarity, temperature)
    number = views.shape[1]
    vectors = _vectors(views, mask, similarity)
    counted = _counted(positive_rows, mask, number)
    # Zeros where nothing counts, so that a row number there means nothing.
    rows = ops.where(counted, ops.cast(positive_rows, "int32"), 0)
    to_positive = ops.sum(vectors * ops.take(vectors, rows, axis=0), axis=-1)  # (N, S)
    terms: list[list[Any]] = [[to_positive[:, view] / temperature] for view in range(number)]
    for one in range(number):
        for other in range(one):
            pair = vectors[:, one], vectors[:, other]
            of_one, of_other = _denominators(*pair, mask, negatives, temperature)
            terms[one].append(of_one)
            terms[other].append(of_other)
    total = ops.zeros((), "float32")
    for of_view in terms:
        losses = _log_sum_exp(ops.stack(of_view, axis=-1), -1) - of_view[0]
        total = total + ops.sum(ops.where(counted, losses, 0.0))
    return total, number * ops.sum(ops.cast(counted, "float32"))


def within_view_variance(views: Any, mask: Any) -> tuple[Any, Any]:
    """How much views differ between rows, directions alone: `(N, S, D)` -> total, count.

        variance = mean_k mean_n | z[n, k] - mean_m z[m, k] |^2,   z = view / |view|

    It is 0 where each view is the same in all rows, a collapse, and near 1 where the directions
    of a view spread evenly.

    **What the count means.** The variance is one of a whole batch and no sum over its rows. It
    comes times the number of rows, as with `load_balance`.

    Args:
        views: Float tensor `(N, S, D)`.
        mask: Boolean tensor `(N,)`, `True` at rows that count. What stands elsewhere has no
            influence, on the gradient neither.

    Returns:
        The variance times the number of rows that count, and that number, both float32 scalars.

    Raises:
        ValueError: If the shapes are not of these ranks.

    Example:
    >>> import numpy as np
    >>> views = np.array([[[1.0, 0.0]], [[0.0, 7.0]]])
    >>> total, count = within_view_variance(views, np.array([True, True]))
    >>> round(float(total), 4), float(count)
    (1.0, 2.0)
    """
    if len(views.shape) != 3 or len(mask.shape) != 1:
        raise ValueError(
            "`within_view_variance` takes `views` of shape (N, S, D) and `mask` of shape (N,). "
            f"Received: views.shape={tuple(views.shape)}, mask.shape={tuple(mask.shape)}"
        )
    directions = _vectors(views, mask, "cosine")
    count = ops.sum(ops.cast(mask, "float32"))
    mean = ops.sum(directions, axis=0) / ops.maximum(count, 1.0)
    distance = ops.where(ops.expand_dims(ops.expand_dims(mask, -1), -1), directions - mean, 0.0)
    return ops.sum(ops.square(distance)) / views.shape[1], count


def _check_arguments(
    views: Any, positive_rows: Any, mask: Any, negatives: str, similarity: str, temperature: float
) -> None:
    for name, value, choices in (
        ("negatives", negatives, _NEGATIVES),
        ("similarity", similarity, _SIMILARITIES),
    ):
        if value not in choices:
            raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={value!r}")
    if not temperature > 0:
        raise ValueError(f"`temperature` must be above 0. Received: temperature={temperature!r}")
    shapes = tuple(views.shape), tuple(positive_rows.shape), tuple(mask.shape)
    if [len(shape) for shape in shapes] != [3, 1, 1] or views.shape[1] is None:
        raise ValueError(
            "`view_contrast` takes `views` of shape (N, S, D), S known, and `positive_rows` and "
            f"`mask` of shape (N,). Received: views.shape={shapes[0]}, "
            f"positive_rows.shape={shapes[1]}, mask.shape={shapes[2]}"
        )


def _counted(positive_rows: Any, mask: Any, number: int) -> Any:
    """Rows whose anchors count, `(N,)`."""
    positive_rows = ops.cast(positive_rows, "int32")
    rows = ops.arange(ops.shape(mask)[0], dtype="int32")
    if number < 2:
        return ops.zeros_like(mask)  # Nothing to tell a view from.
    # A row that is not valid may point anywhere.
    found = ops.take(mask, ops.where(mask, positive_rows, rows))
    return ops.logical_and(ops.logical_and(mask, found), positive_rows != rows)


def _vectors(views: Any, mask: Any, similarity: str) -> Any:
    """Views in float32, zeros where nothing valid stands; of length 1 for the cosine."""
    valid = ops.expand_dims(ops.expand_dims(mask, -1), -1)
    views = ops.where(valid, ops.cast(views, "float32"), 0.0)
    if similarity == "dot":
        return views
    square = ops.sum(ops.square(views), axis=-1, keepdims=True)
    has_direction = square > _SHORTEST
    # Chosen before the root, whose gradient at 0 is not finite.
    length = ops.sqrt(ops.where(has_direction, square, 1.0))
    return ops.where(has_direction, views / length, 0.0)


def _denominators(
    one: Any, other: Any, mask: Any, negatives: str, temperature: float
) -> tuple[Any, Any]:
    """`log(sum_j exp(a.n_j / t))` for the anchors of two views against each other, `(N,)` each."""
    if negatives == "own":
        products = ops.sum(one * other, axis=-1) / temperature
        return products, products
    products = ops.matmul(one / temperature, ops.transpose(other))  # (N, N)
    of_one = _log_sum_exp(ops.where(mask, products, _NEVER), 1)
    of_other = _log_sum_exp(ops.where(ops.expand_dims(mask, -1), products, _NEVER), 0)
    return of_one, of_other


def _log_sum_exp(terms: Any, axis: int) -> Any:
    """`log(sum(exp(terms)))` over an axis, without overflow."""
    largest = ops.stop_gradient(ops.max(terms, axis=axis, keepdims=True, initial=_NEVER))
    total = ops.sum(ops.exp(terms - largest), axis=axis)
    return ops.log(total) + ops.squeeze(largest, axis)
