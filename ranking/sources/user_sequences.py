"""Sessions from purchases or reviews: one user per line, no exposures."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from ranking.features.spec import FeatureSpec
from ranking.sources.category_negatives import CategoryNegatives
from ranking.sources.item_attributes import ItemAttributes, read_item_attributes
from ranking.sources.item_companions import NAMES, ItemCompanions
from ranking.sources.negative_items import NegativeItems
from ranking.sources.options import Options
from ranking.sources.sequence_file import (
    Integers,
    UserSequences,
    attributes_file,
    find_sequence_file,
    read_sequence_file,
)
from ranking.sources.sequence_protocol import SequenceProtocol, are_known, are_trained
from ranking.sources.session_source import SPLITS, SessionSource
from ranking.sources.session_table import arrow_schema, conform
from ranking.sources.source_error import SourceError
from ranking.sources.target_sessions import TargetSessions, target_slices

# Random streams: one per split, one for the users' split, and one for the folds of counts.
_USERS_STREAM, _FOLDS_STREAM = len(SPLITS), len(SPLITS) + 1


def open_user_sequences(
    spec: FeatureSpec, input: str, options: Mapping[str, str], seed: int
) -> SessionSource:
    """Maps `<name>.txt` and `<name>_item2attributes.json` to sessions with drawn negatives.

    The protocol is that of the AW-MoE paper's public data. Users are split at random. A test or
    validation user gives one session: everything but the last item is the history, the last item
    is the positive, among items drawn uniformly from those the user never had. A train user gives
    such a session for every item but the first, or for the last alone. The order of candidates is
    random. Users with one item give no session.

    Option `held_out=items` holds out items in place of users, as DIN's paper and most work on
    sequences do: the last item of every user is a test target, of some users the last but one is
    a validation target, and what comes before makes train sessions. That is ten times the test
    sessions, so smaller differences between models can be told. Option
    `amazon_negatives=same_category` draws from the target's (leaf) category instead, in every
    split; where it leaves a user fewer items than are asked for, all of them are taken and others
    fill up, and the description says what share of the negatives is of the category.

    **Popularity** of an item is its number of interactions, without the targets of test and
    validation: a held-out target does not count itself. It is one number per item, in every
    session and split, so it says nothing that the item's id does not. Taking a train target's own
    interaction off (leave-one-out) looks cleaner but leaks in two ways. An item then shows one
    less where it is the positive, which a model with item vectors learns by heart. And where every
    item has at least n interactions, n - 1 gives positives away: on Amazon Beauty (n = 5), train
    candidates of popularity 4 are positive 2.5 times as often as on average, those of 5 only 0.3
    times. There a small network with leave-one-out went to an AUC of 0.94 on train and down to
    0.73 on test in three epochs; with one number per item it stayed at 0.83 and 0.77. The price is
    a train positive's count that is one too high, which matters little: candidates of popularity
    5, 6, 7 are positive 0.33, 0.40, 0.46 times as often as on average in train, and 0.32, 0.34,
    0.49 times in test.

    The sessions have the columns `session_id`, `user_id`; in behaviors and candidates `item`,
    `category` (the leaf), `parent_category` (the highest above it that tells items apart), `brand`,
    `attributes` (all but the brand); in behaviors also `steps_ago`, 1 for the last behavior before
    the target; in candidates also `popularity`, the label `purchase`, and how many items of the
    whole history share the candidate's category (`category_matches`), its brand (`brand_matches`),
    and one of its attributes, in the mean over its attributes (`attribute_matches`). How near the
    history is to a candidate, by what train users have together, is in `together`,
    `together_most` and `together_recent`, and the same of its category and brand in columns that
    begin with `category_` and `brand_` (see `ItemCompanions`), for specs that ask for one. Ids
    are strings; a category or brand that an item lacks is null and matches nothing. The spec says
    which are used.

    Args:
        spec: The feature spec.
        input: The text file, or a folder, where option `name` says which set.
        options: Those that the catalog lists, as typed.
        seed: Seeds the users' split and the candidates of each split, each on its own, so another
            number of train negatives leaves the test sessions as they are.

    Raises:
        SourceError: If a file or an option is wrong, or if the spec needs another column.
    """
    chosen = Options("user_sequences", options)
    protocol = SequenceProtocol.read(chosen)
    path = find_sequence_file(Path(input), chosen.text("name", ""))
    sequences = read_sequence_file(path)
    attributes = read_item_attributes(attributes_file(path), sequences.items)
    parts = protocol.split(sequences.lengths, np.random.default_rng([seed, _USERS_STREAM]))
    counted = sequences.sequence[are_known(sequences, parts)]
    is_trained = are_trained(sequences, parts["train"])
    popularity = np.bincount(counted, minlength=len(sequences.items))
    companions = None
    if any(field.name in NAMES for field in spec.candidates):
        folds = np.random.default_rng([seed, _FOLDS_STREAM])
        companions = ItemCompanions(sequences, attributes, parts["train"].users, is_trained, folds)
    rows = TargetSessions(sequences, attributes, popularity, companions)
    splits = {
        split: _Split(
            name=split,
            targets=protocol.targets_of(split, part),
            count=protocol.negatives(split),
            negatives=_negative_items(protocol, split, sequences, attributes, counted),
        )
        for split, part in parts.items()
    }
    for made in splits.values():
        made.check(path)
    schema = arrow_schema(spec)
    readers = {
        split: functools.partial(made.read, rows, schema, str(path), seed)
        for split, made in splits.items()
    }
    described = _describe(path, protocol, sequences, attributes, splits)
    if "test" in splits:
        targets = sequences.items_at(*splits["test"].targets)
        is_seen = np.isin(targets, sequences.sequence[is_trained])
        described["test_targets_unseen_in_train"] = round(1 - float(is_seen.mean()), 6)
    return SessionSource(readers, simulated=False, description=described)


@dataclasses.dataclass(frozen=True)
class _Split:
    """The sessions of one split: targets, and how their negatives are drawn."""

    name: str
    targets: tuple[Integers, Integers]
    count: int
    negatives: NegativeItems

    def check(self, path: Path) -> None:
        users, _ = self.targets
        if not len(users):
            raise SourceError(
                f"No {self.name} user of {path} has two items that are not held out, so there is "
                f"no history and target. Give more users, or other shares of users."
            )
        option = "train_negatives" if self.name == "train" else "test_negatives"
        self.negatives.check_count(self.count, users, option)

    def read(
        self, rows: TargetSessions, schema: pa.Schema, where: str, seed: int
    ) -> Iterator[pa.RecordBatch]:
        """A pass over the sessions; every pass draws the same."""
        generator = np.random.default_rng([seed, SPLITS.index(self.name)])
        all_users, all_positions = self.targets
        for part in target_slices(all_positions):
            users, positions = all_users[part], all_positions[part]
            targets = rows.sequences.items_at(users, positions)
            negatives = self.negatives.draw(users, targets, self.count, generator)
            places = generator.integers(self.count + 1, size=len(users))
            yield conform(rows.batch(users, positions, negatives, places), schema, where)


def _negative_items(
    protocol: SequenceProtocol,
    split: str,
    sequences: UserSequences,
    attributes: ItemAttributes,
    counted: Integers,
) -> NegativeItems:
    is_weighted = protocol.negative_distribution == "popularity" and split == "train"
    pool = counted if is_weighted else None
    if protocol.amazon_negatives == "all":
        return NegativeItems(sequences, pool=pool)
    return CategoryNegatives(sequences, attributes.categories, pool=pool)


def _describe(
    path: Path,
    protocol: SequenceProtocol,
    sequences: UserSequences,
    attributes: ItemAttributes,
    splits: Mapping[str, _Split],
) -> dict[str, str | int | float]:
    described: dict[str, str | int | float] = {
        "source": "user_sequences",
        "input": str(path),
        **dataclasses.asdict(protocol),
        "users": len(sequences.users),
        "items": len(sequences.items),
        "interactions": len(sequences.sequence),
        "items_without_attributes": attributes.items_without,
        **{f"{split}_sessions": len(part.targets[0]) for split, part in splits.items()},
    }
    for split, part in splits.items():
        if isinstance(part.negatives, CategoryNegatives):
            users, positions = part.targets
            targets = sequences.items_at(users, positions)
            share = part.negatives.share_in_category(users, targets, part.count)
            described[f"{split}_negatives_in_category"] = round(share, 6)
    return described
