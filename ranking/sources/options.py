"""A source's options, read as the types the source wants."""

from collections.abc import Mapping, Sequence

from ranking.sources.source_error import SourceError


class Options:
    """Maps option names to checked values.

    Args:
        source: Name of the source, for messages.
        values: The options as typed, by name.

    Example:
    >>> options = Options("user_sequences", {"test_negatives": "9"})
    >>> options.count("test_negatives", 1), options.share("test_share", 0.1)
    (9, 0.1)
    """

    def __init__(self, source: str, values: Mapping[str, str]) -> None:
        self.source = source
        self._values = dict(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str) -> str:
        """The option `name` as it was typed."""
        return self._values.get(name, default)

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """The option `name`, one of `choices`.

        Raises:
            SourceError: If it is something else.
        """
        value = self._values.get(name, default)
        if value not in choices:
            raise self.error(name, f"one of {', '.join(choices)}")
        return value

    def share(self, name: str, default: float) -> float:
        """The option `name` as a number from 0 up to, not including, 1.

        Raises:
            SourceError: If it is something else.
        """
        if name not in self._values:
            return default
        try:
            value = float(self._values[name])
        except ValueError:
            value = -1.0
        if not 0 <= value < 1:
            raise self.error(name, "a number from 0 up to, not including, 1")
        return value

    def count(self, name: str, default: int, *, minimum: int = 1) -> int:
        """The option `name` as a whole number, at least `minimum`.

        Raises:
            SourceError: If it is something else.
        """
        if name not in self._values:
            return default
        try:
            value = int(self._values[name])
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise self.error(name, f"a whole number, at least {minimum}")
        return value

    def error(self, name: str, rule: str) -> SourceError:
        """The error that says the option `name` must be `rule`."""
        return SourceError(
            f"Option `{name}` of source `{self.source}` must be {rule}. "
            f"Received: {name}={self._values.get(name)!r}"
        )
