import numpy as np
import pytest
import tensorflow as tf

from ranking.losses.view_contrast import view_contrast, within_view_variance
from tests.helpers import view_oracles
from tests.helpers.numeric_gradient import numeric_gradient

N, S, D = 7, 3, 5
MASK = np.array([1, 1, 0, 1, 1, 0, 1], bool)
ROWS = np.array([3, 6, 2, 4, 1, 99, 0])  # Rows that are not valid may point anywhere.
OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"negatives": "own"},
        {"similarity": "dot", "temperature": 0.7},
        {"negatives": "own", "similarity": "dot", "temperature": 1.3},
    ],
)


def make_views(scenarios=S, scale=1.0):
    shape = (N, scenarios, D)
    return (scale * np.random.default_rng(1).normal(size=shape)).astype("float32")


def total_and_gradient(views, rows=ROWS, mask=MASK, **options):
    views = tf.convert_to_tensor(views)
    with tf.GradientTape() as tape:
        tape.watch(views)
        total, count = view_contrast(views, rows, mask, **options)
    gradient = tape.gradient(total, views, unconnected_gradients="zero")
    return float(total), float(count), gradient.numpy()


@OPTIONS
@pytest.mark.parametrize("scenarios", [1, 2, 3])
def test_value_equals_the_loop(scenarios, options):
    views = make_views(scenarios)
    found = view_contrast(views, ROWS, MASK, **options)
    expected = view_oracles.view_contrast(views, ROWS, MASK, **options)
    assert expected[1] == (scenarios * 5 if scenarios > 1 else 0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_two_views_of_a_whole_batch_are_equation_5():
    views, rows = make_views(2), np.roll(np.arange(N), 1)
    total, count = view_contrast(views, rows, np.ones(N, bool), temperature=0.3)
    unit = views / np.linalg.norm(views, axis=-1, keepdims=True)
    losses = []
    for n in range(N):
        for own, other in ((0, 1), (1, 0)):
            positive = np.exp(unit[n, own] @ unit[rows[n], own] / 0.3)
            negative = sum(np.exp(unit[n, own] @ unit[m, other] / 0.3) for m in range(N))
            losses.append(-np.log(positive / (positive + negative)))
    assert float(count) == 2 * N
    np.testing.assert_allclose(float(total) / float(count), np.mean(losses), rtol=1e-5)


@OPTIONS
@pytest.mark.parametrize("scenarios", [2, 3])
def test_gradient_equals_the_difference(scenarios, options):
    views = make_views(scenarios)
    _, _, gradient = total_and_gradient(views, **options)

    def function(x):
        return view_oracles.view_contrast(x, ROWS, MASK, **options)[0]

    expected = numeric_gradient(function, views.astype("float64"))
    np.testing.assert_allclose(gradient, expected, atol=2e-4)


@OPTIONS
@pytest.mark.parametrize("filler", [7.0, np.inf, -np.inf, np.nan])
def test_padding_content_never_matters(filler, options):
    views = make_views()
    filled = np.where(MASK[:, None, None], views, np.float32(filler))
    expected, found = (total_and_gradient(each, **options) for each in (views, filled))
    assert found[:2] == expected[:2]
    np.testing.assert_array_equal(found[2], expected[2])
    assert np.all(found[2][~MASK] == 0) and np.any(found[2][MASK])


@pytest.mark.parametrize(
    ("rows", "mask", "anchors"),
    [
        ([0, 2, 1, 4, 3, 6, 5], [1] * 7, 6),  # Row 0 is its own positive.
        ([2, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0], 1),  # Row 0 has no valid one.
        ([0] * 7, [1, 0, 0, 0, 0, 0, 0], 0),
        ([0] * 7, [0] * 7, 0),
    ],
    ids=["itself", "padding", "one row", "no row"],
)
def test_rows_without_a_positive_do_not_count(rows, mask, anchors):
    mask = np.array(mask, bool)
    total, count, gradient = total_and_gradient(make_views(), np.array(rows), mask)
    assert count == S * anchors and (total > 0) == (anchors > 0)
    expected = view_oracles.view_contrast(make_views(), rows, mask)
    np.testing.assert_allclose([total, count], expected, rtol=1e-5)
    assert np.isfinite(gradient).all() and np.any(gradient) == (anchors > 0)


def test_empty_batch_gives_zeros():
    views, rows, mask = np.zeros((0, S, D), "float32"), np.zeros(0, "int32"), np.zeros(0, bool)
    assert total_and_gradient(views, rows, mask)[:2] == (0.0, 0.0)


@pytest.mark.parametrize("negatives", ["batch", "own"])
def test_vectors_of_zeros_have_finite_gradients(negatives):
    views = make_views()
    views[0] = views[3, 1] = 0.0
    options = {"negatives": negatives}
    total, count, gradient = total_and_gradient(views, **options)
    expected = view_oracles.view_contrast(views, ROWS, MASK, **options)
    np.testing.assert_allclose([total, count], expected, rtol=1e-5)
    assert np.isfinite(gradient).all()
    assert np.all(gradient[0] == 0) and np.any(gradient[1])


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("scale", [1e-4, 100.0])
def test_extreme_lengths_and_temperatures_stay_finite(similarity, scale):
    options = {"similarity": similarity, "temperature": 0.001}
    total, _, gradient = total_and_gradient(make_views(scale=scale), **options)
    assert np.isfinite(total) and np.isfinite(gradient).all()


def test_cosine_reads_directions_alone():
    views = make_views()
    longer = views * np.random.default_rng(2).uniform(0.1, 9, (N, S, 1)).astype("float32")
    np.testing.assert_allclose(
        view_contrast(longer, ROWS, MASK), view_contrast(views, ROWS, MASK), rtol=1e-5
    )


def test_half_precision_views_give_float32_sums():
    total, count = view_contrast(tf.cast(make_views(), "bfloat16"), ROWS, MASK)
    assert total.dtype == count.dtype == "float32"


def test_unknown_batch_size_in_a_graph():
    signature = [
        tf.TensorSpec([None, S, D]),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None], tf.bool),
    ]
    graph = tf.function(lambda *arguments: view_contrast(*arguments), input_signature=signature)
    found = graph(make_views(), ROWS.astype("int32"), MASK)
    np.testing.assert_allclose(found, view_contrast(make_views(), ROWS, MASK), rtol=1e-6)


def test_two_thousand_rows_take_no_table_of_vectors():
    arguments = tf.TensorSpec([2048, 2, 256]), tf.TensorSpec([2048], tf.int32)
    graph = tf.function(view_contrast).get_concrete_function(
        *arguments, tf.TensorSpec([2048], tf.bool)
    )
    tensors = [tensor for op in graph.graph.get_operations() for tensor in op.outputs]
    assert max(tensor.shape.num_elements() or 0 for tensor in tensors) == 2048 * 2048


def test_variance_equals_the_loop():
    views = make_views()
    total, count = within_view_variance(views, MASK)
    assert float(count) == 5
    expected = view_oracles.within_view_variance(views, MASK)
    np.testing.assert_allclose(float(total) / 5, expected, rtol=1e-5)


def test_variance_is_zero_only_in_a_collapse():
    views = np.tile(make_views()[:1], (N, 1, 1)) * np.arange(1, N + 1)[:, None, None]
    total, _ = within_view_variance(views, MASK)
    np.testing.assert_allclose(float(total), 0.0, atol=1e-9)
    views[0, 0] *= -1
    # One view: four unit vectors in one direction and one against it.
    expected = (4 * 0.4**2 + 1.6**2) / S
    np.testing.assert_allclose(float(within_view_variance(views, MASK)[0]), expected, rtol=1e-5)


@pytest.mark.parametrize("filler", [7.0, np.inf, np.nan])
def test_variance_reads_no_padding(filler):
    views = make_views()
    filled = tf.constant(np.where(MASK[:, None, None], views, np.float32(filler)))
    with tf.GradientTape() as tape:
        tape.watch(filled)
        total, _ = within_view_variance(filled, MASK)
    assert float(total) == float(within_view_variance(views, MASK)[0])
    gradient = tape.gradient(total, filled).numpy()
    assert np.isfinite(gradient).all() and np.all(gradient[~MASK] == 0)


def test_variance_of_nothing_is_zero():
    total, count = within_view_variance(make_views(), np.zeros(N, bool))
    assert float(total) == float(count) == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"negatives": "all"}, "`negatives` must be one of .*'all'"),
        ({"similarity": "l2"}, "`similarity` must be one of .*'l2'"),
        ({"temperature": 0.0}, "`temperature` must be above 0.*=0.0"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        view_contrast(make_views(), ROWS, MASK, **options)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match=r"`view_contrast` takes.*views\.shape=\(7, 5\)"):
        view_contrast(make_views()[:, 0], ROWS, MASK)
    with pytest.raises(ValueError, match=r"`within_view_variance` takes.*mask\.shape=\(7, 1\)"):
        within_view_variance(make_views(), MASK[:, None])
