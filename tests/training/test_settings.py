"""Training settings: the paper's values, and the ranges."""

import pytest

from ranking.settings_parser import SettingsError, apply_overrides
from ranking.training.settings import PRESETS, TrainingSettings


def test_paper_preset_has_the_papers_values() -> None:
    paper = PRESETS["paper"]
    assert (paper.optimizer, paper.learning_rate, paper.batch_size) == ("adamw", 1e-4, 1024)
    assert paper.negatives_per_positive == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 0), ("epochs", 0), ("steps_per_call", 0), ("shuffle_buffer", 0)]
    + [("patience", -1), ("checkpoint_steps", -1), ("weight_decay", -0.1), ("learning_rate", 0.0)]
    + [("negatives_per_positive", 0.0), ("clip_norm", 0.0)],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"`{name}` must be .*Received: {name}={value}"):
        TrainingSettings(**{name: value})


def test_a_cache_does_not_go_with_negatives_that_are_drawn_anew() -> None:
    with pytest.raises(SettingsError, match="`cache` must be none where negatives are drawn anew"):
        TrainingSettings(cache="memory", negatives_per_positive=1.0)
    assert TrainingSettings(cache="memory", negatives_per_positive=None).cache == "memory"


def test_overrides_reach_training_settings() -> None:
    changed = apply_overrides(
        TrainingSettings(), {"negatives_per_positive": "none", "optimizer": "sgd", "xla": "true"}
    )
    assert changed.negatives_per_positive is None
    assert changed.optimizer == "sgd" and changed.xla
