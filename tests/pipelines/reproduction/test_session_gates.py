import numpy as np
import pytest

from pipelines.reproduction.session_gates import session_gates
from tests.helpers.gate_sessions import gate_sessions


def test_gates_come_as_they_were_written(tmp_path):
    gates = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    read = session_gates(gate_sessions(tmp_path / "s.parquet", {"gate": gates}))
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, gates)


def test_a_model_without_gate_is_named(tmp_path):
    sessions = gate_sessions(tmp_path / "s.parquet", {"history": np.zeros(2, int)})
    with pytest.raises(ValueError, match="s.parquet must have the column `gate`.* 'aw_moe'"):
        session_gates(sessions)


def test_no_session_is_named(tmp_path):
    sessions = gate_sessions(tmp_path / "s.parquet", {"gate": np.ones((1, 3))})
    sessions.table = sessions.table.slice(0, 0)
    with pytest.raises(ValueError, match="must hold at least one session"):
        session_gates(sessions)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_gates_that_are_not_finite_are_named(tmp_path, wrong):
    gates = np.ones((5, 3))
    gates[2:4, 1] = wrong
    sessions = gate_sessions(tmp_path / "s.parquet", {"gate": gates})
    with pytest.raises(ValueError, match=r"must be finite. Received: .* in row 2, and 2 such rows"):
        session_gates(sessions)
