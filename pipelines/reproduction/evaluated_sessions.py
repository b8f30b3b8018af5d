"""The sessions that all runs of a reproduction were tested on."""

import dataclasses

import numpy as np
import numpy.typing as npt

from ranking.training.session_file import SessionFile

Rows = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class TestSessions:
    """S sessions, in the order in which every run's metrics are kept.

    Attributes:
        tasks: What was predicted.
        ids: `[S]`, or `None` where the data name no `roles: session_id`.
        users: `[S]`, or `None` where the data name no `roles: user_id`.
        history: `[S]` behaviors that models saw.
        segments: Dimension -> name of each session's segment, `[S]`.
        labels: Task -> `[candidates]`, one after the other.
        lengths: `[S]` candidates of each session.
    """

    __test__ = False  # No test, whatever its name.

    tasks: tuple[str, ...]
    ids: npt.NDArray[np.generic] | None
    users: npt.NDArray[np.generic] | None
    history: npt.NDArray[np.int64]
    segments: dict[str, npt.NDArray[np.object_]]
    labels: dict[str, npt.NDArray[np.float32]]
    lengths: npt.NDArray[np.int64]

    @property
    def task(self) -> str:
        """The first task."""
        return self.tasks[0]

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(cls, sessions: SessionFile) -> "TestSessions":
        """Those of a file, in its order."""
        lists = {task: sessions.lists(f"{task}.labels") for task in sessions.tasks}
        return cls(
            tasks=sessions.tasks,
            ids=_unique_ids(sessions),
            users=sessions.column("user_id") if "user_id" in sessions else None,
            history=sessions.column("history"),
            segments={name: sessions.column(f"segment.{name}") for name in sessions.dimensions},
            labels={task: labels for task, (labels, _) in lists.items()},
            lengths=lists[sessions.tasks[0]][1],
        )

    def rows_of(self, sessions: SessionFile) -> Rows:
        """The row of each session in another file, `[S]`.

        Raises:
            ValueError: If that file is of other sessions, or of other tasks.
        """
        if sessions.tasks != self.tasks:
            raise ValueError(
                f"{sessions.path} must be of the task `{', '.join(self.tasks)}`, as the other runs "
                f"are. Received: {', '.join(sessions.tasks)}. Evaluate runs of one task together."
            )
        rows = self._rows_by_id(sessions)
        if rows is None or not self._same_labels(sessions, rows):
            raise ValueError(
                f"{sessions.path} must be of the same {len(self):,} sessions as the other runs, "
                f"with the same labels. Received: {len(sessions):,} sessions, of data "
                f"{sessions.document.get('data')}. Evaluate all runs on the same split of the same "
                "data."
            )
        return rows

    def places_in(self, lengths: npt.NDArray[np.int64], rows: Rows) -> Rows:
        """Where the candidates of these sessions lie in another file, `[candidates]`.

        Args:
            lengths: Candidates of each session of that file, in its order.
            rows: As `rows_of` returns them.
        """
        starts = np.cumsum(lengths) - lengths
        own_starts = np.cumsum(self.lengths) - self.lengths
        firsts = np.repeat(starts[rows] - own_starts, self.lengths)
        places: Rows = np.arange(int(self.lengths.sum())) + firsts
        return places

    def _rows_by_id(self, sessions: SessionFile) -> Rows | None:
        others = _unique_ids(sessions)
        if len(sessions) != len(self) or (others is None) != (self.ids is None):
            return None
        if self.ids is None or others is None:
            return np.arange(len(self))
        order = np.argsort(others)
        rows: Rows = order[np.argsort(np.argsort(self.ids))]
        return rows if (others[rows] == self.ids).all() else None

    def _same_labels(self, sessions: SessionFile, rows: Rows) -> bool:
        for task, own in self.labels.items():
            labels, lengths = sessions.lists(f"{task}.labels")
            if not np.array_equal(lengths[rows], self.lengths):
                return False
            if not np.array_equal(labels[self.places_in(lengths, rows)], own):
                return False
        return True


def _unique_ids(sessions: SessionFile) -> npt.NDArray[np.generic] | None:
    """Ids that tell sessions apart; `None` where there are none that do."""
    if "session_id" not in sessions:
        return None
    ids = sessions.column("session_id").astype(str)
    return ids if len(np.unique(ids)) == len(ids) else None
