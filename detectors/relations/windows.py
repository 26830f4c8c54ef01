"""Means of a minute of the parameters that are compared with each other, closed by the heartbeats.

A window belongs to one run of a phase. A parameter that has no reading in a window keeps its mean for two more; one
that had a Bad reading in it has none.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame, Index, grown
from detectors.cases import Json
from domain.time import MINUTE_NS

KEPT: Final = 45
"""Windows of a run that are remembered."""

_KEEPS: Final = 2


@dataclass(frozen=True, slots=True)
class Window:
    """One minute of a unit. `mean` and `last` by role."""

    at_ns: int
    mean: Mapping[str, float]
    last: Mapping[str, float]


@dataclass(slots=True, eq=False)
class History:
    """The windows of a unit's run, the newest last."""

    windows: deque[Window] = field(default_factory=lambda: deque(maxlen=KEPT))
    missing: dict[str, int] = field(default_factory=dict)  # windows in a row without a reading
    next_ns: int | None = None

    def clear(self) -> None:
        """Begin a run."""
        self.windows.clear()
        self.missing.clear()
        self.next_ns = None

    def state(self) -> Json:
        """All of it."""
        return {
            "windows": [[each.at_ns, dict(each.mean), dict(each.last)] for each in self.windows],
            "missing": self.missing,
            "next_ns": self.next_ns,
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self.windows.clear()
        self.windows.extend(Window(at_ns, mean, last) for at_ns, mean, last in state["windows"])
        self.missing, self.next_ns = dict(state["missing"]), state["next_ns"]


class Sums:
    """Readings of the open windows, by tag."""

    def __init__(self) -> None:
        self.watched: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self._total: NDArray[np.float64] = np.empty(0)
        self._count: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._bad: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._last: NDArray[np.float64] = np.empty(0)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self.watched = grown(self.watched, size, fill=False)
        self._total = grown(self._total, size, 0.0)
        self._count = grown(self._count, size, 0)
        self._bad = grown(self._bad, size, 0)
        self._last = grown(self._last, size, np.nan)

    def add(self, frame: Frame) -> None:
        """Add the readings of a frame, in order: a sum must not depend on how rows were batched."""
        rows = frame.rows
        at: Index = self.watched[frame.at].nonzero()[0]
        if not len(at):
            return
        if rows.ok is not None:
            np.add.at(self._bad, rows.tag[at[~rows.ok[at]]], 1)
            at = at[rows.ok[at]]
        with np.errstate(over="ignore", invalid="ignore"):
            np.add.at(self._total, rows.tag[at], rows.value[at])
        np.add.at(self._count, rows.tag[at], 1)
        self._last[rows.tag[at]] = rows.value[at]

    def begin(self, tag: int) -> None:
        """Begin a window of a tag."""
        self._total[tag] = self._count[tag] = self._bad[tag] = 0

    def close(self, history: History, tags: Mapping[str, int], at_ns: int) -> Window:
        """Close the windows of a unit's tags (by role) and begin the next."""
        before = history.windows[-1] if history.windows else None
        mean: dict[str, float] = {}
        last: dict[str, float] = {}
        for role, tag in tags.items():
            value = float(self._total[tag]) / max(int(self._count[tag]), 1)
            if self._bad[tag]:
                history.missing[role] = _KEEPS
            elif self._count[tag] and np.isfinite(value):
                mean[role], last[role] = value, float(self._last[tag])
                history.missing[role] = 0
            elif before is not None and role in before.mean and history.missing.get(role, 0) < _KEEPS:
                mean[role], last[role] = before.mean[role], before.last[role]
                history.missing[role] = history.missing.get(role, 0) + 1
        for tag in tags.values():
            self.begin(tag)
        window = Window(at_ns, mean, last)
        history.windows.append(window)
        history.next_ns = at_ns + MINUTE_NS
        return window

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The open windows."""
        return {"total": self._total, "count": self._count, "bad": self._bad, "last": self._last}

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told."""
        self._total = arrays["total"].astype(np.float64)
        self._count = arrays["count"].astype(np.int64)
        self._bad = arrays["bad"].astype(np.int64)
        self._last = arrays["last"].astype(np.float64)
