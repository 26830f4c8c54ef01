"""Whom to tell next while nobody acknowledges, and when to stop."""

from dataclasses import replace

import pytest

from alarms.escalation import Escalation, Step, why_over
from domain.alarms import AlarmFacts, Transition
from domain.rules import Priority
from domain.time import MINUTE_NS

PLAN = Escalation((Step(5 * MINUTE_NS, ("deputy",)), Step(10 * MINUTE_NS, ("manager", "board"))))
AGAIN = replace(PLAN, repeat_ns=15 * MINUTE_NS, rounds=2)
UNACKED = AlarmFacts(active=True, acknowledged=False)


def transition(number: int, what: str, facts: AlarmFacts = UNACKED, **more: object) -> Transition:
    fixed = {"rule": "r", "subject": "R101.TT", "name": "high", "message": "high", "priority": Priority.HIGH} | more
    fixed.setdefault("announces", what in ("activated", "severity"))
    return Transition(f"a.{number}", "a", number, number, what, facts, **fixed)  # type: ignore[arg-type]


TOLD = transition(3, "activated")


def test_each_telling_is_due_so_long_after_the_first() -> None:
    assert [AGAIN.after_ns(number) // MINUTE_NS for number in range(6)] == [0, 5, 10, 25, 30, 35]


def test_a_round_begins_with_who_is_on_duty_and_goes_through_the_steps() -> None:
    whom = [AGAIN.whom(number) for number in range(6)]

    assert whom == [(), ("deputy",), ("manager", "board")] * 2


def test_a_telling_names_the_next_one_until_the_last() -> None:
    assert PLAN.next_after(0) == (1, 5 * MINUTE_NS)
    assert PLAN.next_after(2) is None
    assert AGAIN.next_after(2) == (3, 15 * MINUTE_NS)
    assert AGAIN.next_after(5) is None


def test_a_repeat_without_steps_tells_who_is_on_duty_again() -> None:
    plan = Escalation(repeat_ns=MINUTE_NS, rounds=3)

    assert [plan.whom(number) for number in range(plan.last + 1)] == [(), (), ()]
    assert plan.after_ns(2) == 2 * MINUTE_NS


def test_without_steps_and_repeat_there_is_nothing_after_the_first() -> None:
    assert Escalation().next_after(0) is None


@pytest.mark.parametrize(
    ("later", "why"),
    [
        ((), ""),
        ((transition(4, "commented"),), ""),
        ((transition(4, "eased", priority=Priority.LOW),), ""),
        ((transition(4, "acknowledged", replace(UNACKED, acknowledged=True), person="Ada"),), "acknowledged by Ada"),
        ((transition(4, "shelved", replace(UNACKED, shelved_until_ns=9), person="Ada"),), "shelved by Ada"),
        ((transition(4, "suppressed", replace(UNACKED, suppressed=True)),), "suppressed"),
        ((transition(4, "removed", replace(UNACKED, out_of_service=True)),), "out of service"),
        ((transition(4, "severity", priority=Priority.CRITICAL),), "superseded by transition a.4"),
        ((transition(4, "returned", replace(UNACKED, active=False)),), "returned to normal"),
        (
            (transition(4, "returned", replace(UNACKED, active=False)), transition(5, "activated")),
            "superseded by transition a.5",
        ),
        (
            (
                transition(4, "returned", replace(UNACKED, active=False)),
                transition(5, "activated", priority=Priority.LOW),
            ),
            "",
        ),
        ((transition(2, "acknowledged", replace(UNACKED, acknowledged=True), person="Ada"),), ""),
    ],
)
def test_it_goes_on_until_somebody_acted_or_it_is_told_anew(later: tuple[Transition, ...], why: str) -> None:
    assert why_over(TOLD, later, PLAN) == why


def test_a_shelf_that_a_person_takes_away_in_time_changes_nothing() -> None:
    shelved = transition(4, "shelved", replace(UNACKED, shelved_until_ns=9), person="Ada")

    assert why_over(TOLD, [shelved, transition(5, "unshelved", person="Ada")], PLAN) == ""


def test_an_alarm_that_returned_wakes_more_people_where_that_is_asked_for() -> None:
    returned = transition(4, "returned", replace(UNACKED, active=False))

    assert why_over(TOLD, [returned], replace(PLAN, returned=True)) == ""
