"""One line of the rationalisation: what an alarm means, how bad that is, and what to do within which time."""

from domain.rationalisation import priority_of
from domain.rules import AlarmRule, Priority, Severity
from domain.time import MINUTE_NS


def alarm(
    name: str,
    rule: str,
    severity: Severity,
    within_min: int,
    alarm_class: str,
    *,
    cause: str,
    consequence: str,
    action: str,
) -> AlarmRule:
    """An alarm; its priority is what severity and time to respond make."""
    within_ns = within_min * MINUTE_NS
    return AlarmRule(
        name,
        rule,
        priority_of(severity, within_ns),
        cause=cause,
        consequence=consequence,
        action=action,
        respond_within_ns=within_ns,
        severity=severity,
        alarm_class=alarm_class,
    )


def event(name: str, rule: str, alarm_class: str, *, consequence: str, action: str, cause: str = "") -> AlarmRule:
    """What is recorded and asks nobody."""
    return AlarmRule(
        name, rule, Priority.EVENT, cause=cause, consequence=consequence, action=action, alarm_class=alarm_class
    )
