"""Report a tag that says nothing though its source is heard, a source that is not heard, and a clock that is off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Watermarks, grown
from detectors.cases import Case, Json, Origin, Run, case_from, case_of, open_case
from detectors.health.rhythm import Rhythms
from detectors.part import Part
from domain.entries import Heartbeat, RowPosition
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import SECOND_NS, format_duration

BY_RHYTHM = -1
"""In place of a time: the tag's own rhythm says how long is too long."""


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What a source may do before it is reported; on a plant that runs faster than the wall these are the plant's."""

    disconnected_after_ns: int = 10 * SECOND_NS
    skew_ns: int = 2 * SECOND_NS
    ahead_ns: int = FOREVER_NS  # what is dated further beyond our clock is not judged; the service sets `AHEAD_NS`


class Stale(Part):
    """Tags without samples for longer than their rule, by the heartbeats of a source that is heard.

    The rule is a time, or the tag's own rhythm in the phase that runs.
    """

    name = "stale"

    def __init__(
        self, rulebook: Rulebook, origin: Origin, watermarks: Watermarks, runs: dict[int, Run], rhythms: Rhythms
    ) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._watermarks = watermarks
        self._runs = runs
        self._rhythms = rhythms
        self._tags: dict[int, tuple[Tag, str, int | None]] = {}
        self._of_source: dict[str, NDArray[np.intp]] = {}
        self._after_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._heard_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._newest_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._cases: dict[int, Case] = {}

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._after_ns = grown(self._after_ns, size, 0)
        self._heard_ns = grown(self._heard_ns, size, NEVER_NS)
        self._newest_ns = grown(self._newest_ns, size, NEVER_NS)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        after_ns = None if rules is None else rules.stale_after_ns
        known = self._tags.pop(tag.id, None)
        by_rhythm = after_ns is None and self._rhythms.watches(tag.id)
        if after_ns is not None or by_rhythm:
            self._tags[tag.id] = (tag, unit, after_ns)
            self._after_ns[tag.id] = BY_RHYTHM if after_ns is None else after_ns
        if known is not None or tag.id in self._tags:
            self._of_source = {}

    def _watched(self, source: str) -> NDArray[np.intp]:
        known = self._of_source.get(source)
        if known is None:
            ids = [id_ for id_, (tag, _, _) in sorted(self._tags.items()) if tag.source == source]
            known = self._of_source[source] = np.array(ids, dtype=np.intp)
        return known

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Count the silence of the source's tags; while the source is not heard, nothing is counted."""
        tags = self._watched(heartbeat.source)
        if not len(tags):
            return []
        now_ns = heartbeat.now_ns
        newest_ns = self._watermarks.newest_ns[tags]
        spoke = newest_ns != self._newest_ns[tags]
        self._newest_ns[tags] = newest_ns
        restart = spoke | (self._heard_ns[tags] == NEVER_NS)
        self._heard_ns[tags] = np.where(restart | (not heartbeat.connected), now_ns, self._heard_ns[tags])
        after_ns = self._after_ns[tags]
        own = after_ns == BY_RHYTHM
        if np.count_nonzero(own):
            after_ns[own] = self._rhythms.limits_ns(tags[own])
        silent = heartbeat.connected & (now_ns - self._heard_ns[tags] >= after_ns)
        found = [self._opened(int(tag), heartbeat, position) for tag in tags[silent].tolist() if tag not in self._cases]
        if self._cases:
            found += [self._cleared(tag, now_ns) for tag in tags[spoke].tolist() if tag in self._cases]
        return found

    def _opened(self, id_: int, heartbeat: Heartbeat, position: RowPosition) -> Finding:
        tag, unit, after_ns = self._tags[id_]
        newest_ns = int(self._watermarks.newest_ns[id_])
        onset_ns = int(self._heard_ns[id_]) if newest_ns == NEVER_NS else newest_ns
        case = open_case(self._origin, "stale", tag.name, onset_ns, position, self._runs.get(id_), unit)
        self._cases[id_] = case
        silent = format_duration(heartbeat.now_ns - int(self._heard_ns[id_]))
        message = f"{tag.name} has said nothing for {silent}, though {heartbeat.source} is heard"
        evidence: dict[str, float | int | str | None] = {"last_ns": onset_ns, "stale_after_ns": after_ns}
        if after_ns is None:
            evidence |= self._rhythms.evidence(id_)
            usual = format_duration(int(evidence["rhythm_ns"] or 0))
            message += f"; it usually reports {evidence['reports']}, about every {usual}"
        return case.say(Stage.OPEN, heartbeat.now_ns, f"{message}.", evidence)

    def _cleared(self, id_: int, now_ns: int) -> Finding:
        case = self._cases.pop(id_)
        end_ns = max(int(self._watermarks.newest_ns[id_]), case.onset_ns)
        message = f"{case.subject} is heard again after {format_duration(end_ns - case.onset_ns)}."
        return case.say(Stage.CLEARED, now_ns, message, {"last_ns": end_ns}, end_ns)

    def state(self) -> Json:
        """The open findings."""
        return [[tag, case.state()] for tag, case in self._cases.items()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """When each tag was heard."""
        return {"heard_ns": self._heard_ns, "newest_ns": self._newest_ns}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._cases = {tag: case_from(case) for tag, case in state}
        self._heard_ns = arrays["heard_ns"].astype(np.int64)
        self._newest_ns = arrays["newest_ns"].astype(np.int64)


class Sources:
    """Whether each source is heard, and how far its clock is off."""

    def __init__(self, origin: Origin, limits: SourceLimits) -> None:
        self._origin = origin
        self._limits = limits
        self._silent_since_ns: dict[str, int] = {}
        self._disconnected: dict[str, Case] = {}
        self._skewed: dict[str, Case] = {}
        self.skew_of: dict[str, int] = {}
        """The newest measured difference of each source's clock, without its sign."""

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Take a source's heartbeat."""
        return [*self._connection(heartbeat, position), *self._clock(heartbeat, position)]

    def _connection(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        source, now_ns = heartbeat.source, heartbeat.now_ns
        if heartbeat.connected:
            since_ns = self._silent_since_ns.pop(source, now_ns)
            case = self._disconnected.pop(source, None)
            if case is None:
                return []
            message = f"{source} is heard again after {format_duration(now_ns - since_ns)}."
            return [case.say(Stage.CLEARED, now_ns, message, {"detail": heartbeat.detail or None}, now_ns)]
        # A clock that was set back starts the count again.
        since_ns = min(self._silent_since_ns.setdefault(source, now_ns), now_ns)
        self._silent_since_ns[source] = since_ns
        if source in self._disconnected or now_ns - since_ns <= self._limits.disconnected_after_ns:
            return []
        case = open_case(self._origin, "source.disconnected", source, since_ns, position, None)
        self._disconnected[source] = case
        why = f": {heartbeat.detail}" if heartbeat.detail else ""
        message = f"{source} has not been heard for {format_duration(now_ns - since_ns)}{why}."
        return [case.say(Stage.OPEN, now_ns, message, {"detail": heartbeat.detail or None})]

    def _clock(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        source, now_ns, skew_ns = heartbeat.source, heartbeat.now_ns, heartbeat.skew_ns
        if skew_ns is None:
            return []
        self.skew_of[source] = abs(skew_ns)
        case = self._skewed.get(source)
        evidence = {"skew_ns": skew_ns, "limit_ns": self._limits.skew_ns}
        if case is None and abs(skew_ns) > self._limits.skew_ns:
            case = self._skewed[source] = open_case(self._origin, "source.skew", source, now_ns, position, None)
            where = "ahead of" if skew_ns > 0 else "behind"
            message = f"The clock of {source} is {format_duration(abs(skew_ns))} {where} ours."
            return [case.say(Stage.OPEN, now_ns, message, evidence)]
        # Half the limit closes it, so that a clock at the limit is one finding.
        if case is not None and abs(skew_ns) <= self._limits.skew_ns // 2:
            del self._skewed[source]
            message = f"The clock of {source} is within {format_duration(abs(skew_ns))} of ours again."
            return [case.say(Stage.CLEARED, now_ns, message, evidence, now_ns)]
        return []

    def state(self) -> Json:
        """All of it."""
        return {
            "silent_since_ns": self._silent_since_ns,
            "disconnected": {source: case.state() for source, case in self._disconnected.items()},
            "skewed": {source: case.state() for source, case in self._skewed.items()},
            "skew_of": self.skew_of,
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._silent_since_ns = state["silent_since_ns"]
        self._disconnected = {source: case_from(case) for source, case in state["disconnected"].items()}
        self._skewed = {source: case_from(case) for source, case in state["skewed"].items()}
        self.skew_of = state["skew_of"]

    def carry_over(self, state: Json) -> None:
        """Take since when each source is silent, and how far its clock is off; `go_on` takes what was announced."""
        self._silent_since_ns, self.skew_of = state["silent_since_ns"], state["skew_of"]

    def go_on(self, finding: Finding) -> bool:
        """Follow on what was announced of a source: no rule decides it. False: it is known already."""
        cases = self._disconnected if finding.rule == "source.disconnected" else self._skewed
        if finding.subject in cases:
            return False
        cases[finding.subject] = case_of(finding)
        return True
