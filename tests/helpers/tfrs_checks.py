"""Checks of what is built with tensorflow-recommenders, in the process of their own that it needs.

Run as `python -m tests.helpers.tfrs_checks`; fails where a check does not hold.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from pipelines.tfrs_settings import DcnSettings, DlrmSettings
from ranking.features.spec import FeatureSpec
from tests.helpers.resolved_small_spec import resolved_small_spec
from tools.impression_vectors import ImpressionVectors
from tools.tfrs_models import Crosses, DotProducts, ImpressionModel, score_function

Batch = dict[str, np.ndarray]

LENGTHS = {"behaviors": np.array([3, 0, 2], np.int32), "candidates": np.array([2, 3, 0], np.int32)}
IMPRESSIONS = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]


def _spec() -> FeatureSpec:
    with TemporaryDirectory() as folder:
        return resolved_small_spec(Path(folder))


def _batch(spec: FeatureSpec) -> Batch:
    """Three sessions with every kind of field; NaN stands for padded numbers."""
    chance = np.random.default_rng(2)
    batch: Batch = {f"{section}_length": lengths for section, lengths in LENGTHS.items()}
    for field in spec.fields:
        width = {"behaviors": (3,), "candidates": (3,), "labels": (3,)}.get(field.section, ())
        if field.kind == "dense":
            values = chance.normal(size=(3, *width)).astype(np.float32)
            if width:
                values[np.arange(3) >= LENGTHS[field.section][:, None]] = np.nan
            batch[field.key] = values
        elif field.kind == "label":
            batch[field.key] = chance.integers(2, size=(3, *width))
        elif field.is_input:
            more = (4,) if field.is_multivalued else ()
            rows = spec.table_of(field).rows
            batch[field.key] = chance.integers(rows, size=(3, *width, *more)).astype(np.int32)
            if more:
                lengths = chance.integers(0, 5, size=(3, *width)).astype(np.int32)
                batch[field.length_key] = lengths
    return batch


def _tensors(batch: Batch) -> dict[str, tf.Tensor]:
    return {key: tf.constant(value) for key, value in batch.items()}


def _pool(vectors: list[np.ndarray], pool: str, width: int) -> np.ndarray:
    if not vectors:
        return np.zeros(width)
    return {"mean": np.mean, "sum": np.sum, "max": np.max}[pool](vectors, axis=0)


def check_impression_vectors(history: str) -> None:
    """Every vector and number of every impression against plain loops."""
    spec = _spec()
    batch = _batch(spec)
    layer = ImpressionVectors(spec, history=history, dropout=0.0)
    vectors, numbers = layer(_tensors(batch))
    weights = {weight.name.split("/")[-2]: weight.numpy() for weight in layer.weights}
    inputs = [field for field in spec.fields if field.is_input]

    def element(field: object, at: tuple[int, ...]) -> np.ndarray:
        if field.kind == "dense":
            return np.array([batch[field.key][at]])
        table = weights[f"{field.table}_table"]
        if not field.is_multivalued:
            return table[batch[field.key][at]]
        length = batch[field.length_key][at]
        rows = [table[row] for row in batch[field.key][at][:length]]
        return _pool(rows, field.pool, table.shape[1])

    expected: dict[str, list[np.ndarray]] = {field.key: [] for field in inputs}
    for session, place in IMPRESSIONS:
        for field in inputs:
            if field.section == "candidates":
                value = element(field, (session, place))
            elif field.section == "behaviors":
                done = [element(field, (session, t)) for t in range(LENGTHS["behaviors"][session])]
                value = _pool(done, history, element(field, (0, 0)).shape[0])
            else:
                value = element(field, (session,))
            expected[field.key].append(value)
    embedded = [field.key for field in inputs if field.kind != "dense"]
    assert len(vectors) == len(embedded)
    for key, vector in zip(embedded, vectors, strict=True):
        np.testing.assert_allclose(vector, expected[key], rtol=1e-5, atol=1e-6, err_msg=key)
    dense = [expected[field.key] for field in inputs if field.kind == "dense"]
    np.testing.assert_allclose(numbers, np.concatenate(dense, axis=1), rtol=1e-5)
    assert layer.num_numbers == len(dense)


def check_cross() -> None:
    """A cross layer is x0 * (W x + b) + x; of low rank, W is a product of two matrices."""
    chance = np.random.default_rng(4)
    first, second = chance.normal(size=(2, 7, 5)).astype(np.float32)
    for rank in (None, 2):
        cross = tfrs.layers.dcn.Cross(projection_dim=rank, bias_initializer="random_normal")
        got = cross(tf.constant(first), tf.constant(second))
        *matrices, bias = [weight.numpy() for weight in cross.weights]
        product = second
        for matrix in matrices:
            product = product @ matrix
        assert len(matrices) == (1 if rank is None else 2) and np.abs(bias).min() > 0
        np.testing.assert_allclose(got, first * (product + bias) + second, rtol=1e-4, atol=1e-5)


def check_interactions() -> None:
    """Stacked crosses start from all fields; dot products are those of all pairs of fields."""
    chance = np.random.default_rng(5)
    fields = [tf.constant(chance.normal(size=(7, width)), tf.float32) for width in (3, 5, 3)]
    numbers = tf.constant(chance.normal(size=(7, 2)), tf.float32)
    crosses = Crosses(DcnSettings(cross_layers=2))
    first = crossed = np.concatenate([*fields, numbers], axis=1)
    got = crosses(fields, numbers)
    for kernel, bias in zip(crosses.weights[::2], crosses.weights[1::2], strict=True):
        crossed = first * (crossed @ kernel.numpy() + bias.numpy()) + crossed
    np.testing.assert_allclose(got, crossed, rtol=1e-4, atol=1e-5)

    products = DotProducts(DlrmSettings(width=3), has_numbers=False)
    got = products(fields, numbers).numpy()
    (projection,) = [weight.numpy() for weight in products.weights]
    same = [fields[0].numpy(), fields[1].numpy() @ projection, fields[2].numpy()]
    pairs = [(same[i] * same[j]).sum(axis=1) for i in range(3) for j in range(i)]
    np.testing.assert_allclose(got[:, got.any(axis=0)], np.stack(pairs, axis=1), rtol=1e-4)


def check_scores() -> None:
    """Scores stand where the candidates are, whatever padding holds, and the loss is their mean."""
    spec = _spec()
    batch = _batch(spec)
    for settings in (DcnSettings(projection=2), DlrmSettings(width=3)):
        model = ImpressionModel(spec, "click", settings)
        scores = score_function(model, "click")(_tensors(batch))["click"].numpy()
        present = np.zeros((3, 3), bool)
        for session, place in IMPRESSIONS:
            present[session, place] = True
        assert ((scores > 0) & (scores < 1))[present].all() and not scores[~present].any()
        loss = model.compute_loss({key: tf.constant(batch[key]) for key in model.keys})
        labels = batch["labels_click"][present]
        chosen = np.where(labels > 0, scores[present], 1 - scores[present])
        np.testing.assert_allclose(loss, -np.log(chosen).mean(), rtol=1e-4)


if __name__ == "__main__":
    for pooling in ("mean", "sum"):
        check_impression_vectors(pooling)
    check_cross()
    check_interactions()
    check_scores()
