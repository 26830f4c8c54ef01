"""How alarms are ranked, and what holds for each kind of them (ISA-18.2, EEMUA 191).

A priority follows from how bad the consequence is and how much time there is to prevent it. A number of an FMEA may be
referred to; no priority is made of it, because detection and occurrence say nothing of how soon somebody has to act.
"""

from collections.abc import Mapping

from domain.roles import role_named
from domain.rules import AlarmClass, AlarmRule, Priority, Rulebook, Severity
from domain.time import HOUR_NS, MINUTE_NS

BANDS_NS = (5 * MINUTE_NS, 15 * MINUTE_NS, HOUR_NS)
"""The columns of the matrix: to be answered within this time; the last column is whatever is longer."""

_C, _H, _M, _L = Priority.CRITICAL, Priority.HIGH, Priority.MEDIUM, Priority.LOW

MATRIX: Mapping[Severity, tuple[Priority, Priority, Priority, Priority]] = {
    Severity.SEVERE: (_C, _C, _H, _M),
    Severity.MAJOR: (_C, _H, _M, _L),
    Severity.MODERATE: (_H, _M, _M, _L),
    Severity.MINOR: (_M, _L, _L, _L),
}
"""The priority, by severity of the consequence and time to respond (at once, soon, within the hour, later)."""

CLASSES: Mapping[str, AlarmClass] = {
    each.name: each
    for each in (
        AlarmClass("gmp", shelve=("shift_lead", "process_engineer"), longest_shelf_ns=4 * HOUR_NS),
        AlarmClass("process"),
        AlarmClass("instrument", standard_comment="Seen; the instrument is looked at."),
        AlarmClass("prediction", standard_comment="Seen; it is watched."),
        AlarmClass("system", standard_comment="Seen; the service is looked at."),
    )
}
"""The built-in classes: what is about a batch's proof, the process, instruments, what may come, this service."""

LONGEST_SHELF_NS = 24 * HOUR_NS
"""A shelf always ends: nobody can put an alarm away for longer than a day at once."""

SHELVES_NS: Mapping[Priority, int] = {
    Priority.CRITICAL: HOUR_NS,
    Priority.HIGH: 8 * HOUR_NS,
    Priority.MEDIUM: LONGEST_SHELF_NS,
    Priority.LOW: LONGEST_SHELF_NS,
}
"""The longest shelf by priority, where neither the alarm nor its class says less."""

NAMED_ONLY = ("bad", "hold.", "source.", "ranges.missing", "calibration.failed", "yield.")
"""Rules, or how they begin, that are suppressed only where they are named; so is whatever leaves a proven range."""


def priority_of(severity: Severity, respond_within_ns: int) -> Priority:
    """The priority of a consequence that somebody can prevent within this time."""
    row = MATRIX[severity]
    return next((row[place] for place, most_ns in enumerate(BANDS_NS) if respond_within_ns <= most_ns), row[-1])


def class_of(rulebook: Rulebook, name: str) -> AlarmClass:
    """What holds for a class: as configured, or built in; of an unknown one nothing more than for every alarm."""
    return rulebook.classes.get(name) or CLASSES.get(name) or AlarmClass(name)


def may_shelve(alarm_class: AlarmClass, role: str) -> bool:
    """Whether the class leaves its alarms to this role; that the role may shelve at all is asked elsewhere."""
    return not alarm_class.shelve or role_named(role) in {role_named(each) for each in alarm_class.shelve}


def longest_shelf_ns(rulebook: Rulebook, rule: AlarmRule, priority: Priority) -> int:
    """How long an alarm may be shelved at once: the least of what the alarm, its class and its priority allow."""
    of_priority = rulebook.longest_shelves.get(priority, SHELVES_NS.get(priority, LONGEST_SHELF_NS))
    told = (rule.longest_shelf_ns, class_of(rulebook, rule.alarm_class).longest_shelf_ns, of_priority)
    return min(each for each in (*told, LONGEST_SHELF_NS) if each is not None)


def is_named_only(rule: str) -> bool:
    """Whether a suppression of everything leaves this rule alone: what is not proven must not be hidden by the way."""
    return rule.startswith(NAMED_ONLY) or ".par." in rule
