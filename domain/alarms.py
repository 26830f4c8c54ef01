"""Alarms as independent facts, and the ISA-18.2 state that follows from them."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from domain.rules import Priority


class AlarmState(enum.StrEnum):
    """The states of ISA-18.2 / IEC 62682, by their usual short names."""

    NORMAL = "NORM"
    UNACKNOWLEDGED = "UNACK"
    ACKNOWLEDGED = "ACKED"
    RETURNED_UNACKNOWLEDGED = "RTNUN"
    LATCHED = "LATCH"
    SHELVED = "SHLVD"
    SUPPRESSED = "DSUPR"
    OUT_OF_SERVICE = "OOSRV"


CHANGES: Mapping[str, str] = {
    "activated": "it became active",
    "severity": "it became worse",
    "eased": "it is less bad, and active",
    "returned": "it is no longer active",
    "realarmed": "it still stands after its re-alarm time",
    "acknowledged": "a person has seen it",
    "commented": "a person said something of it",
    "shelved": "a person put it away, for a time",
    "unshelved": "a person took it back, or the time is over",
    "suppressed": "by design nobody need respond to it now",
    "unsuppressed": "the reason for that is over",
    "out_of_service": "a person took it out of service",
    "returned_to_service": "a person put it back into service",
    "reset": "a person let go what was latched",
}
"""What may happen to an alarm, as `Transition.what` names it."""


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """What is known of one alarm; none of these facts hides another."""

    active: bool = False
    acknowledged: bool = True
    latched: bool = False
    shelved_until_ns: int | None = None
    shelved_priority: Priority | None = None  # what was shelved; anything worse ends the shelf
    suppressed: bool = False
    suppressed_by: str = ""  # why, in words: `R101 is idle`
    out_of_service: bool = False

    @property
    def is_put_away(self) -> bool:
        """Whether it is kept from people, for a time or by design: it neither sounds nor is anybody told."""
        return self.shelved_until_ns is not None or self.suppressed or self.out_of_service

    @property
    def state(self) -> AlarmState:
        """The state that a person sees; taking a shelf away shows again what is below."""
        if self.out_of_service:
            return AlarmState.OUT_OF_SERVICE
        if self.suppressed:
            return AlarmState.SUPPRESSED
        if self.shelved_until_ns is not None:
            return AlarmState.SHELVED
        if self.active:
            return AlarmState.ACKNOWLEDGED if self.acknowledged else AlarmState.UNACKNOWLEDGED
        if self.latched:
            return AlarmState.LATCHED
        return AlarmState.NORMAL if self.acknowledged else AlarmState.RETURNED_UNACKNOWLEDGED


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one alarm, kept for good. `id` is unique and stable in replay (alarm id and its running number)."""

    id: str
    alarm: str  # the alarm's id, stable over occurrences
    number: int  # from 1, per alarm
    at_ns: int
    what: str  # one of `CHANGES`
    facts: AlarmFacts
    priority: Priority
    rule: str
    subject: str
    name: str
    message: str
    unit: str = ""
    batch: str = ""
    phase: str = ""
    finding: str = ""
    finding_version: int = 0
    person: str = ""
    comment: str = ""
    cause: str = ""
    consequence: str = ""
    action: str = ""
    respond_within_ns: int | None = None
    occurrence: int = 0  # how often it has become active
    since_ns: int | None = None  # the onset of what made it active, this time
    announces: bool = False  # it is news: it sounds and is told; never of an alarm that is put away
    alarm_class: str = ""
    first_in_group: str = ""  # alarms of one cause, of which the first one tells
    position: str = ""  # the operator's, who responds
    dcs_alarm: str = ""  # the control system's alarm of the same condition, which sounds instead of this one …
    dcs_priority: Priority | None = None  # … until this one is worse; None: whatever it becomes
    activated_ns: int | None = None  # `at_ns` of the last "activated": how long it stands
    asked_ns: int | None = None  # when people were last asked to respond to it as it is; None: they were not
    acknowledged_ns: int | None = None  # when a person acknowledged it as it is; None: nobody did

    @property
    def is_told_by_dcs(self) -> bool:
        """Whether the control system sounds for it already, for something at least as bad."""
        return bool(self.dcs_alarm) and (self.dcs_priority is None or self.priority >= self.dcs_priority)


def alarm_of(transition: str) -> str:
    """The alarm's id, from a transition's: its running number stands behind the last dot."""
    return transition.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Sought:
    """Which transitions are looked for: start ≤ time < end, and equal in what is not empty; `text` is in the words."""

    start_ns: int | None = None
    end_ns: int | None = None
    unit: str = ""
    batch: str = ""
    person: str = ""
    what: str = ""
    priority: Priority | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to people, from the outbox; at least once, each copy under the same id."""

    id: str  # transition id, and to whom
    channel: str  # or the name of a person or a rota, until who that is has been looked up
    title: str
    text: str
    transition: str
    at_ns: int
    priority: Priority = Priority.HIGH  # of the alarm: decides what a digest puts first
    person: str = ""  # whom it is for, where that is known
    via: str = ""  # the names that it was addressed to before, as "leads > ada"
    kind: str = ""  # empty: what an alarm has to say; "quiet": the same, kept for a digest; "picture": its trend
    unless_acknowledged: bool = False  # it waits for its time, and is dropped when somebody has acknowledged by then

    @property
    def alarm(self) -> str:
        """The alarm's id."""
        return alarm_of(self.transition)
