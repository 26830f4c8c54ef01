"""Report a tag whose rows are dated beyond our clock by more than a clock may be off: recorded, and not judged."""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Watermarks
from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, open_case
from detectors.part import Part
from domain.entries import Heartbeat, Position, RowPosition
from domain.findings import Finding, Stage
from domain.tags import Tag
from domain.time import format_duration, format_time


class Ahead(Part):
    """Tells at the heartbeats of a tag's source what was dated ahead since the one before, and when no more."""

    name = "ahead"

    def __init__(self, origin: Origin, watermarks: Watermarks, runs: dict[int, Run]) -> None:
        self._origin = origin
        self._watermarks = watermarks
        self._runs = runs
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._cases: dict[int, tuple[Case, int]] = {}  # by tag: what was said, and the newest judged time then

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        self._tags[tag.id] = (tag, unit)

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Say what was dated ahead; it is over once a row of the tag is judged and none was ahead."""
        told = self._watermarks.ahead
        if not told and not self._cases:
            return []
        found: list[Finding] = []
        for id_ in sorted({*told, *self._cases}):
            tag, unit = self._tags[id_]
            if tag.source == heartbeat.source:
                found += self._opened(id_, tag, unit, heartbeat) if id_ in told else self._cleared(id_, tag, heartbeat)
        return found

    def _opened(self, id_: int, tag: Tag, unit: str, heartbeat: Heartbeat) -> list[Finding]:
        count, entry, row, time_ns, limit_ns = self._watermarks.ahead.pop(id_)
        newest_ns = int(self._watermarks.newest_ns[id_])
        if id_ in self._cases:
            self._cases[id_] = (self._cases[id_][0], newest_ns)
            return []
        detected = RowPosition(Position(entry), row)
        case = open_case(self._origin, "ahead", tag.name, heartbeat.now_ns, detected, self._runs.get(id_), unit)
        self._cases[id_] = (case, newest_ns)
        evidence: Evidence = {"time_ns": time_ns, "limit_ns": limit_ns, "rows": count}
        by = format_duration(time_ns - heartbeat.now_ns)
        message = (
            f"{tag.name} dates its readings {format_time(time_ns)}, {by} ahead of our clock: "
            "they are recorded and not judged."
        )
        return [case.say(Stage.OPEN, heartbeat.now_ns, message, evidence)]

    def _cleared(self, id_: int, tag: Tag, heartbeat: Heartbeat) -> list[Finding]:
        case, newest_ns = self._cases[id_]
        if int(self._watermarks.newest_ns[id_]) == newest_ns:
            return []
        del self._cases[id_]
        message = f"{tag.name} dates its readings by our clock again."
        return [case.say(Stage.CLEARED, heartbeat.now_ns, message, {}, heartbeat.now_ns)]

    def state(self) -> Json:
        """What was said and is not over."""
        return [[tag, case.state(), newest_ns] for tag, (case, newest_ns) in self._cases.items()]

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._cases = {tag: (case_from(case), newest_ns) for tag, case, newest_ns in state}
