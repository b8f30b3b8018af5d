"""Text files that appear whole."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    partial = path.with_name(f".{path.name}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
