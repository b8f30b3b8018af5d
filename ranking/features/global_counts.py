"""How many global labels are 1, and how many say something else than the label itself."""

import pyarrow as pa
import pyarrow.compute as pc

from ranking.features.session_columns import SectionColumns
from ranking.features.spec import FeatureSpec


def global_positives(spec: FeatureSpec, candidates: SectionColumns) -> dict[str, int]:
    """Maps candidates to the number of those whose global label is 1, by task."""
    columns = candidates.columns
    fields = zip(spec.labels, spec.global_labels, strict=False)  # None without global labels.
    return {label.name: _sum(columns[wide.key]) for label, wide in fields}


def global_differing(spec: FeatureSpec, candidates: SectionColumns) -> dict[str, int]:
    """Maps candidates to the number of those whose global label is not their own, by task."""
    columns = candidates.columns
    fields = zip(spec.labels, spec.global_labels, strict=False)
    return {
        label.name: _sum(pc.not_equal(columns[label.key], columns[wide.key]))
        for label, wide in fields
    }


def _sum(column: pa.Array) -> int:
    return int(pc.sum(column).as_py() or 0)
