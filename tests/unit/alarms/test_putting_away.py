"""Shelves, suppression and service, told as shifts; lines of the list of electronic records are named."""

from dataclasses import replace

import pytest

from alarms.book import AlarmBook
from domain.alarms import AlarmState
from domain.entries import ActionKind
from domain.errors import Refused
from domain.findings import PhaseRecord
from domain.rationalisation import longest_shelf_ns, may_shelve
from domain.rules import AlarmClass, Priority, Rulebook, Suppression, SuppressionNow
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS
from tests.unit.alarms.shift import Shift, configured, rulebook

NOR, PAR = "excursion.nor.high", "excursion.par.high"
RUN = PhaseRecord("R101/B-1/dose/1", "R101", "B-1", "dose", "", 0)


def shift_with(rules: Rulebook) -> Shift:
    return Shift(AlarmBook(rules))


def test_line_5_acknowledging_needs_a_comment_and_never_closes_the_excursion() -> None:
    """Electronic records 5: acknowledging needs a comment; it never closes the excursion."""
    shift = shift_with(Rulebook())
    shift.opens(10, NOR)
    with pytest.raises(Refused, match="needs a comment"):
        shift.acts(11, ActionKind.ACKNOWLEDGE, comment=" ")
    shift.acts(12, ActionKind.ACKNOWLEDGE, comment="cooling is looked at")

    assert (shift.last.person, shift.last.comment) == ("Ann", "cooling is looked at")
    assert shift.last.facts.active, "the excursion goes on"
    assert shift.clears(20, NOR) == ["returned"]


def test_line_5_shelving_is_timed_and_reasoned_and_the_record_goes_on() -> None:
    """Electronic records 5: shelving is timed, reasoned and role-gated, and the record goes on."""
    shift = shift_with(Rulebook())
    shift.opens(10, NOR)
    for comment, until_s in (("", 100), ("valve in repair", None)):
        with pytest.raises(Refused):
            shift.acts(11, ActionKind.SHELVE, comment=comment, until_s=until_s)
    shift.shelves(12, 100)

    assert not may_shelve(AlarmClass("gmp", shelve=("shift_lead",)), "operator")
    assert may_shelve(AlarmClass("gmp", shelve=("shift_lead",)), "shift lead")
    assert shift.clears(20, NOR) == ["returned"]
    assert shift.opens(30, NOR) == ["activated"]
    assert not shift.last.announces


def test_a_class_may_let_one_key_say_its_standard_comment() -> None:
    rules = replace(
        rulebook(configured(alarm_class="utilities")), classes={"utilities": AlarmClass("utilities", "Seen")}
    )
    shift = shift_with(rules)
    shift.opens(10, NOR)

    assert shift.acts(11, ActionKind.ACKNOWLEDGE, comment="") == ["acknowledged"]
    assert (shift.last.person, shift.last.comment) == ("Ann", "Seen")
    with pytest.raises(Refused, match="needs a comment"):
        shift.acts(12, ActionKind.SHELVE, comment="", until_s=60)


@pytest.mark.parametrize(
    ("own", "of_class", "priority", "most_h"),
    [
        (None, None, Priority.CRITICAL, 1),
        (None, None, Priority.LOW, 24),
        (2 * HOUR_NS, None, Priority.LOW, 2),
        (2 * HOUR_NS, HOUR_NS, Priority.LOW, 1),
        (9 * HOUR_NS, None, Priority.HIGH, 8),
    ],
)
def test_a_shelf_is_as_long_as_alarm_class_and_priority_allow(
    own: int | None, of_class: int | None, priority: Priority, most_h: int
) -> None:
    rule = configured(alarm_class="c", longest_shelf_ns=own, priority=priority)
    rules = replace(rulebook(rule), classes={"c": AlarmClass("c", longest_shelf_ns=of_class)})

    assert longest_shelf_ns(rules, rule, priority) == most_h * HOUR_NS
    shift = shift_with(rules)
    shift.opens(10, NOR)
    with pytest.raises(Refused, match="a shelf lasts at most"):
        shift.shelves(20, 21 + most_h * 3600)
    assert shift.shelves(20, 20 + most_h * 3600) == ["shelved"]


def test_a_shelf_that_ends_while_the_service_is_down_ends_at_its_own_time() -> None:
    shift = shift_with(Rulebook())
    shift.opens(10, NOR)
    shift.acknowledges(11)
    shift.shelves(12, 100)
    again = Shift(AlarmBook.rebuilt(Rulebook(), [shift.last], shift._versions.values(), 50 * SECOND_NS))

    assert again.ticks(500) == ["unshelved"]
    assert again.last.at_ns == 100 * SECOND_NS
    assert again.last.announces


def test_out_of_service_lasts_until_a_person_ends_it_and_then_tells_what_nobody_was_asked_about() -> None:
    shift = shift_with(Rulebook())
    shift.opens(10, NOR)
    shift.clears(11, NOR)
    shift.acknowledges(12)
    shift.acts(13, ActionKind.OUT_OF_SERVICE, comment="the probe is exchanged")
    assert shift.opens(20, NOR) == ["activated"]
    assert (shift.last.facts.state, shift.last.announces) == (AlarmState.OUT_OF_SERVICE, False)
    assert shift.ticks(10**6) == []
    assert shift.acts(10**6 + 1, ActionKind.RETURN_TO_SERVICE, comment="done") == ["returned_to_service"]

    assert shift.last.facts.state is AlarmState.UNACKNOWLEDGED
    assert shift.last.announces


def suppressing(**when: object) -> Rulebook:
    return Rulebook(suppressions=(Suppression("waiting", frozenset({NOR}), **when),))  # type: ignore[arg-type]


def test_an_idle_unit_suppresses_after_its_time_and_says_why() -> None:
    shift = shift_with(suppressing(idle_after_ns=10 * MINUTE_NS))
    shift.book.apply(RUN)
    shift.opens(10, NOR)
    shift.acknowledges(11)
    assert shift._add(shift.book.apply(replace(RUN, end_ns=60 * SECOND_NS))) == []
    assert shift.ticks(659) == []
    assert shift.ticks(660) == ["suppressed"]
    assert shift.last.facts.suppressed_by == "waiting: R101 is idle for more than 10 min"
    assert shift.last.facts.acknowledged, "suppressing loses no acknowledgement"
    assert [each.facts.state for each in shift.book.alarms()] == [AlarmState.SUPPRESSED]
    assert shift.book.suppressions() == [
        SuppressionNow("waiting", "R101", "idle for more than 10 min", "a phase begins", 660 * SECOND_NS)
    ]
    next_run = replace(RUN, instance="R101/B-2/dose/1", start_ns=700 * SECOND_NS)

    assert shift._add(shift.book.apply(next_run)) == ["unsuppressed"]
    assert (shift.last.facts.state, shift.last.announces) == (AlarmState.ACKNOWLEDGED, False)


def test_a_unit_of_which_nothing_was_told_is_not_idle() -> None:
    shift = shift_with(suppressing(idle_after_ns=0))

    assert shift.opens(10, NOR) == ["activated"]
    assert shift.last.announces


def test_what_is_not_named_sounds_though_the_rest_is_suppressed() -> None:
    shift = shift_with(suppressing(phases=("dose",)))
    shift.book.apply(RUN)
    shift.opens(10, NOR)
    assert shift.last.facts.state is AlarmState.SUPPRESSED
    assert shift.opens(11, "bad", onset_s=1) == ["activated"]  # for longer than its on-delay
    assert shift.last.announces
    assert shift.opens(12, PAR) == ["unsuppressed"]
    assert (shift.last.priority, shift.last.announces) == (Priority.CRITICAL, True)
    assert shift.clears(13, PAR) == ["suppressed"]
    assert shift.clears(14, NOR) == ["returned"]


def test_an_alarm_is_valid_in_its_phases_alone() -> None:
    shift = shift_with(rulebook(configured(phases=("react",))))
    shift.book.apply(RUN)
    shift.opens(10, NOR)

    assert shift.last.facts.suppressed_by == "R101 is in dose; valid in react"
    react = replace(RUN, instance="R101/B-1/react/1", phase="react", start_ns=20 * SECOND_NS)
    assert shift._add(shift.book.apply(replace(RUN, end_ns=20 * SECOND_NS), react)) == ["unsuppressed"]
    assert shift.last.announces


def test_the_control_system_sounds_until_ours_is_worse() -> None:
    nor = configured(dcs_alarm="TIC101.HI", dcs_priority=Priority.MEDIUM, priority=Priority.MEDIUM)
    shift = shift_with(rulebook(nor))
    shift.opens(10, NOR)
    assert (shift.last.is_told_by_dcs, shift.last.announces) == (True, False)
    assert shift.last.facts.state is AlarmState.UNACKNOWLEDGED, "it is shown as what it is"
    assert shift.opens(20, PAR) == ["severity"]
    assert shift.last.announces


def test_an_alarm_that_stands_is_asked_about_again_once_however_long_nobody_could_tell() -> None:
    shift = shift_with(rulebook(configured(re_alarm_ns=HOUR_NS)))
    shift.opens(10, NOR)
    shift.acknowledges(100)
    assert shift.ticks(3699) == []
    assert shift.ticks(9 * 3600) == ["realarmed"]
    assert (shift.last.facts.acknowledged, shift.last.announces) == (False, True)
    assert shift.ticks(20 * 3600) == []
