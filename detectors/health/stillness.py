"""Report a tag whose readings repeat to the bit for longer than they ever do in this phase.

A run is a number of readings in a row, each with a later source time, that repeat the one before. Runs are learnt once
they have ended: how many of all readings repeat (with Wilson's upper bound at 99.9 %, as few readings prove little),
how many of those that repeat are followed by one that repeats too, and the longest run. A run is too long at the length
L with `share^L <= 1e-7`, by the larger of the two shares, and never below three times the longest one. The second is
larger where a level now moves and now rests, or where its noise is slow: the readings that move say nothing of how
long it may rest. Where most readings repeat (`COARSE`), as of a counter that rests, equal readings tell nothing and
nothing is said.

Silence is not frozen: a server that sends only what changes (OPC UA's trigger StatusValue) never sends an equal
reading, and then it is the silence that is too long (`rhythm`). Equal readings with new times come from servers that
report still values too (StatusValueTimestamp), and from most brokers.

A flow at rest repeats, one that is dosed does not: runs are learnt per phase, and begin anew with each. Nothing is
judged before `LEAST_READINGS`; from the first heartbeat on that knows `MOST_READINGS` nothing is learnt any more.
Limits change at heartbeats only, so that they do not depend on how rows were batched.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Frame, Index, LastSamples, Mask, grown
from detectors.cases import Case, Json, Origin, Run, case_from, open_case, quantity
from detectors.health.places import Places
from detectors.part import Part, Said
from domain.entries import Heartbeat, RowPosition
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import format_duration

LEAST_READINGS: Final = 60
MOST_READINGS: Final = 5_000
LEAST_RUN: Final = 8
COARSE: Final = 0.95
CHANCE: Final = 1e-7  # that a run as long as the limit begins at a reading

_NEVER: Final = np.iinfo(np.int64).max
_Z: Final = 3.09  # 99.9 %, one-sided
_TIMES_LONGEST: Final = 3
_LEAST_REPEATS: Final = 30  # that tell how often a repeat is followed by another
_LEARNT: Final = 4  # readings, repeats, the runs they are in, the longest run

Counts = NDArray[np.int64]


def upper_share(repeats: Counts, readings: Counts) -> NDArray[np.float64]:
    """Wilson's upper bound on the share of readings that repeat the one before."""
    n = readings.astype(np.float64)
    share = repeats / n
    middle = share + _Z * _Z / (2 * n)
    margin = _Z * np.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    bound: NDArray[np.float64] = (middle + margin) / (1 + _Z * _Z / n)
    return bound


def run_limit(readings: Counts, repeats: Counts, runs: Counts, longest: Counts) -> Counts:
    """How many repeated readings are too many; the largest integer where that cannot be told.

    Of the readings that repeat, all but one of each of the `runs` are followed by another that repeats.
    """
    again = np.where(repeats >= _LEAST_REPEATS, upper_share(repeats - runs, np.maximum(repeats, 1)), 0.0)
    share = np.minimum(np.maximum(upper_share(repeats, readings), again), 1 - 1e-9)
    least = np.ceil(np.log(CHANCE) / np.log(share)).astype(np.int64)
    limit = np.maximum(np.maximum(least, _TIMES_LONGEST * longest), LEAST_RUN)
    return np.where(share < COARSE, limit, _NEVER)


class Stillness(Part):
    """Runs of equal readings of every tag that is judged by its own."""

    name = "stillness"

    def __init__(
        self, rulebook: Rulebook, origin: Origin, last: LastSamples, runs: dict[int, Run], places: Places
    ) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._last = last
        self._runs = runs
        self._places = places
        self._any = False
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._cases: dict[int, Case] = {}
        self._watched: Mask = np.empty(0, dtype=np.bool_)
        self._is_open: Mask = np.empty(0, dtype=np.bool_)
        self._run: Counts = np.empty(0, dtype=np.int64)
        self._since_ns: Counts = np.empty(0, dtype=np.int64)
        self._own_limit: Counts = np.empty(0, dtype=np.int64)  # of the place of each tag; never if unwatched
        self._learning: Mask = np.empty(0, dtype=np.bool_)
        # What was learnt of each tag since it was added to its place: limits change at heartbeats only.
        self._at: Index = np.empty(0, dtype=np.intp)  # that place
        self._new: Counts = np.zeros((_LEARNT, 0), dtype=np.int64)
        # By place.
        self._readings: Counts = np.empty(0, dtype=np.int64)
        self._repeats: Counts = np.empty(0, dtype=np.int64)
        self._ended: Counts = np.empty(0, dtype=np.int64)  # runs of at least one repeat
        self._longest: Counts = np.empty(0, dtype=np.int64)
        self._judged: Counts = np.empty(0, dtype=np.int64)
        self._limit: Counts = np.empty(0, dtype=np.int64)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._watched = grown(self._watched, size, fill=False)
        self._is_open = grown(self._is_open, size, fill=False)
        self._run = grown(self._run, size, 0)
        self._since_ns = grown(self._since_ns, size, NEVER_NS)
        self._own_limit = grown(self._own_limit, size, _NEVER)
        self._learning = grown(self._learning, size, fill=False)
        self._at = grown(self._at, size, 0)
        self._new = np.array([grown(each, size, 0) for each in self._new])

    def _grow_places(self) -> None:
        size = self._places.count
        self._readings = grown(self._readings, size, 0)
        self._repeats = grown(self._repeats, size, 0)
        self._ended = grown(self._ended, size, 0)
        self._longest = grown(self._longest, size, 0)
        self._judged = grown(self._judged, size, 0)
        self._limit = grown(self._limit, size, _NEVER)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        watched = rules is not None and rules.health.frozen and tag.kind == "number"
        self._tags[tag.id] = (tag, unit)
        self._watched[tag.id] = watched
        self._any = self._any or watched
        self._grow_places()
        if self._new[0, tag.id]:
            self._gather([tag.id])
        place = self._at[tag.id] = self._places.of[tag.id]
        self._own_limit[tag.id] = self._limit[place] if watched else _NEVER
        self._learning[tag.id] = watched and self._judged[place] < MOST_READINGS

    def _move(self, tags: list[int]) -> None:
        """Add what is new of these tags to the place where it was learnt, and go on at their place now."""
        self._gather(tags)
        self._at[tags] = self._places.of[tags]
        self._refresh(tags)

    def _gather(self, tags: "list[int] | Index") -> None:
        place, (readings, repeats, runs, longest) = self._at[tags], self._new[:, tags]
        np.add.at(self._readings, place, readings)
        np.add.at(self._repeats, place, repeats)
        np.add.at(self._ended, place, runs)
        np.maximum.at(self._longest, place, longest)
        self._new[:, tags] = 0

    def _refresh(self, tags: "list[int] | Index") -> None:
        place, watched = self._at[tags], self._watched[tags]
        self._own_limit[tags] = np.where(watched, self._limit[place], _NEVER)
        self._learning[tags] = watched & (self._judged[place] < MOST_READINGS)

    def judge(self, frame: Frame) -> list[Said]:
        """Count each reading that repeats the one before; judge the runs that are too long, learn those that ended."""
        if not self._any:
            return []
        frame = frame.proven
        rows = frame.rows
        if not len(rows):
            return []
        before = frame.previous(rows.value, self._last.value)
        changed = rows.value.view(np.int64) != before.view(np.int64)
        run, ended = self._count(frame, changed)
        since_ns = self._since(frame, changed)
        limit = self._own_limit[frame.at]
        too_long = run >= limit
        self._learn(frame, ended, changed & self._learning[frame.at] & (ended < limit))
        said: list[Said] = []
        if self._cases or np.count_nonzero(too_long):
            said = self._turns(frame, changed, too_long, run, since_ns)
        at = rows.tag if frame.first is not None else frame.at  # of several rows of a tag the last one stays
        self._run[at] = run
        self._since_ns[at] = since_ns
        return said

    def _count(self, frame: Frame, changed: Mask) -> tuple[Counts, Counts]:
        """The length of each row's run so far, and of the run before it."""
        rows = frame.rows
        before_ns = self._last.time_ns[frame.at]
        carried = self._run[frame.at]
        if frame.first is None:
            repeats = ~changed & (rows.time_ns > before_ns)
            return np.where(changed, 0, carried + repeats), carried.copy()
        before_ns = before_ns.copy()
        before_ns[1:] = np.where(frame.first[1:], before_ns[1:], rows.time_ns[:-1])
        repeats = (~changed & (rows.time_ns > before_ns)).astype(np.int64)
        place = np.arange(len(rows))
        begin = np.maximum.accumulate(np.where(changed | frame.first, place, 0))
        total = np.cumsum(repeats)
        run = total - total[begin] + np.where(changed[begin], 0, carried[begin] + repeats[begin])
        ended = carried.copy()
        ended[1:] = np.where(frame.first[1:], carried[1:], run[:-1])
        return run, ended

    def _since(self, frame: Frame, changed: Mask) -> Counts:
        """Since when each row's value has been what it is."""
        rows = frame.rows
        known: Counts = self._since_ns[frame.at]
        if frame.first is None:
            return np.where(changed, rows.time_ns, known)
        place = np.arange(len(rows))
        newest_change = np.maximum.accumulate(np.where(changed, place, -1))
        first = np.maximum.accumulate(np.where(frame.first, place, 0))
        return np.where(newest_change >= first, rows.time_ns[newest_change], known)

    def _learn(self, frame: Frame, ended: Counts, over: Mask) -> None:
        """Take note of the runs that ended."""
        if not np.count_nonzero(over):
            return
        if frame.first is None:
            readings, repeats, runs, longest = (each[frame.at] for each in self._new)
            ended = ended * over
            readings += ended
            readings += over
            repeats += ended
            runs += ended > 0
            np.maximum(longest, ended, out=longest)
            if not isinstance(frame.at, slice):
                for each, now in zip(self._new, (readings, repeats, runs, longest), strict=True):
                    each[frame.at] = now
            return
        tag, ended = frame.rows.tag[over], ended[over]
        np.add.at(self._new[0], tag, ended + 1)
        np.add.at(self._new[1], tag, ended)
        np.add.at(self._new[2], tag, ended > 0)
        np.maximum.at(self._new[3], tag, ended)

    def _turns(self, frame: Frame, changed: Mask, too_long: Mask, run: Counts, since_ns: Counts) -> list[Said]:
        rows = frame.rows
        opened = too_long & ~self._is_open[frame.at]
        told = opened | (changed & self._is_open[frame.at])
        if frame.first is not None:
            # A tag may freeze and thaw within the frame.
            told = (too_long | changed) & np.isin(rows.tag, rows.tag[told])
        said: list[Said] = []
        for index in told.nonzero()[0].tolist():
            id_ = int(rows.tag[index])
            if bool(too_long[index]) and id_ not in self._cases:
                finding = self._opened(frame, index, int(run[index]), int(since_ns[index]))
            elif bool(changed[index]) and id_ in self._cases:
                finding = self._cleared(id_, int(rows.time_ns[index]))
            else:
                continue
            said.append((frame.place(index), finding))
        return said

    def _opened(self, frame: Frame, index: int, run: int, since_ns: int) -> Finding:
        rows = frame.rows
        id_, at_ns = int(rows.tag[index]), int(rows.time_ns[index])
        tag, unit = self._tags[id_]
        place = int(self._places.of[id_])
        case = open_case(self._origin, "frozen", tag.name, since_ns, rows.position(index), self._runs.get(id_), unit)
        self._cases[id_] = case
        self._is_open[id_] = True
        longest = int(self._longest[place])
        evidence: dict[str, float | int | str | None] = {
            "since_ns": since_ns,
            "value": float(rows.value[index]),
            "repeats": run,
            "limit": int(self._limit[place]),
            "longest": longest,
            "share": float(self._repeats[place] / max(int(self._readings[place]), 1)),
            "learnt": f"from {int(self._judged[place])} readings",
        }
        message = (
            f"{tag.name} has been exactly {quantity(float(rows.value[index]), tag.unit)} for"
            f" {format_duration(at_ns - since_ns)}, {run + 1} readings; it never repeated more than {longest} times."
        )
        return case.say(Stage.OPEN, at_ns, message, evidence)

    def _cleared(self, id_: int, at_ns: int) -> Finding:
        case = self._cases.pop(id_)
        self._is_open[id_] = False
        message = f"{case.subject} changes again after {format_duration(at_ns - case.onset_ns)}."
        return case.say(Stage.CLEARED, at_ns, message, {"since_ns": case.onset_ns}, at_ns)

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """A run of equal readings counts within one phase."""
        self._grow_places()
        ids = [int(tag.id) for tag in tags]
        self._move(ids)
        self._run[ids] = 0
        self._since_ns[ids] = self._last.time_ns[ids]

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """A run of equal readings counts within one phase."""
        self.phase_starts(run, tags)
        return []

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Derive the limits of the places of which a fourth more is known."""
        if not self._any:
            return []
        self._gather(self._learning.nonzero()[0])
        readings, judged = self._readings, self._judged
        grows = (4 * readings >= 5 * judged) | (readings >= MOST_READINGS)
        due = ((readings >= LEAST_READINGS) & (readings > judged) & (judged < MOST_READINGS) & grows).nonzero()[0]
        if len(due):
            self._limit[due] = run_limit(readings[due], self._repeats[due], self._ended[due], self._longest[due])
            self._judged[due] = readings[due]
            self._refresh(self._watched.nonzero()[0])
        return []

    def state(self) -> Json:
        """The open findings."""
        return [[tag, case.state()] for tag, case in self._cases.items()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Runs, and what is learnt of them; what is new stays apart until a heartbeat: findings tell what was known."""
        return {
            "at": self._at,
            "new": self._new,
            "run": self._run,
            "since_ns": self._since_ns,
            "readings": self._readings,
            "repeats": self._repeats,
            "ended": self._ended,
            "longest": self._longest,
            "judged": self._judged,
            "limit": self._limit,
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._cases = {tag: case_from(case) for tag, case in state}
        self._is_open[:] = False
        self._is_open[list(self._cases)] = True
        self._run = arrays["run"].astype(np.int64)
        self._since_ns = arrays["since_ns"].astype(np.int64)
        self._keep(arrays)
        self._begin()

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep what is learnt of each place."""
        self._keep(arrays)
        self._gather(np.arange(self._new.shape[1]))
        watched = self._watched.nonzero()[0]
        self._at[watched] = self._places.of[watched]
        self._begin()

    def _keep(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        if "ended" not in arrays:  # an older program did not count runs: its habits are learnt anew
            return
        for name in ("readings", "repeats", "ended", "longest", "judged", "limit", "new"):
            setattr(self, f"_{name}", arrays[name].astype(np.int64))
        self._at = arrays["at"].astype(np.intp)
        self._grow_places()

    def _begin(self) -> None:
        self._refresh(self._watched.nonzero()[0])
