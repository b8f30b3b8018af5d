import pytest

from ranking.layers.argument_checks import check_choice, check_count, check_rate, check_sizes


@pytest.mark.parametrize(
    ("check", "arguments", "message"),
    [
        (check_count, ("count", 0), r"`count` must be a whole number from 1 on.*count=0"),
        (check_count, ("count", "3"), r"count='3'"),
        (check_sizes, ("sizes", (3, 2.5)), r"`sizes` must hold whole numbers.*\(3, 2\.5\)"),
        (check_choice, ("pool", "max ", ("sum", "max")), r"`pool` must be one of.*'max '"),
        (check_rate, ("rate", -0.1), r"`rate` must be at least 0 and below 1.*=-0\.1"),
        (check_rate, ("rate", float("nan")), r"`rate` must be at least 0 and below 1.*=nan"),
    ],
)
def test_what_is_out_of_range_is_refused(check, arguments, message):
    with pytest.raises(ValueError, match=message):
        check(*arguments)


def test_what_is_in_range_passes():
    check_count("count", 1)
    check_sizes("sizes", ())
    check_sizes("sizes", [3, 2])
    check_choice("pool", "sum", ("sum", "max"))
    check_rate("rate", 0)
