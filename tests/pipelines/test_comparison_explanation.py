from pipelines.comparison_explanation import explanation
from tests.helpers.comparison_reports import small_report


def test_warnings_say_what_the_reader_must_know(tmp_path):
    plain = " ".join(explanation(small_report(tmp_path / "plain")))
    assert "the chance in drawing users with all their sessions." in plain
    assert "One seed of din; aw_moe" in plain
    for absent in ("whose they are", "manifest", "otherwise", "Training differs", "simulated"):
        assert absent not in plain
    changed = small_report(
        tmp_path / "other", without=("user_id",), simulated=True, training_settings={"epochs": 3}
    )
    text = " ".join(explanation(changed))
    assert "The sessions do not say whose they are: each counts as a user of its own." in text
    assert "the chance in drawing sessions." in text
    assert "Training differs in epochs: 1, 3." in text
    assert "The data are simulated" in text


def test_sessions_without_a_user_are_counted(tmp_path):
    report = small_report(tmp_path / "some", unknown_users=7)
    assert report.document()["sessions_without_user"] == 7
    text = " ".join(explanation(report))
    assert (
        "Of 61 sessions, 7 do not say whose they are: each of those counts as a user of its own."
        in text
    )
    assert small_report(tmp_path / "all").document()["sessions_without_user"] == 0
    nobodys = small_report(tmp_path / "none", without=("user_id",))
    assert nobodys.document()["sessions_without_user"] == 61


def test_data_with_other_manifests_are_named_with_their_runs(tmp_path):
    report = small_report(tmp_path, manifest_sha256="1" * 64, data="data/hard")
    text = " ".join(explanation(report))
    assert (
        f"different manifests: {tmp_path}/din on data/shop (000000000000); {tmp_path}/aw_moe on "
        "data/hard (111111111111). Their sessions agree in ids, labels and numbers of candidates"
    ) in text
    assert report.document()["evaluated_manifests"] == ["0" * 64, "1" * 64]
