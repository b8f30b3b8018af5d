import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.models.catalog import build
from ranking.models.dnn import DnnSettings
from ranking.training import network_cost as cost_module
from ranking.training.network_cost import network_cost
from tests.helpers.small_runs import small_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("cost") / "data", train=23, test=3)


def _cost(data, candidates=3, **settings):
    networks = build("dnn", data.spec, DnnSettings(**settings))
    encoder = Encoder(data.spec, data.vocabulary_folder)
    return networks, network_cost(networks, encoder, behaviors=5, candidates=candidates)


def test_parameters_are_counted_apart_from_tables(data):
    networks, cost = _cost(data, hidden_sizes=(7,))
    every = sum(int(np.prod(each.shape)) for each in networks.training.trainable_variables)
    tables = sum(table.rows * table.width for table in data.spec.tables.values())
    assert cost.table_parameters == tables and cost.parameters == every - tables
    assert (cost.behaviors, cost.candidates) == (5, 3)


def test_a_wider_layer_costs_its_multiplications(data):
    costs = [_cost(data, hidden_sizes=(width,))[1] for width in (7, 14, 21)]
    first, second = (
        costs[1].operations - costs[0].operations,
        costs[2].operations - costs[1].operations,
    )
    assert first == pytest.approx(second) and first > 0
    # Twice the inputs and the output of each unit, and what bias and activation take.
    weights = costs[1].parameters - costs[0].parameters
    assert first == pytest.approx(2 * weights, rel=0.1)


def test_candidates_share_what_the_session_takes(data):
    assert _cost(data, candidates=9)[1].operations < _cost(data, candidates=1)[1].operations


@pytest.mark.parametrize(
    ("equation", "shapes", "expected"),
    [
        ("bij,jk->bik", ((2, 3, 5), (5, 7)), 2 * 2 * 3 * 5 * 7),
        ("...j,jk->...k", ((2, 3, 5), (5, 7)), 2 * 2 * 3 * 5 * 7),
        ("b...j,bj->b...", ((2, 3, 11, 5), (2, 5)), 2 * 2 * 3 * 11 * 5),
    ],
)
def test_a_product_costs_every_combination_of_its_letters(equation, shapes, expected):
    with tf.Graph().as_default() as graph:
        tf.einsum(equation, *(tf.zeros(shape) for shape in shapes))
    products = [each for each in graph.get_operations() if each.type == "Einsum"]
    assert [cost_module._einsum_operations(each) for each in products] == [expected]


def test_the_profiler_s_remarks_are_not_shown(data, capfd):
    keras.utils.clear_session()
    _cost(data)
    assert "WARNING" not in capfd.readouterr().err
