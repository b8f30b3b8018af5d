"""Operations counted by hand, and against what TensorFlow multiplies."""

import tensorflow as tf

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from tests.helpers.graph_products import graph_products
from tools.flat_keras import flat_aw_moe
from tools.necessary_cost import (
    AwMoeSizes,
    formula_operations,
    necessary_bytes,
    necessary_operations,
    sizes_of,
)
from tools.training_load import bench_spec

# The sizes of the count in the AW-MoE paper's reconstruction: all vectors 32 wide, no other fields
# of the session.
PAPER = AwMoeSizes(
    sessions=1,
    candidates=1,
    behaviors=50,
    item=32,
    behavior=32,
    query=32,
    session_others=0,
    candidate_others=32,
    hidden=32,
    activation=(64, 32),
    gate=(64, 32),
    experts=4,
    expert=(128, 64),
)


def test_formulas_as_written_at_the_sizes_of_the_paper():
    """Written out number by number, a multiplication and an addition for each weight and vector."""
    hidden = 2 * 32 * 32
    activation = 2 * (128 * 64 + 64 * 32 + 32 * 1)
    gate_unit = 2 * (128 * 64 + 64 * 32 + 32 * 4)
    expert = 2 * (128 * 128 + 128 * 64 + 64 * 1)
    assert (activation, gate_unit, expert) == (20_544, 20_736, 49_280)
    item = 51 * hidden + 2 * hidden + 50 * activation + 2 * 50 * 32 + 4 * expert + 2 * 4
    gate = 50 * hidden + hidden + 50 * (activation + gate_unit) + 2 * 50 * 4
    assert formula_operations(PAPER, is_flat=True) == item + gate == 3_504_920


def test_necessary_operations_of_small_sizes_by_hand():
    """3 sessions of 2 candidates and 5 behaviors: products in the order of the paper."""
    sizes = AwMoeSizes(
        sessions=3,
        candidates=2,
        behaviors=5,
        item=7,
        behavior=11,
        query=13,
        session_others=17,
        candidate_others=19,
        hidden=4,
        activation=(6,),
        gate=(8,),
        experts=3,
        expert=(10,),
    )
    hidden = 5 * 11 * 4 + 2 * 7 * 4 + 13 * 4 + 17 * 4 + 2 * 19 * 4
    attention = 2 * (4 * 6 + 4 * 6) + 2 * 5 * (4 * 6 + 6 * 1) + 2 * 5 * 4
    experts = 3 * (4 * 10 + 2 * (12 * 10 + 10 * 1 + 1))
    gate_hidden = 5 * 11 * 4 + 13 * 4
    gate = (4 * 6 + 4 * 6) + (4 * 8 + 4 * 8) + 5 * (4 * 6 + 6 * 1) + 5 * (4 * 8 + 8 * 3) + 5 * 3
    assert necessary_operations(sizes) == 2 * 3 * (
        hidden + attention + experts + gate_hidden + gate
    )


def test_networks_multiply_hardly_more_than_is_necessary():
    """What a candidate's experts read of the query is the one thing that is computed again."""
    sessions, candidates = 7, 11
    spec, settings = bench_spec(50, 100), AwMoeSettings(contrastive_weight=0.0)
    sizes = sizes_of(spec, settings, sessions, candidates)
    networks = build("aw_moe", spec, settings)
    found = _multiplied(networks.training, sessions, candidates, 50)
    necessary = necessary_operations(sizes)
    again = sessions * (candidates - 1) * 4 * 2 * 32 * 128
    assert necessary < found - again < 1.04 * necessary


def test_flat_rows_multiply_what_the_formulas_say():
    """And an item's absent side fields, which are zeros there."""
    spec, settings, rows = bench_spec(50, 100), AwMoeSettings(), 7
    sizes = sizes_of(spec, settings, rows, 1)
    zeros = rows * 2 * (sizes.behavior - sizes.item) * sizes.hidden
    # Sums over experts and behaviors are no matrix products.
    sums = rows * 2 * sizes.experts
    written = formula_operations(sizes, is_flat=True)
    assert _multiplied(flat_aw_moe(spec, settings), rows, None, 50) == written + zeros - sums


def test_bytes_are_those_of_weights_rows_and_the_batch():
    """Three numbers per weight, each read and written; four bytes each."""
    assert necessary_bytes(weights=5, row_numbers=7, batch_numbers=11) == 4 * (12 * 6 + 11)


def _multiplied(model, sessions, candidates, behaviors):
    """Operations of all matrix products of a model's forward pass."""
    sizes = {"candidates": candidates, "behaviors": behaviors}

    def shape(tensor):
        section = tensor.name.split("_")[0]
        longer = tensor.name.endswith("_length") or section not in sizes
        axes = (sessions,) if longer or sizes[section] is None else (sessions, sizes[section])
        return tf.TensorSpec(axes, tensor.dtype)

    inputs = {tensor.name: shape(tensor) for tensor in model.inputs}
    function = tf.function(lambda batch: model(batch)).get_concrete_function(inputs)
    return graph_products(function.graph)
