"""`small_spec` with everything filled in, and its vocabulary files."""

import dataclasses
import hashlib
from pathlib import Path

from ranking.features.spec import FeatureSpec, Field, Transform
from tests.helpers.small_spec import small_spec

VOCABULARIES: dict[str, list[str]] = {
    "item": [*(f"item-{number}" for number in range(0, 23, 2)), "söt-日本"],
    "topic": ["shoes", "ärmel", "日本", "boots", "Ünïcode"],
    "city": ["Oslo", "東京"],
    "shop": ["101", "103", "106"],
}
MEAN, DEVIATION = 1.5, 2.5


def resolved_small_spec(folder: Path) -> FeatureSpec:
    """`small_spec`, resolved; its vocabularies are written to `folder`."""
    spec = small_spec()
    tables = dict(spec.tables)
    for name, values in VOCABULARIES.items():
        content = "".join(f"{value}\n" for value in values).encode()
        (folder / f"{name}.txt").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        tables[name] = dataclasses.replace(tables[name], size=len(values), sha256=digest)
    return dataclasses.replace(
        spec,
        tables=tables,
        session=_resolved(spec.session),
        behaviors=_resolved(spec.behaviors),
        candidates=_resolved(spec.candidates),
    )


def _resolved(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(
        dataclasses.replace(field, transforms=tuple(map(_filled, field.transforms)))
        for field in fields
    )


def _filled(step: Transform) -> Transform:
    return step if step.is_resolved else Transform(step.name, (MEAN, DEVIATION))
