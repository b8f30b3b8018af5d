from tools.training_measure import counted, documented, measured
from tools.training_report import number, training_markdown

DOCUMENT = {
    "simulated": True,
    "machine": {
        "processor": "P",
        "cores": 2,
        "system": "S",
        "tensorflow": "2.21",
        "load_before": [0.5, 0.25, 0.0],
    },
    "flags": {
        "candidates": 11,
        "behaviors": 50,
        "impressions": 1024,
        "repetitions": 9,
        "batch_parts": 2,
    },
    "parts": {
        "step": documented([measured("flat : session", "", [4.0, 5.0, 6.0], "at least 4")]),
        "tables": documented([counted("table", "MiB", 3662.109)]),
    },
}


def test_the_report_has_a_table_per_part_and_describes_the_machine():
    page = training_markdown(DOCUMENT)
    assert "Simulated sessions of 11 candidates and 50 behaviors" in page
    assert "P, 2 cores, S, TensorFlow 2.21; load before the measurement 0.5 0.25 0.0." in page
    assert "in 2 parts side by side" in page
    assert "like with like it trains with the ranking loss alone" in page
    assert "## The training step\n\n| | median |" in page
    assert "| flat : session | 5 | 4.5 to 5.5 |  | at least 4 |" in page
    assert "| table | 3,662 |  | MiB |  |" in page


def test_numbers_keep_four_digits():
    assert [number(value) for value in (1e7, 999.96, 0.012345, -2000.0)] == [
        "10,000,000",
        "1000",
        "0.01235",
        "-2,000",
    ]
