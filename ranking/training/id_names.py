"""What the ids of a table stand for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ranking.features.spec import RESERVED_IDS, Table

UNKNOWN = "unknown"


def id_names(table: Table, vocabulary_folder: str | Path | None = None) -> Callable[[int], str]:
    """Maps a table to the function from an id to the value it stands for, as text.

    Padding, unknown and ids beyond the table are `"unknown"`, or `"(unknown)"` where a value is
    called so. Buckets of numbers are called by their bounds (`<5`, `5-10`, `>=10`); hash buckets,
    and vocabularies without a folder, by number. No two entries have one name.

    Raises:
        FileNotFoundError: If the table's vocabulary is not in the folder.

    Example:
    >>> names = id_names(Table("action", 4, "values", values=("click", "order")))
    >>> [names(id) for id in (1, 2, 3)]
    ['unknown', 'click', 'order']
    """
    listed = _listed_values(table, vocabulary_folder)
    entry_name = _numbered_name(table) if listed is None else listed.__getitem__
    unknown = UNKNOWN
    while unknown in (listed or ()):
        unknown = f"({unknown})"

    def name(id_: int) -> str:
        known = RESERVED_IDS <= id_ < table.rows
        return entry_name(id_ - RESERVED_IDS) if known else unknown

    return name


def _listed_values(table: Table, vocabulary_folder: str | Path | None) -> Sequence[str] | None:
    """The values of the entries in their order, where somebody listed them."""
    if table.kind == "values":
        return [str(value) for value in table.values]
    if table.kind == "vocabulary" and vocabulary_folder is not None:
        # Not `splitlines`: it would also split at characters that a value may hold.
        text = (Path(vocabulary_folder) / f"{table.name}.txt").read_text(encoding="utf-8")
        return text.split("\n")
    return None


def _numbered_name(table: Table) -> Callable[[int], str]:
    if table.kind == "bucketize":
        return lambda entry: _bucket_name(table.bucketize, entry)
    if table.kind == "integer_ids":
        return str
    return lambda entry: f"{table.name} {entry}"


def _bucket_name(bounds: tuple[float, ...], bucket: int) -> str:
    # All digits that tell a bound from others, unlike `:g`; a whole number without its `.0`.
    texts = [repr(float(bound)).removesuffix(".0") for bound in bounds]
    if bucket == 0:
        return f"<{texts[0]}"
    if bucket == len(bounds):
        return f">={texts[-1]}"
    return f"{texts[bucket - 1]}-{texts[bucket]}"
