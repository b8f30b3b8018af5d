import pytest

from ranking.training.divergence import DivergenceError
from ranking.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({}, "Lower `learning_rate` (now 0.0001), set `clip_norm` (1 is a common start), and"),
        ({"clip_norm": 2.0}, "Lower `learning_rate` (now 0.0001), and"),
        (
            {"clip_norm": 2.0, "precision": "mixed_float16"},
            "Lower `learning_rate` (now 0.0001), or set `precision` to mixed_bfloat16",
        ),
    ],
)
def test_the_remedy_names_what_is_not_set_yet(settings: dict, remedy: str) -> None:
    error = DivergenceError("loss=nan at step 3", TrainingSettings(**settings))
    assert "Received: loss=nan at step 3. " + remedy in str(error)
