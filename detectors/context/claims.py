"""What events say of a unit whose tags tell the same: compared once both had their time, and no choice is silent.

Tags judge where they exist. An event that says otherwise is a finding (`context.conflict`) that names both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from detectors.cases import Evidence, Json, Origin, open_case
from detectors.context.units import Role, Unit
from domain.entries import Heartbeat, Position, RowPosition
from domain.findings import Finding, Stage
from domain.time import SECOND_NS, format_time

AGREE_WITHIN_NS = 10 * SECOND_NS
"""Tags and events of one happening come so far apart, or as far as the unit settles where that is longer."""

MOST_CLAIMS = 1_024
"""Claims that wait; the oldest go unjudged beyond that."""

_WORDS = {
    Role.BATCH: "batch {text}",
    Role.PHASE: "phase {text}",
    Role.TRANSFER_IN: "a transfer in",
    Role.TRANSFER_OUT: "a transfer out",
}


@dataclass(slots=True)
class Claim:
    """An event says that something began or ended on a unit."""

    unit: str
    role: Role
    text: str
    begins: bool
    time_ns: int
    event: str
    source: str
    position: RowPosition
    first_beat_ns: int | None = None

    def state(self) -> Json:
        """All of it."""
        return [
            self.unit,
            str(self.role),
            self.text,
            self.begins,
            self.time_ns,
            self.event,
            self.source,
            list(self.position),
            self.first_beat_ns,
        ]


def _claim_from(state: Json) -> Claim:
    unit, role, text, begins, time_ns, event, source, (entry, row), first_beat_ns = state
    position = RowPosition(Position(entry), row)
    return Claim(unit, Role(role), text, begins, time_ns, event, source, position, first_beat_ns)


def tolerance_ns(unit: Unit, role: Role) -> int:
    """How far an event and the tags of a unit may be apart and still mean the same."""
    rules = {Role.TRANSFER_IN: unit.model.transfer_in_rule, Role.TRANSFER_OUT: unit.model.transfer_out_rule}
    rule = rules.get(role)
    return max(AGREE_WITHIN_NS, unit.model.settle_ns, 0 if rule is None else 2 * rule.for_ns)


class Claims:
    """Claims that wait until the unit's tags have had their time."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._waiting: list[Claim] = []

    def add(self, claim: Claim) -> None:
        """Compare a claim later."""
        self._waiting.append(claim)
        del self._waiting[:-MOST_CLAIMS]

    def beat(self, heartbeat: Heartbeat, units: Mapping[str, Unit], source_of: Callable[[Unit], str]) -> list[Finding]:
        """Judge what has waited long enough; `source_of` gives the source of a unit's tags.

        Only heartbeats of that source while it is connected count: what it was cut off from is still to come.
        """
        if not self._waiting:
            return []
        found: list[Finding] = []
        left: list[Claim] = []
        for claim in self._waiting:
            unit = units.get(claim.unit)
            if unit is None:
                continue
            if source_of(unit) != heartbeat.source:
                left.append(claim)
                continue
            if not heartbeat.connected or claim.first_beat_ns is None or heartbeat.now_ns < claim.first_beat_ns:
                claim.first_beat_ns = heartbeat.now_ns if heartbeat.connected else None
            tolerance = tolerance_ns(unit, claim.role)
            begun_ns = claim.first_beat_ns
            ripe = begun_ns is not None and heartbeat.now_ns - max(begun_ns, claim.time_ns) > 2 * tolerance
            if ripe and not unit.pending:
                found += self._judge(claim, unit, heartbeat.now_ns, tolerance)
            else:
                left.append(claim)
        self._waiting = left
        return found

    def _judge(self, claim: Claim, unit: Unit, now_ns: int, tolerance: int) -> list[Finding]:
        said = unit.said(claim.role, claim.time_ns - tolerance, claim.time_ns + tolerance)
        agrees = claim.text in said if claim.begins else any(each != claim.text for each in said)
        if agrees or not said:
            return []
        case = open_case(
            self._origin, "context.conflict", claim.unit, claim.time_ns, claim.position, unit.run, claim.unit
        )
        case.id = (
            f"context.conflict/{claim.unit}/{claim.role}/{claim.event}/{claim.position.entry}.{claim.position.row}"
        )
        what = _WORDS[claim.role].format(text=claim.text)
        told = said[-1] or "none"
        if claim.role in (Role.TRANSFER_IN, Role.TRANSFER_OUT):
            told = "that it flows" if said[-1] == "1" else "that nothing flows"
        message = (
            f"{claim.unit}: event {claim.event} from {claim.source or 'the interface'} says that {what} "
            f"{'began' if claim.begins else 'ended'} at {format_time(claim.time_ns)}, but its tags say {told}; "
            f"the tags judge."
        )
        evidence: Evidence = {
            "event": claim.event,
            "event_source": claim.source,
            "event_says": claim.text,
            "tags_say": said[-1],
            "within_ns": tolerance,
        }
        return [case.say(Stage.CLEARED, now_ns, message, evidence, claim.time_ns)]

    def state(self) -> Json:
        """All that waits."""
        return [claim.state() for claim in self._waiting]

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._waiting = [_claim_from(each) for each in state]
