"""No operation of a training step has a whole table, or something of its size, for a result."""

import keras
import pytest
import tensorflow as tf

from ranking.models.catalog import build, model_entry
from ranking.training.loop import TrainingLoop
from ranking.training.optimizers import embedding_weights, make_optimizer
from ranking.training.settings import TrainingSettings
from tests.helpers.encoded_batches import batch_dataset
from tests.helpers.graph_shapes import output_shapes
from tests.helpers.logical_devices import two_replicas
from tests.helpers.model_spec import search_spec


def _whole_tables(optimizer_of, replicas: int = 1, xla: bool = False) -> set[str]:
    """Kinds of operations in a step of `dnn` with a result in the shape of a table."""
    strategy = two_replicas() if replicas == 2 else tf.distribute.get_strategy()
    spec = search_spec()
    with strategy.scope():
        networks = build("dnn", spec, model_entry("dnn").settings_class())
        optimizer = optimizer_of(networks.training)
        loop = TrainingLoop(networks, optimizer, strategy, xla=xla)
    iterator = loop.iterate(batch_dataset(spec, 1, parts=replicas))
    step = loop._steps.get_concrete_function(iterator, tf.constant(1))
    operations = list(output_shapes(step))
    assert any(operation == "ResourceGather" for operation, _ in operations)
    tables = {tuple(table.shape) for table in embedding_weights(networks.training)}
    return {operation for operation, shape in operations if shape in tables}


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize(
    ("optimizer", "precision"),
    [("adamw", "float32"), ("adamw", "mixed_float16"), ("adagrad", "float32")]
    + [("sgd", "mixed_bfloat16")],
)
def test_a_step_makes_nothing_of_a_tables_size(
    optimizer: str, precision: str, replicas: int, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: keras.config.set_dtype_policy("float32"))
    keras.config.set_dtype_policy(precision)
    settings = TrainingSettings(optimizer=optimizer, precision=precision, clip_norm=1.0)
    assert _whole_tables(lambda network: make_optimizer(settings, network, 1), replicas) == set()


def test_a_compiled_step_makes_nothing_of_a_tables_size() -> None:
    settings = TrainingSettings(clip_norm=1.0, xla=True)
    assert _whole_tables(lambda network: make_optimizer(settings, network, 1), xla=True) == set()


def test_kerass_loss_scaling_would_be_noticed() -> None:
    def optimizer_of(network: keras.Model) -> keras.optimizers.Optimizer:
        inner = make_optimizer(TrainingSettings(), network, 1)
        return keras.optimizers.LossScaleOptimizer(inner)

    assert _whole_tables(optimizer_of) == {"Fill", "TensorScatterUpdate"}


def test_a_decayed_table_would_be_noticed() -> None:
    def optimizer_of(network: keras.Model) -> keras.optimizers.Optimizer:
        optimizer = make_optimizer(TrainingSettings(), network, 1)
        optimizer._exclude_from_weight_decay_cache = {}
        optimizer._exclude_from_weight_decay = set()
        return optimizer

    assert "ReadVariableOp" in _whole_tables(optimizer_of)
