"""What a person may do to an alarm, and what follows from it for its facts. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from domain.alarms import AlarmFacts, Transition
from domain.entries import ActionKind, PersonAction
from domain.errors import Refused
from domain.rationalisation import longest_shelf_ns
from domain.rules import AlarmClass, AlarmRule, Priority, Rulebook
from domain.time import format_duration

_SAID_OF = {
    ActionKind.HOLD_START: "a hold",
    ActionKind.HOLD_STOP: "a hold",
    ActionKind.CALIBRATED: "an instrument",
    ActionKind.CALIBRATION_FAILED: "an instrument",
    ActionKind.APPROVE_MODEL: "a model",
    ActionKind.APPROVE_RANGES: "a proposal of ranges",
    ActionKind.REJECT_RANGES: "a proposal of ranges",
    ActionKind.WITHDRAW_RANGES: "a proposal of ranges",
}


@dataclass(frozen=True, slots=True)
class Acted:
    """What is to be said of a deed, and the alarm's facts after it."""

    what: str
    facts: AlarmFacts


@dataclass(frozen=True, slots=True)
class Subject:
    """The alarm that somebody acts on, and what holds for it."""

    rulebook: Rulebook
    newest: Transition
    rule: AlarmRule
    covered: Priority  # what a shelf that is made now covers

    @property
    def facts(self) -> AlarmFacts:
        """What is known of it."""
        return self.newest.facts


def comment_of(action: PersonAction, alarm_class: AlarmClass) -> str:
    """Why a person did it: in their words, or by the class's standard comment where it has one. Else Refused."""
    if not action.person.strip():
        message = f"alarm {action.subject!r}: to {action.kind} needs a named person"
        raise Refused(message)
    said = action.comment.strip()
    if not said and action.kind is ActionKind.ACKNOWLEDGE:
        said = alarm_class.standard_comment
    if not said:
        message = f"alarm {action.subject!r}: to {action.kind} needs a comment that says why"
        raise Refused(message)
    return said


def acted(subject: Subject, action: PersonAction) -> Acted | None:
    """What follows from a deed; None: it is so already. Refused says why not."""
    deed = _DEEDS.get(action.kind)
    if deed is None:
        message = f"{action.kind} is said of {_SAID_OF[action.kind]}, not of an alarm"
        raise Refused(message)
    return deed(subject, action)


def _acknowledge(subject: Subject, _: PersonAction) -> Acted | None:
    facts = subject.facts
    return None if facts.acknowledged else Acted("acknowledged", replace(facts, acknowledged=True))


def _shelve(subject: Subject, action: PersonAction) -> Acted:
    until_ns = _shelf_end(subject, action)
    return Acted("shelved", replace(subject.facts, shelved_until_ns=until_ns, shelved_priority=subject.covered))


def _unshelve(subject: Subject, _: PersonAction) -> Acted | None:
    """Who takes a shelf away has the alarm before them: it is acknowledged by that."""
    if subject.facts.shelved_until_ns is None:
        return None
    return Acted("unshelved", replace(subject.facts, shelved_until_ns=None, shelved_priority=None, acknowledged=True))


def _comment(subject: Subject, _: PersonAction) -> Acted:
    return Acted("commented", subject.facts)


def _out_of_service(subject: Subject, _: PersonAction) -> Acted | None:
    facts = subject.facts
    return None if facts.out_of_service else Acted("out_of_service", replace(facts, out_of_service=True))


def _return_to_service(subject: Subject, _: PersonAction) -> Acted | None:
    facts = subject.facts
    return Acted("returned_to_service", replace(facts, out_of_service=False)) if facts.out_of_service else None


def _reset(subject: Subject, action: PersonAction) -> Acted | None:
    """As OPC UA's Reset: of what is over and acknowledged."""
    facts = subject.facts
    if not facts.latched:
        return None
    fault = "is still active" if facts.active else "" if facts.acknowledged else "is not acknowledged yet"
    if fault:
        message = f"alarm {action.subject!r} {fault}: it cannot be reset"
        raise Refused(message)
    return Acted("reset", replace(facts, latched=False))


_DEEDS: Mapping[ActionKind, Callable[[Subject, PersonAction], Acted | None]] = {
    ActionKind.ACKNOWLEDGE: _acknowledge,
    ActionKind.SHELVE: _shelve,
    ActionKind.UNSHELVE: _unshelve,
    ActionKind.COMMENT: _comment,
    ActionKind.OUT_OF_SERVICE: _out_of_service,
    ActionKind.RETURN_TO_SERVICE: _return_to_service,
    ActionKind.RESET: _reset,
}


def _shelf_end(subject: Subject, action: PersonAction) -> int:
    if action.until_ns is None or action.until_ns <= action.at_ns:
        message = f"alarm {action.subject!r}: a shelf needs an end that is still to come"
        raise Refused(message)
    most_ns = longest_shelf_ns(subject.rulebook, subject.rule, subject.newest.priority)
    if action.until_ns - action.at_ns > most_ns:
        message = f"alarm {action.subject!r}: a shelf lasts at most {format_duration(most_ns)}"
        raise Refused(message)
    return action.until_ns
