"""Report a reading at or beyond the ends of its instrument's range.

NAMUR NE 43 gives a 4…20 mA signal 3.8 to 20.5 mA for measuring and calls below 3.6 and above 21 mA a failure: -1.25 %
to 103.125 % of the range is measured, beyond -2.5 % or 106.25 % the instrument says that it is broken. So a reading
beyond the measured band is said at once. One at an end is clipped, and is said when `AT_END` in a
row stand there; an end at 0 is where a flow or a level rests, and is no clipping.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Arrived, Frame, Mask, grown
from detectors.cases import Case, Json, Origin, Run, case_from, open_case, quantity
from detectors.part import Part, Said
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag

BELOW: Final = 0.0125  # of the span
ABOVE: Final = 0.03125
FAILED_BELOW: Final = 0.025
FAILED_ABOVE: Final = 0.0625
AT_END: Final = 5
"""Readings in a row."""


class SensorRanges(Part):
    """Every tag whose instrument has a range."""

    name = "sensor_ranges"

    def __init__(self, rulebook: Rulebook, origin: Origin, runs: dict[int, Run]) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._runs = runs
        self._any = False
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._cases: dict[int, Case] = {}
        self._counts: dict[int, int] = {}  # readings in a row at an end, of tags that stand there
        # The readings inside: those that are looked at no further.
        self._low: NDArray[np.float64] = np.empty(0)
        self._high: NDArray[np.float64] = np.empty(0)
        self._followed: Mask = np.empty(0, dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._low = grown(self._low, size, -np.inf)
        self._high = grown(self._high, size, np.inf)
        self._followed = grown(self._followed, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        self._tags[tag.id] = (tag, unit)
        watched = rules is not None and rules.health.sensor_range and tag.kind == "number"
        low, high = (tag.sensor_low, tag.sensor_high) if watched else (None, None)
        self._low[tag.id] = -np.inf if low is None else np.nextafter(low, -np.inf if low == 0.0 else np.inf)
        self._high[tag.id] = np.inf if high is None else np.nextafter(high, np.inf if high == 0.0 else -np.inf)
        self._any = self._any or low is not None or high is not None

    def judge(self, frame: Frame) -> list[Said]:
        """Look at the readings at an end or beyond, and at the next ones of those tags."""
        if not self._any:
            return []
        frame = frame.proven
        rows = frame.rows
        suspect = ~((self._low[frame.at] <= rows.value) & (rows.value <= self._high[frame.at]))
        suspect |= self._followed[frame.at]
        if not np.count_nonzero(suspect):
            return []
        if frame.first is not None:
            suspect = np.isin(rows.tag, rows.tag[suspect])
        said: list[Said] = []
        for index in suspect.nonzero()[0].tolist():
            finding = self._step(rows, index)
            if finding is not None:
                said.append((frame.place(index), finding))
        return said

    def _step(self, rows: Arrived, index: int) -> Finding | None:
        id_, value = int(rows.tag[index]), float(rows.value[index])
        inside = self._low[id_] <= value <= self._high[id_]
        count = self._counts[id_] = 0 if inside else self._counts.get(id_, 0) + 1
        self._followed[id_] = not inside or id_ in self._cases
        case = self._cases.get(id_)
        if inside:
            del self._counts[id_]
            return None if case is None else self._cleared(rows, index, self._cases.pop(id_))
        band = self._band(self._tags[id_][0], value)
        if case is not None or (band == "at its end" and count < AT_END):
            return None
        return self._opened(rows, index, band)

    def _band(self, tag: Tag, value: float) -> str:
        """Where a reading is: at the end of the range, beyond it, or where an instrument says that it is broken."""
        low, high = tag.sensor_low, tag.sensor_high
        span = 0.0 if low is None or high is None else high - low
        below = 0.0 if low is None else low - value
        above = 0.0 if high is None else value - high
        if span > 0.0 and (below > FAILED_BELOW * span or above > FAILED_ABOVE * span):
            return "failure signal"
        beyond = below > BELOW * span or above > ABOVE * span
        return "beyond its range" if beyond else "at its end"

    def _opened(self, rows: Arrived, index: int, band: str) -> Finding:
        id_, at_ns, value = int(rows.tag[index]), int(rows.time_ns[index]), float(rows.value[index])
        tag, unit = self._tags[id_]
        run = self._runs.get(id_)
        case = open_case(self._origin, "sensor.range", tag.name, at_ns, rows.position(index), run, unit)
        self._cases[id_] = case
        low, high = tag.sensor_low, tag.sensor_high
        end = quantity(low if low is not None and value <= low else high or 0.0, tag.unit)
        how = {
            "at its end": f"stands at {end}, the end of its instrument's range",
            "beyond its range": f"is beyond {end}, the end of its instrument's range",
            "failure signal": f"gives the failure signal of its instrument, whose range ends at {end}",
        }[band]
        message = f"{tag.name}, {quantity(value, tag.unit)}, {how}."
        evidence = {"value": value, "sensor_low": low, "sensor_high": high, "band": band}
        return case.say(Stage.OPEN, at_ns, message, evidence)

    def _cleared(self, rows: Arrived, index: int, case: Case) -> Finding:
        id_, at_ns = int(rows.tag[index]), int(rows.time_ns[index])
        self._followed[id_] = False
        message = f"{case.subject} is within its instrument's range again."
        return case.say(Stage.CLEARED, at_ns, message, {"value": float(rows.value[index])}, at_ns)

    def state(self) -> Json:
        """The open findings, and how long tags stand at an end."""
        return {
            "cases": [[tag, case.state()] for tag, case in self._cases.items()],
            "counts": sorted(self._counts.items()),
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._cases = {tag: case_from(case) for tag, case in state["cases"]}
        self._counts = dict(state["counts"])
        self._followed[:] = False
        self._followed[[*self._cases, *self._counts]] = True
