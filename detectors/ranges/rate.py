"""Report a tag that changes faster than allowed.

The change is taken between the first proven samples of two consecutive spans of `WINDOW_NS` that have any; two samples
of nearly the same time are judged as if a whole span lay between them, so noise is no rate. A change of exactly the
limit is allowed: what decimals lose as floats is no change.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Frame, Index, grown
from detectors.cases import Case, Json, Origin, Run, case_from, open_case, quantity
from detectors.part import Part, Said
from detectors.ranges.limits import ROUNDING
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import MINUTE_NS, SECOND_NS

WINDOW_NS = 10 * SECOND_NS


class Rates(Part):
    """The rate of change of every tag that has a limit on it."""

    name = "rates"

    def __init__(self, rulebook: Rulebook, origin: Origin, runs: dict[int, Run]) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._runs = runs
        self._tags: dict[int, Tag] = {}
        self._units: dict[int, str] = {}
        self._cases: dict[int, Case] = {}
        self._any = False
        self._limit: NDArray[np.float64] = np.empty(0)
        self._next_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._time_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._value: NDArray[np.float64] = np.empty(0)
        self._over: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._limit = grown(self._limit, size, np.inf)
        self._next_ns = grown(self._next_ns, size, FOREVER_NS)
        self._time_ns = grown(self._time_ns, size, NEVER_NS)
        self._value = grown(self._value, size, np.nan)
        self._over = grown(self._over, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        limit = None if rules is None else rules.rate_per_min
        self._tags[tag.id] = tag
        self._units[tag.id] = unit
        self._limit[tag.id] = np.inf if limit is None else limit
        if limit is None:
            self._next_ns[tag.id] = FOREVER_NS
        elif self._next_ns[tag.id] == FOREVER_NS:
            self._next_ns[tag.id] = NEVER_NS
        self._any = self._any or limit is not None

    def judge(self, frame: Frame) -> list[Said]:
        """Compare the samples that open a new span with those that opened the one before."""
        rows = frame.rows
        if not self._any:
            return []
        due = rows.time_ns >= self._next_ns[frame.at]
        if rows.ok is not None:
            due &= rows.ok
        if not np.count_nonzero(due):
            return []
        said: list[Said] = []
        left = due.nonzero()[0]
        while len(left):
            first = np.ones(len(left), dtype=np.bool_)
            if frame.first is not None:
                first[1:] = rows.tag[left[1:]] != rows.tag[left[:-1]]
            said += self._compare(frame, left[first])
            left = left[~first]
            left = left[rows.time_ns[left] >= self._next_ns[rows.tag[left]]]
        return said

    def _compare(self, frame: Frame, index: Index) -> list[Said]:
        """Judge samples of distinct tags, each the first of its span."""
        rows = frame.rows
        tag, time_ns, value = rows.tag[index], rows.time_ns[index], rows.value[index]
        known = self._time_ns[tag] != NEVER_NS
        # A tag's first sample is compared with itself.
        before_ns = np.where(known, self._time_ns[tag], time_ns)
        before = np.where(known, self._value[tag], value)
        minutes = np.maximum(time_ns - before_ns, WINDOW_NS) / MINUTE_NS
        per_min = (value - before) / minutes
        rounding = ROUNDING * (np.abs(value) + np.abs(before)) / minutes
        over = np.abs(per_min) > self._limit[tag] + rounding
        told = (over != self._over[tag]).nonzero()[0]
        self._over[tag] = over
        self._time_ns[tag], self._value[tag] = time_ns, value
        self._next_ns[tag] = (time_ns // WINDOW_NS + 1) * WINDOW_NS
        said: list[Said] = []
        for each in told.tolist():
            at = int(index[each])
            finding = self._tell(rows, at, float(per_min[each]), int(before_ns[each]), opens=bool(over[each]))
            said.append((frame.place(at), finding))
        return said

    def _tell(self, rows: Arrived, index: int, per_min: float, onset_ns: int, *, opens: bool) -> Finding:
        id_, at_ns = int(rows.tag[index]), int(rows.time_ns[index])
        tag = self._tags[id_]
        limit = float(self._limit[id_])
        evidence = {"rate_per_min": per_min, "limit_per_min": limit, "value": float(rows.value[index])}
        per_minute = quantity(per_min, tag.unit)
        if opens:
            case = self._open(id_, tag, onset_ns, rows.position(index))
            message = (
                f"{tag.name} changes by {per_minute} a minute, faster than the {quantity(limit, tag.unit)} allowed."
            )
            return case.say(Stage.OPEN, at_ns, message, evidence)
        message = f"{tag.name} changes by {per_minute} a minute, within the {quantity(limit, tag.unit)} allowed."
        return self._cases.pop(id_).say(Stage.CLEARED, at_ns, message, evidence, at_ns)

    def _open(self, id_: int, tag: Tag, onset_ns: int, position: RowPosition) -> Case:
        run, unit = self._runs.get(id_), self._units[id_]
        case = self._cases[id_] = open_case(self._origin, "rate", tag.name, onset_ns, position, run, unit)
        return case

    def state(self) -> Json:
        """The open findings."""
        return [[tag, case.state()] for tag, case in self._cases.items()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The samples that opened the newest span."""
        return {"next_ns": self._next_ns, "time_ns": self._time_ns, "value": self._value, "over": self._over}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._cases = {tag: case_from(case) for tag, case in state}
        self._next_ns = arrays["next_ns"].astype(np.int64)
        self._time_ns = arrays["time_ns"].astype(np.int64)
        self._value = arrays["value"].astype(np.float64)
        self._over = arrays["over"].astype(np.bool_)
