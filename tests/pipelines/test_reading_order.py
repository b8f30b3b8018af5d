import random

import pytest

from pipelines.reading_order import reading_order


@pytest.mark.parametrize(
    "names",
    [
        ["0", "1-3", "4-10", ">10"],
        ["<5", "5-20", ">=20", "new", "old", "unknown"],
        ["18-24", "25-34", "50+", "unknown"],
        ["0.5-1", "1.5", "2", "10"],
        ["recommendation", "search"],
        ["desktop", "phone", "(unknown)", "unknown"],
    ],
)
def test_names_come_as_people_expect_them(names):
    shuffled = random.Random(3).sample(names, len(names))
    assert sorted(shuffled, key=reading_order) == names
