"""Candidates to numbers that are equal where user, item and time window are."""

import dataclasses
import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ranking.features.missing_values import missing_value
from ranking.features.session_columns import SectionColumns
from ranking.features.spec import CANDIDATES, SESSION, FeatureSpec, Field

Keys = npt.NDArray[np.uint64]

_SECONDS_PER_DAY = 86_400


def candidate_keys(
    spec: FeatureSpec, sections: Mapping[str, SectionColumns]
) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """Maps the N candidates of some sessions to keys uint64 `[N]` and whether they have one `[N]`.

    Two candidates have the same key where user, item and window of `spec.global_window` are the
    same: the whole split (`train`), the calendar day in UTC (`day`) or the time stamp (`request`).
    Keys are hashes: one of the pairs among n different candidates collides with a probability of
    about n**2 / 2**65, one in a million for six million. They are the same in every process.

    A candidate whose user, item or, where the window needs it, time is missing has no key: all
    those that nobody knows would otherwise pass for one.

    Args:
        spec: A spec with global labels.
        sections: What `session_columns.session_columns` returned.
    """
    session, candidates = sections[SESSION], sections[CANDIDATES]
    user = spec.field(SESSION, str(spec.roles.user_id))
    item = spec.field(CANDIDATES, spec.roles.item[0])
    users, items = session.columns[user.key], candidates.columns[item.key]
    windows, has_window = _windows(spec, session)
    owners = mixed(mixed(id_hashes(users)) ^ windows)
    keys = mixed(np.repeat(owners, candidates.lengths) ^ id_hashes(items))
    known = np.repeat(is_known(user, users) & has_window, candidates.lengths)
    return keys, known & is_known(item, items)


def mixed(values: Keys) -> Keys:
    """Maps 64-bit numbers to others, one to one, so that near ones end up far apart.

    Example:
        >>> mixed(np.array([1, 2], np.uint64)).tolist()
        [6238072747940578789, 15839785061582574730]
    """
    # The finalizer of the generator SplitMix64; multiplication is modulo 2**64.
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)), np.uint64)


def id_hashes(column: pa.Array) -> Keys:
    """Maps ids `[n]` to 64-bit hashes `[n]`; those of text are computed once per distinct value."""
    if not pa.types.is_string(column.type):
        return mixed(_bits(_numbers(column)))
    distinct = column.fill_null("").dictionary_encode()
    digests = [
        hashlib.blake2b(text.encode(), digest_size=8).digest()
        for text in distinct.dictionary.to_pylist()
    ]
    hashes = np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)
    return np.asarray(hashes[distinct.indices.to_numpy()], np.uint64)


def is_known(field: Field, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Maps ids `[n]` to whether each is neither null nor NaN nor what stands for a missing id."""
    nobody = missing_value(dataclasses.replace(field, kind="id"))
    is_nobody = pc.fill_null(pc.equal(column, pa.scalar(nobody, column.type)), False)
    return _is_valid(column) & ~np.asarray(is_nobody.to_numpy(zero_copy_only=False), np.bool_)


def _windows(spec: FeatureSpec, session: SectionColumns) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """Numbers of windows `[n]`, and whether a session has one `[n]`."""
    if spec.global_window == "train":
        return np.zeros(len(session.lengths), np.uint64), np.ones(len(session.lengths), np.bool_)
    column = session.columns[str(spec.roles.time)]
    seconds = _numbers(column)
    times = seconds // _SECONDS_PER_DAY if spec.global_window == "day" else seconds
    return _bits(times), _is_valid(column)


def _is_valid(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(
        pc.invert(pc.is_null(column, nan_is_null=True)).to_numpy(zero_copy_only=False), np.bool_
    )


def _numbers(column: pa.Array) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    """Numbers `[n]` in 64 bits, what is missing as 0."""
    values = column.fill_null(0).to_numpy(zero_copy_only=False)
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    return np.nan_to_num(values.astype(np.float64)) + 0.0  # Adding 0.0 turns -0.0 into 0.0.


def _bits(values: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> Keys:
    return np.ascontiguousarray(values).view(np.uint64)
