"""What stands in a record's or a batch's place where an optional value is missing."""

import math

from ranking.features.spec import Field

_MISSING_ID: dict[str, str | int | float] = {"string": "", "int64": -1, "float32": math.nan}


def missing_value(field: Field) -> str | int | float:
    """Maps a single-valued field to the raw value that says "not known".

    A missing id is a value that no table holds: empty text, -1 or NaN. A missing number is NaN,
    which becomes the default when it is encoded, or the default itself where the type has no NaN.
    Metadata are empty text, 0 or NaN.
    """
    if field.kind == "dense":
        default = field.default or 0.0
        if field.dtype == "int64":
            return int(default)
        return 0.0 if field.default is None else math.nan
    if field.kind == "metadata" and field.dtype == "int64":
        return 0
    return _MISSING_ID[field.dtype]
