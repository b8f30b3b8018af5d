"""Vocabulary files: one value per line."""

from pathlib import Path

from ranking.features.prepared_data import file_sha256
from ranking.features.spec import Table

_REMEDY = "Write one value per line, each once, in UTF-8."


def read_vocabulary(path: Path, dtype: str) -> list[str | int]:
    """Maps a vocabulary file to its values, in order.

    Args:
        path: The file. Its lines may end as on Windows.
        dtype: Type of the values, `string` or `int64`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is empty or not UTF-8, a line is blank, or a value appears twice or
            is not of the type. The message names the file and the line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8: {error}. {_REMEDY}") from error
    lines = text.removesuffix("\n").split("\n")
    if lines == [""]:
        raise ValueError(f"{path} must hold at least one value. {_REMEDY}")
    numbers: dict[str | int, int] = {}
    for number, line in enumerate(lines, start=1):
        value = _read_value(line, dtype, f"{path}:{number}")
        if value in numbers:
            raise ValueError(
                f"{path}:{number} must not repeat a value; it is in line {numbers[value]} already. "
                f"Received: {line!r}. {_REMEDY}"
            )
        numbers[value] = number
    return list(numbers)


def find_vocabulary(table: Table, folder: Path) -> Path:
    """The vocabulary file of a resolved table in a folder.

    Raises:
        ValueError: If it is missing, or not the one that the spec was resolved with.
    """
    path = folder / f"{table.name}.txt"
    if not path.is_file():
        raise ValueError(
            f"`vocabulary_folder` must hold {path.name}, the vocabulary of table `{table.name}`. "
            f"Received: {path.parent}, which has no such file. Use the `vocabularies` folder that "
            "was written with this spec."
        )
    digest = file_sha256(path)
    if table.sha256 is not None and digest != table.sha256:
        raise ValueError(
            f"{path} must be the vocabulary that the spec was resolved with: table "
            f"`{table.name}` has checksum {table.sha256}. Received: a file with checksum {digest}. "
            "Use the `vocabularies` folder that was written with this spec."
        )
    return path


def _read_value(line: str, dtype: str, place: str) -> str | int:
    if not line.strip():
        raise ValueError(f"{place} must hold a value. Received: a blank line. {_REMEDY}")
    if "\r" in line:
        raise ValueError(f"{place} must hold no carriage return. Received: {line!r}. {_REMEDY}")
    if dtype == "string":
        return line
    try:
        value = int(line)
    except ValueError:
        value = 1 << 63
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(
            f"{place} must be a whole number of 64 bits. Received: {line!r}. {_REMEDY}"
        )
    return value
