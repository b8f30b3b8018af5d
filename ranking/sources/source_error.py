"""The error of every source."""


class SourceError(ValueError):
    """Says which file, record and field cannot be read, by which rule, and what to do about it."""
