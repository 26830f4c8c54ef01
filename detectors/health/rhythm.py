"""How often a tag speaks, learnt from its own intervals per phase; the silence that is too long for it follows.

Intervals are counted in classes half an octave wide. A tag whose longest interval is not above twice its median one
reports periodically: five medians of silence are too long. Any other reports by exception (a deadband, a server that
sends what changes), and its intervals have a tail, taken as exponential beyond the median:
`t(p) = q99 + s ln(0.01/p)` with `s = max((q90 - q50)/ln 5, (q99 - q50)/ln 50)` and p such that one interval a
year is as long by chance, `p = q50/year`; and never less than three times the longest interval that was seen.

Nothing is judged before `LEAST_INTERVALS`; from the first heartbeat on that knows `MOST_INTERVALS` nothing is learnt
any more. Limits change at heartbeats only, so that they do not depend on how rows were batched.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Frame, Index, Mask, grown
from detectors.cases import Json, Run
from detectors.health.places import Places
from detectors.part import Part, Said
from domain.entries import Gap, Heartbeat, RowPosition
from domain.findings import Finding
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import DAY_NS, SECOND_NS

LEAST_INTERVALS: Final = 60
MOST_INTERVALS: Final = 2_000
LEAST_SILENCE_NS: Final = 30 * SECOND_NS
"""No silence is too long that is shorter: heartbeats are some seconds apart."""

_CLASSES: Final = 40
_PER_OCTAVE: Final = 2
_FIRST_NS: Final = 100_000_000.0  # the upper end of the first class; the last class begins at 14 hours
_PERIODIC: Final = 2.0  # the longest interval of a tag that reports periodically, in medians
_PERIODS: Final = 5.0
_LONGEST: Final = 3.0
_YEAR_NS: Final = 365.25 * DAY_NS


Times = NDArray[np.float64]


def silence_ns(counts: NDArray[np.int32], longest_ns: Times) -> tuple[Times, Times, Mask]:
    """The median interval, the silence that is too long, and whether a tag is periodic.

    `counts` has a row per place and a column per class, `longest_ns` an interval per place.
    """
    total = np.cumsum(counts, axis=1, dtype=np.int64)
    q50, q90, q99 = (_quantile_ns(total, share) for share in (0.50, 0.90, 0.99))
    # A class is known by its upper end, so the longest interval cannot be above the end of the highest one.
    periodic = longest_ns <= _PERIODIC * q50
    scale_ns = np.maximum((q90 - q50) / np.log(5.0), (q99 - q50) / np.log(50.0))
    tail_ns = q99 + scale_ns * np.maximum(np.log(0.01 * _YEAR_NS / q50), 0.0)
    limit_ns = np.where(periodic, _PERIODS * q50, np.maximum(tail_ns, _LONGEST * longest_ns))
    return q50, np.maximum(limit_ns, LEAST_SILENCE_NS), periodic


def _quantile_ns(total: NDArray[np.int64], share: float) -> Times:
    place = np.argmax(total >= share * total[:, -1:], axis=1)
    quantile_ns: Times = _FIRST_NS * np.exp2(place / _PER_OCTAVE)
    return quantile_ns


def _ends_ns() -> NDArray[np.int64]:
    """The longest interval of each class, behind the one below the first."""
    ends = np.floor(_FIRST_NS * np.exp2(np.arange(_CLASSES) / _PER_OCTAVE)).astype(np.int64)
    ends[-1] = FOREVER_NS
    return np.concatenate([[0], ends])


_ENDS_NS: Final = _ends_ns()


def _class_of(interval_ns: NDArray[np.int64]) -> Index:
    return np.searchsorted(_ENDS_NS[1:], interval_ns, side="left")


class Rhythms(Part):
    """The intervals of every tag whose silence is judged by its own rhythm."""

    name = "rhythms"

    def __init__(self, rulebook: Rulebook, places: Places) -> None:
        self._rulebook = rulebook
        self._places = places
        self._of_source: dict[str, list[int]] = {}
        self._watched: Mask = np.empty(0, dtype=np.bool_)
        self._last_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        # What was learnt of each tag since it was added to its place: limits change at heartbeats only.
        self._learning: Mask = np.empty(0, dtype=np.bool_)
        self._at: Index = np.empty(0, dtype=np.intp)  # that place
        self._class: Index = np.empty(0, dtype=np.intp)  # the class of the newest interval, and how many were of it
        self._above_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # the ends of that class
        self._most_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._alike: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._new_longest_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        # By place.
        self._counts: NDArray[np.int32] = np.zeros((0, _CLASSES), dtype=np.int32)
        self._learnt: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._judged: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._longest_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._median_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._limit_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._periodic: Mask = np.empty(0, dtype=np.bool_)
        self._over: Mask = np.empty(0, dtype=np.bool_)  # nothing more is learnt

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._watched = grown(self._watched, size, fill=False)
        self._last_ns = grown(self._last_ns, size, NEVER_NS)
        self._learning = grown(self._learning, size, fill=False)
        for name in ("at", "class", "above_ns", "most_ns", "alike", "new_longest_ns"):
            setattr(self, f"_{name}", grown(getattr(self, f"_{name}"), size, 0))

    def _grow_places(self) -> None:
        size = self._places.count
        if len(self._learnt) >= size:
            return
        self._learnt = grown(self._learnt, size, 0)
        self._judged = grown(self._judged, size, 0)
        self._longest_ns = grown(self._longest_ns, size, 0)
        self._median_ns = grown(self._median_ns, size, 0)
        self._limit_ns = grown(self._limit_ns, size, FOREVER_NS)
        self._periodic = grown(self._periodic, size, fill=False)
        self._over = grown(self._over, size, fill=False)
        counts = np.zeros((len(self._learnt), _CLASSES), dtype=np.int32)
        counts[: len(self._counts)] = self._counts
        self._counts = counts

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        self._watched[tag.id] = rules is not None and rules.health.stale and tag.kind == "number"
        for ids in self._of_source.values():
            if tag.id in ids:
                ids.remove(tag.id)
        if self._watched[tag.id]:
            self._of_source.setdefault(tag.source, []).append(tag.id)
        self._grow_places()
        if self._new_longest_ns[tag.id]:
            self._gather([tag.id])
        place = self._at[tag.id] = self._places.of[tag.id]
        self._learning[tag.id] = self._watched[tag.id] and not self._over[place]

    def _move(self, tags: list[int]) -> None:
        """Add what is new of these tags to the place where it was learnt, and go on at their place now."""
        self._gather(tags)
        self._at[tags] = self._places.of[tags]
        self._learning[tags] = self._watched[tags] & ~self._over[self._at[tags]]

    def _gather(self, tags: "list[int] | Index") -> None:
        place, alike = self._at[tags], self._alike[tags]
        np.add.at(self._counts, (place, self._class[tags]), alike)
        np.add.at(self._learnt, place, alike)
        np.maximum.at(self._longest_ns, place, self._new_longest_ns[tags])
        self._alike[tags] = self._new_longest_ns[tags] = 0

    def watches(self, tag: int) -> bool:
        """Whether a tag's silence is judged by its rhythm."""
        return bool(self._watched[tag])

    def limits_ns(self, tags: Index) -> NDArray[np.int64]:
        """The silence that is too long for each tag now; `FOREVER_NS` where too little is known."""
        return self._limit_ns[self._places.of[tags]]

    def evidence(self, tag: int) -> dict[str, float | int | str | None]:
        """What is known of a tag's rhythm now."""
        place = int(self._places.of[tag])
        return {
            "stale_after_ns": int(self._limit_ns[place]),
            "rhythm_ns": int(self._median_ns[place]),
            "reports": "periodically" if self._periodic[place] else "by exception",
            "learnt": f"from {int(self._judged[place])} intervals",
        }

    def judge(self, frame: Frame) -> list[Said]:
        """Learn the intervals of the tags that are still learnt of."""
        known = self._learning[frame.at]
        if not np.count_nonzero(known):
            return []
        rows, before_ns = frame.rows, self._last_ns[frame.at]
        if frame.first is not None:
            before_ns[1:] = np.where(frame.first[1:], before_ns[1:], rows.time_ns[:-1])
        learning = known & (before_ns != NEVER_NS) & (rows.time_ns > before_ns)
        interval_ns = (rows.time_ns - before_ns) * learning  # 0 where nothing is learnt
        self._last_ns[rows.tag if frame.first is not None else frame.at] = rows.time_ns
        if frame.first is None:
            self._learn(frame.at, interval_ns, learning)
        elif len(rows):
            self._learn_all(rows.tag[learning], interval_ns[learning])
        return []

    def _learn(self, at: "slice | Index", interval_ns: NDArray[np.int64], learning: Mask) -> None:
        """Count an interval of each of these distinct tags; most are of the class of the one before."""
        same = (interval_ns > self._above_ns[at]) & (interval_ns <= self._most_ns[at])
        self._alike[at] += same
        self._new_longest_ns[at] = np.maximum(self._new_longest_ns[at], interval_ns)
        if np.count_nonzero(same) == np.count_nonzero(learning):
            return
        other = (learning & ~same).nonzero()[0]
        tag = other + (at.start or 0) if isinstance(at, slice) else at[other]
        longest_ns = self._new_longest_ns[tag]
        self._gather(tag)
        self._new_longest_ns[tag] = longest_ns
        class_ = self._class[tag] = _class_of(interval_ns[other])
        self._above_ns[tag], self._most_ns[tag] = _ENDS_NS[class_], _ENDS_NS[class_ + 1]
        self._alike[tag] = 1

    def _learn_all(self, tag: Index, interval_ns: NDArray[np.int64]) -> None:
        """Count intervals, several of a tag."""
        place = self._at[tag]
        np.add.at(self._counts, (place, _class_of(interval_ns)), 1)
        np.add.at(self._learnt, place, 1)
        np.maximum.at(self._new_longest_ns, tag, interval_ns)

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """What lies between two phases is no interval of either."""
        self._grow_places()
        ids = [int(tag.id) for tag in tags]
        self._move(ids)
        self._last_ns[ids] = NEVER_NS

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """What lies between two phases is no interval of either."""
        self.phase_starts(run, tags)
        return []

    def gap(self, gap: Gap) -> None:
        """What spans a gap is no interval."""
        ids = self._of_source.get(gap.source, []) if gap.tag is None else [gap.tag]
        self._last_ns[[each for each in ids if each < len(self._last_ns)]] = NEVER_NS

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Derive the limits of what has grown by a fourth since; while a source is away, nothing is an interval."""
        ids = self._of_source.get(heartbeat.source)
        if not ids:
            return []
        if not heartbeat.connected:
            self._last_ns[ids] = NEVER_NS
            return []
        learning = [] if not np.count_nonzero(self._learning[ids]) else ids
        self._gather(learning)
        places = self._at[ids]
        learnt, judged = self._learnt[places], self._judged[places]
        due = (
            (learnt >= LEAST_INTERVALS) & (learnt > judged) & ((4 * learnt >= 5 * judged) | (learnt >= MOST_INTERVALS))
        )
        if np.count_nonzero(due):
            place = places[due]
            median_ns, limit_ns, periodic = silence_ns(self._counts[place], self._longest_ns[place].astype(np.float64))
            self._median_ns[place], self._limit_ns[place] = np.round(median_ns), np.round(limit_ns)
            self._periodic[place] = periodic
            self._judged[place] = self._learnt[place]
            self._over[place] = self._learnt[place] >= MOST_INTERVALS
            self._learning[ids] = ~self._over[places]
        return []

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of it."""
        self._gather(self._learning.nonzero()[0])
        return {
            "last_ns": self._last_ns,
            "counts": self._counts,
            "learnt": self._learnt,
            "judged": self._judged,
            "longest_ns": self._longest_ns,
            "median_ns": self._median_ns,
            "limit_ns": self._limit_ns,
            "periodic": self._periodic,
            "over": self._over,
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told."""
        self._last_ns = arrays["last_ns"].astype(np.int64)
        self.carry_over(state, arrays)

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep what is learnt of each place."""
        self._counts = arrays["counts"].astype(np.int32)
        self._learnt = arrays["learnt"].astype(np.int64)
        self._judged = arrays["judged"].astype(np.int64)
        self._longest_ns = arrays["longest_ns"].astype(np.int64)
        self._median_ns = arrays["median_ns"].astype(np.int64)
        self._limit_ns = arrays["limit_ns"].astype(np.int64)
        self._periodic = arrays["periodic"].astype(np.bool_)
        self._over = arrays["over"].astype(np.bool_)
        self._grow_places()
        self._alike[:] = self._new_longest_ns[:] = 0
        watched = self._watched.nonzero()[0]
        self._at[watched] = self._places.of[watched]
        self._learning[watched] = ~self._over[self._at[watched]]
