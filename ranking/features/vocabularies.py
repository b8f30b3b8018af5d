"""Vocabularies and statistics: what a spec leaves to be learned from the training split."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from ranking.features.prepared_data import VOCABULARY_FOLDER
from ranking.features.running_moments import RunningMoments
from ranking.features.session_columns import SectionColumns, section_of
from ranking.features.spec import LEARNED, FeatureSpec, Field, Table, Transform
from ranking.features.text import split_text
from ranking.features.value_counter import ValueCounter
from ranking.features.vocabulary_file import read_vocabulary


class VocabularyError(ValueError):
    """A vocabulary that cannot be learned or copied: which table, why, and what to do."""


class FeatureLearner:
    """Maps the sessions of the training split to a resolved spec and its vocabulary files.

    A learned vocabulary holds the values of all fields that use the table, as far as records keep
    them, and the tokens of text fields. The statistics of a `standardize` are those of the numbers
    as the transforms before it leave them; missing numbers do not count.

    What is known already stays: a spec from a prepared folder keeps its vocabularies and
    statistics, so that new sessions can be prepared for a model that exists.

    Args:
        spec: The spec to resolve.
        spec_folder: The folder that vocabulary files named in the spec are relative to.
    """

    def __init__(self, spec: FeatureSpec, spec_folder: Path) -> None:
        self._spec = spec
        self._spec_folder = spec_folder
        self._counters = {
            table.name: ValueCounter(table.dtype)
            for table in spec.tables.values()
            if table.vocabulary == LEARNED and not table.is_resolved
        }
        self._moments = {
            field.key: RunningMoments()
            for field in spec.fields
            if not all(step.is_resolved for step in field.transforms)
        }

    @property
    def needs_sessions(self) -> bool:
        """Whether there is anything to learn."""
        return bool(self._counters or self._moments)

    def add(self, sections: Mapping[str, SectionColumns]) -> None:
        """Learns from sessions, as `session_columns.cut_columns` returned them."""
        for field in self._spec.fields:
            column = sections[section_of(field)].columns[field.key]
            if field.key in self._moments:
                self._moments[field.key].add(_before_standardize(field, column))
            elif field.table in self._counters:
                self._count(field, column)

    def merge(self, other: "FeatureLearner") -> None:
        """Adds what another one learned of the same spec from other sessions."""
        for name, counter in self._counters.items():
            counter.merge(other._counters[name])
        for key, moments in self._moments.items():
            moments.merge(other._moments[key])

    def resolve(self, folder: Path) -> FeatureSpec:
        """Writes the vocabularies into `folder` and returns the resolved spec.

        Raises:
            VocabularyError: If a table has nothing to learn from, or a vocabulary file is missing,
                malformed or not the one that the spec was resolved with.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tables = {name: self._resolve(table, folder) for name, table in self._spec.tables.items()}
        return dataclasses.replace(
            self._spec,
            tables=tables,
            session=self._with_statistics(self._spec.session),
            behaviors=self._with_statistics(self._spec.behaviors),
            candidates=self._with_statistics(self._spec.candidates),
        )

    def _count(self, field: Field, column: pa.Array) -> None:
        counter = self._counters[self._spec.table_of(field).name]
        if field.kind != "text":
            counter.add(column.flatten() if field.kind == "ids" else column)
            return
        texts = pc.value_counts(column.drop_null())
        distinct = tf.constant(texts.field("values").to_pylist(), tf.string)
        tokens = split_text(distinct)[:, : field.max_length]
        counts = np.repeat(texts.field("counts").to_numpy(), tokens.row_lengths().numpy())
        values = pa.array(tokens.values.numpy().tolist(), pa.binary()).cast(pa.string())
        counter.add(values, pa.array(counts))

    def _resolve(self, table: Table, folder: Path) -> Table:
        if table.kind != "vocabulary":
            return table
        values = self._learned(table) if table.name in self._counters else self._copied(table)
        content = "".join(f"{value}\n" for value in values).encode()
        (folder / f"{table.name}.txt").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        if table.sha256 not in (None, digest):
            raise VocabularyError(
                f"{self._file_of(table)} is not the vocabulary that table `{table.name}` was "
                f"resolved with: its checksum must be {table.sha256}. Received: {digest}. Copy the "
                "prepared folder again, or start from the spec that is not resolved."
            )
        name = LEARNED if table.vocabulary == LEARNED else f"{VOCABULARY_FOLDER}/{table.name}.txt"
        return dataclasses.replace(table, vocabulary=name, size=len(values), sha256=digest)

    def _learned(self, table: Table) -> list[str | int]:
        values: list[str | int] = (
            self._counters[table.name].most_frequent(table.min_count).to_pylist()
        )
        if not values:
            raise VocabularyError(
                f"Table `{table.name}` must have a value to learn: none occurs at least "
                f"{table.min_count} times in the training split (`min_count`). Lower `min_count`, "
                "or take the table and its fields out of the spec."
            )
        return values

    def _copied(self, table: Table) -> list[str | int]:
        try:
            return read_vocabulary(self._file_of(table), table.dtype)
        except (OSError, ValueError) as error:
            raise VocabularyError(f"Vocabulary of table `{table.name}`: {error}") from error

    def _file_of(self, table: Table) -> Path:
        if table.vocabulary == LEARNED:
            return self._spec_folder / VOCABULARY_FOLDER / f"{table.name}.txt"
        return self._spec_folder / str(table.vocabulary)

    def _with_statistics(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(
            dataclasses.replace(
                field, transforms=tuple(self._resolved(field, step) for step in field.transforms)
            )
            for field in fields
        )

    def _resolved(self, field: Field, step: Transform) -> Transform:
        if step.is_resolved:
            return step
        moments = self._moments[field.key]
        # Nine digits hold any float32; more would be noise in the spec.
        rounded = (float(f"{value:.9g}") for value in (moments.mean, moments.deviation))
        return Transform(step.name, tuple(rounded))


def _before_standardize(field: Field, column: pa.Array) -> np.ndarray:
    """The numbers of a column that are there, as the steps before `standardize` leave them."""
    values = column.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
    values = values[~np.isnan(values)]
    for step in field.transforms:
        if step.name == "standardize":
            break
        if step.name == "clip":
            low, high = step.arguments
            values = np.clip(values, low, high)
        else:
            values = np.log1p(np.maximum(values, 0.0))
    return values
