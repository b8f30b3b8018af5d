"""Sessions to numbers that are equal where their ids are. Nothing here needs TensorFlow."""

from collections.abc import Mapping

import numpy as np

from ranking.features.candidate_keys import Keys, id_hashes, is_known
from ranking.features.session_columns import SectionColumns
from ranking.features.spec import SESSION, FeatureSpec

NO_ID = 0


def session_keys(spec: FeatureSpec, sections: Mapping[str, SectionColumns]) -> Keys:
    """Maps n sessions to uint64 `[n]`, equal where their ids are; 0 where an id is missing.

    Without the role `session_id`, no session has an id.

    Args:
        spec: The spec.
        sections: What `session_columns.session_columns` returned.
    """
    role = spec.roles.session_id
    if role is None:
        return np.full(len(sections[SESSION].lengths), NO_ID, np.uint64)
    field = spec.field(SESSION, role)
    ids = sections[SESSION].columns[field.key]
    return np.where(is_known(field, ids), id_hashes(ids), np.uint64(NO_ID))
