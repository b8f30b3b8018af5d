from pipelines.comparison_explanation import explanation
from tests.helpers.comparison_reports import small_report


def test_warnings_say_what_the_reader_must_know(tmp_path):
    plain = " ".join(explanation(small_report(tmp_path / "plain")))
    assert "the chance in drawing users with all their sessions." in plain
    assert "One seed of din; aw_moe" in plain
    for absent in ("whose they are", "otherwise", "Training differs", "simulated"):
        assert absent not in plain
    changed = small_report(
        tmp_path / "other", without=("user_id",), simulated=True, training_settings={"epochs": 3}
    )
    text = " ".join(explanation(changed))
    assert "The sessions do not say whose they are: each counts as a user of its own." in text
    assert "the chance in drawing sessions." in text
    assert "Training differs in epochs: 1, 3." in text
    assert "The data are simulated" in text
