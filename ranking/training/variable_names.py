"""Names of a network's variables that are the same in every process and every network like it."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"_\d+$")


def variable_names(paths: Iterable[str]) -> list[str]:
    """Paths of variables, in their order -> names that do not depend on what was built before.

    Keras numbers layers without a name through the whole process: `dense_7`. Here they are numbered
    within their parent.

    >>> variable_names(["tower/dense_7/kernel", "tower/dense_7/bias", "tower/dense_8/kernel"])
    ['tower/dense/kernel', 'tower/dense/bias', 'tower/dense#1/kernel']
    """
    numbers: dict[tuple[str, str], dict[str, int]] = {}
    names = []
    for path in paths:
        name = ""
        for part in path.split("/"):
            base = _NUMBER.sub("", part)
            seen = numbers.setdefault((name, base), {})
            number = seen.setdefault(part, len(seen))
            name += f"/{base}" if number == 0 else f"/{base}#{number}"
        names.append(name[1:])
    return names
