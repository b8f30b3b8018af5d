"""YAML text, or JSON, to a tree of nodes that know their line. Nothing is guessed on the way."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from ranking.features.spec_error import SpecError
from ranking.features.spec_node import Misread, Scalar, SpecNode

_DEEPEST = 10  # A spec needs six levels; a hundred would be an attack or an accident.
_LONGEST_SHOWN = 60
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,29})")
# YAML 1.1 reads `1e-3` as text; every person means a number.
_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}
_READINGS = {
    "bool": "a boolean",
    "int": "a number in another base",
    "float": "a special number",
    "null": "nothing",
    "timestamp": "a date",
    "merge": "a merge key",
}


def read_document(text: str, file: str) -> SpecNode:
    """Maps the text of a spec file to its tree.

    Unquoted words are typed as in YAML 1.2 and JSON. Those that YAML 1.1 readers take for
    something else (`no`, `010`, `1:30`, `2024-01-01`) become `Misread`, which is neither text nor
    a number.

    Raises:
        SpecError: If the text is empty or not YAML, repeats a key, or uses anchors, aliases, merge
            keys, tags or several documents.
    """
    try:
        return _TreeReader(text, file).document()
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, file) from error
    except (ValueError, OverflowError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(file, None, "", f"must be valid YAML: {error}.", "Correct it.") from error


class _TreeReader:
    """Builds the tree from parser events, because composed nodes no longer know their anchors."""

    def __init__(self, text: str, file: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._file = file

    def document(self) -> SpecNode:
        next(self._events)  # The start of the stream.
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise SpecError(
                self._file, None, "", "must not be empty.", "feature_specs/README.md shows a spec."
            )
        root = self._node(next(self._events), "", key_line=None, depth=0)
        next(self._events)  # The end of the document.
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise SpecError(
                self._file, _line(event), "", "must be one document.", "Remove the `---`."
            )
        return root

    def _node(self, event: Any, path: str, key_line: int | None, depth: int) -> SpecNode:
        self._refuse_references(event, path)
        line = _line(event)
        content: Scalar | list[SpecNode] | dict[str, SpecNode]
        if isinstance(event, yaml.ScalarEvent):
            content, written = _typed(event), _written(event)
        else:
            if depth == _DEEPEST:
                raise SpecError(self._file, line, path, "is nested too deeply.", "Flatten it.")
            line = key_line or line
            if isinstance(event, yaml.SequenceStartEvent):
                content, written = self._items(path, depth), "a list"
            else:
                content, written = self._entries(path, line, depth), "a mapping"
        return SpecNode(content, self._file, line, key_line or line, path, written)

    def _items(self, path: str, depth: int) -> list[SpecNode]:
        items: list[SpecNode] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{path}[{len(items)}]", None, depth + 1))
        return items

    def _entries(self, path: str, line: int, depth: int) -> dict[str, SpecNode]:
        entries: dict[str, SpecNode] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            key_line = _line(event)
            key_path = f"{path}.{key}" if path else key
            if key in entries:
                first = entries[key].key_line
                rule = f"must not appear twice; it is on line {first} already."
                raise SpecError(self._file, key_line, key_path, rule, "Remove or rename one.")
            entries[key] = self._node(next(self._events), key_path, key_line, depth + 1)
        return entries

    def _key(self, event: Any, path: str) -> str:
        self._refuse_references(event, path)
        line = _line(event)
        if not isinstance(event, yaml.ScalarEvent):
            rule = "must have keys that are text. Received: a list or a mapping as a key."
            raise SpecError(self._file, line, path, rule, "Write `key: value`.")
        key, written = _typed(event), _written(event)
        if isinstance(key, str):
            return key
        if isinstance(key, Misread) and key.reading == "a merge key":
            rule = "must not use a merge key (`<<`)."
            raise SpecError(self._file, line, path, rule, "Write the keys out.")
        reading = key.reading if isinstance(key, Misread) else "something else"
        rule = f"must have keys that are text. Received: {written}, which YAML reads as {reading}."
        raise SpecError(
            self._file, line, path, rule, f'Put it in quotes ("{written}") or rename it.'
        )

    def _refuse_references(self, event: Any, path: str) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            rule = "must not use anchors and aliases (`&`, `*`)."
            raise SpecError(
                self._file, _line(event), path, rule, "Write the value out, or quote it."
            )
        if event.tag is not None:
            rule = f"must not use tags. Received: {event.tag}."
            raise SpecError(self._file, _line(event), path, rule, "Remove the tag, or quote it.")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _typed(event: Any) -> Scalar:
    """The value of a scalar event."""
    text = str(event.value)
    if event.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, text, (True, False))
    kind = str(tag).rpartition(":")[2]
    return text if kind == "str" else Misread(_READINGS.get(kind, "something else"))


def _written(event: Any) -> str:
    text = str(event.value)
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return shown if event.style is None else repr(shown)


def _syntax_error(error: yaml.YAMLError, text: str, file: str) -> SpecError:
    line, problem = None, str(error)
    if isinstance(error, yaml.MarkedYAMLError):
        problem = error.problem or problem
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
    elif isinstance(error, yaml.reader.ReaderError):
        line, problem = text.count("\n", 0, error.position) + 1, "a character that YAML forbids"
    problem = " ".join(problem.split())
    return SpecError(
        file, line, "", f"must be valid YAML: {problem}.", "Correct this line or the one before it."
    )
