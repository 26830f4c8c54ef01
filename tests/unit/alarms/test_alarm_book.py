"""The alarm book, told as shifts: what comes in, and what is said of it."""

from dataclasses import replace

import pytest

from alarms.book import AlarmBook
from domain.alarms import AlarmState
from domain.entries import ActionKind
from domain.errors import Refused
from domain.findings import Stage
from domain.rules import Priority, Rulebook
from domain.time import SECOND_NS
from tests.unit.alarms.shift import HIGH, TAG, Shift, configured, finding, rulebook

NOR, VALIDATED, PAR = ("excursion.nor.high", "excursion.validated.high", "excursion.par.high")


@pytest.fixture
def shift() -> Shift:
    return Shift(AlarmBook(Rulebook()))


def delayed(on_s: float = 0, off_s: float = 0) -> Shift:
    rule = configured(on_delay_ns=round(on_s * SECOND_NS), off_delay_ns=round(off_s * SECOND_NS))
    return Shift(AlarmBook(rulebook(rule)))


def test_an_excursion_is_announced_acknowledged_and_over(shift: Shift) -> None:
    assert shift.opens(10, NOR) == ["activated"]
    assert shift.last.facts.state is AlarmState.UNACKNOWLEDGED
    assert shift.acknowledges(11) == ["acknowledged"]
    assert shift.last.facts.state is AlarmState.ACKNOWLEDGED
    assert shift.clears(20, NOR) == ["returned"]

    assert shift.last.facts.state is AlarmState.NORMAL
    assert [each.id for each in shift.log] == [f"{HIGH}.1", f"{HIGH}.2", f"{HIGH}.3"]


def test_what_is_over_is_told_in_the_words_of_what_ended_not_of_what_began() -> None:
    """Two excursions overlap by the off-delay: the first is over for long when the second one ends."""
    shift = delayed(off_s=10)
    shift.opens(10, NOR)
    shift.clears(20, NOR)
    shift.opens(25, NOR)
    shift.ticks(40)
    shift.clears(90, NOR)

    assert shift.ticks(100) == ["returned"]
    assert shift.last.finding == f"{NOR} at 25"


def test_what_people_do_is_told_in_the_words_of_what_keeps_it_active_though_another_began_it() -> None:
    """A chattering signal: the alarm goes on with another excursion, as bad, of which nothing is said."""
    shift = delayed(off_s=10)
    shift.opens(10, NOR)
    shift.clears(20, NOR)
    shift.opens(25, NOR)
    assert shift.ticks(40) == []
    second = shift.made(NOR)
    again = Shift(AlarmBook.rebuilt(rulebook(configured(off_delay_ns=10 * SECOND_NS)), shift.log, [second]))

    for each in (shift, again):
        assert each.acknowledges(50) == ["acknowledged"]
        assert (each.last.finding, each.last.message) == (second.id, second.message)


def test_what_nobody_acknowledged_stays_on_the_list_after_it_is_over(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.clears(20, NOR)

    assert [each.facts.state for each in shift.book.alarms()] == [AlarmState.RETURNED_UNACKNOWLEDGED]
    assert shift.acknowledges(30) == ["acknowledged"]
    assert shift.book.alarms() == []


def test_a_transition_tells_all_that_a_person_needs() -> None:
    rule = configured(cause="Cooling lost", consequence="Impurity D", action="Stop dosing", respond_within_ns=600)
    shift = Shift(AlarmBook(rulebook(rule)))
    shift.opens(10, NOR, onset_s=9)

    said = shift.last
    assert (said.subject, said.name, said.unit, said.batch, said.phase) == (TAG, "high", "R101", "B-1", "dose")
    assert (said.cause, said.consequence, said.action) == ("Cooling lost", "Impurity D", "Stop dosing")
    assert (said.respond_within_ns, said.priority, said.rule) == (600, Priority.HIGH, NOR)
    assert (said.finding, said.finding_version, said.since_ns) == (f"{NOR} at 10", 1, 9 * SECOND_NS)


def test_a_step_through_three_ranges_at_one_sample_is_one_horn_at_its_worst(shift: Shift) -> None:
    assert shift.opens(10, NOR, VALIDATED, PAR) == ["activated"]
    assert (shift.last.priority, shift.last.rule) == (Priority.CRITICAL, PAR)
    assert len(shift.book.alarms()) == 1


def test_rising_severity_takes_the_acknowledgement_back_and_is_told(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.acknowledges(11)

    assert shift.opens(20, VALIDATED) == ["severity"]
    assert shift.last.facts.state is AlarmState.UNACKNOWLEDGED
    assert shift.last.priority is Priority.HIGH
    assert shift.last.since_ns == 10 * SECOND_NS
    assert shift.opens(30, PAR) == ["severity"]
    assert shift.last.occurrence == 1


def test_an_excursion_that_ends_from_outside_in_eases_and_returns_once(shift: Shift) -> None:
    shift.opens(10, NOR, VALIDATED, PAR)
    shift.acknowledges(11)

    assert shift.clears(20, PAR) == ["eased"]
    assert shift.last.priority is Priority.HIGH
    assert shift.last.facts.acknowledged
    assert shift.clears(21, VALIDATED) == ["eased"]
    assert shift.clears(22, NOR) == ["returned"]


def test_it_returns_in_the_words_of_the_newest_of_the_worst_that_end_with_it(shift: Shift) -> None:
    assert shift.opens(10, VALIDATED) == ["activated"]
    shift.ends(15, VALIDATED)
    touch = shift.made(VALIDATED)
    assert shift.opens(20, VALIDATED) == []
    long = shift.made(VALIDATED)
    over = [
        replace(each, version=9, stage=Stage.CLEARED, end_ns=30 * SECOND_NS, at_ns=30 * SECOND_NS)
        for each in (long, touch)
    ]

    (returned,) = shift.book.apply(*over)

    assert (returned.what, returned.finding, returned.finding_version) == ("returned", long.id, 9)


def test_the_sides_of_a_tag_and_its_quality_are_alarms_of_their_own(shift: Shift) -> None:
    shift.opens(10, NOR, "excursion.nor.low", "stale", "rate")
    shift.opens(10, "bad", onset_s=0)
    shift.opens(10, "source.disconnected", subject="train1", onset_s=0)

    alarms = {each.alarm for each in shift.book.alarms()}
    assert alarms == {
        "R101.TT~high",
        "R101.TT~low",
        "R101.TT~stale",
        "R101.TT~rate",
        "R101.TT~bad",
        "train1~source.disconnected",
    }


def test_acknowledging_a_disconnect_acknowledges_nothing_else(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.opens(10, "bad", onset_s=0)
    shift.acts(11, ActionKind.ACKNOWLEDGE, alarm="R101.TT~bad")

    states = {each.alarm: each.facts.acknowledged for each in shift.book.alarms()}
    assert states == {HIGH: False, "R101.TT~bad": True}


def test_a_hold_warns_and_then_breaches_as_one_alarm(shift: Shift) -> None:
    assert shift.opens(10, "hold.warning", subject="crude") == ["activated"]
    assert shift.opens(20, "hold.breach", subject="crude") == ["severity"]
    assert (shift.last.alarm, shift.last.priority) == ("crude~hold", Priority.CRITICAL)


def test_a_drift_that_leaves_its_range_is_a_new_alarm(shift: Shift) -> None:
    shift.opens(10, "drift.ewma")
    assert shift.last.priority is Priority.LOW
    assert shift.opens(15, "drift.cusum") == ["severity"]
    assert shift.opens(20, NOR) == ["activated"]
    assert len(shift.book.alarms()) == 2


# Delays


def test_the_on_delay_is_waited_for_and_ends_by_the_heartbeat_alone() -> None:
    shift = delayed(on_s=30)
    assert shift.opens(10, NOR) == []
    assert shift.book.alarms() == []
    assert shift.ticks(39.9) == []
    assert shift.ticks(45) == ["activated"]
    assert shift.last.at_ns == 40 * SECOND_NS


def test_what_is_over_within_the_on_delay_is_never_said() -> None:
    shift = delayed(on_s=30)
    shift.opens(10, NOR)
    assert shift.clears(20, NOR) == []
    assert shift.ticks(100) == []


def test_back_inside_stops_the_on_delay_before_the_deadband_is_passed() -> None:
    shift = delayed(on_s=30)
    shift.opens(10, NOR)
    shift.ends(20, NOR)
    assert shift.ticks(100) == []
    assert shift.clears(110, NOR) == []


def test_the_on_delay_ends_in_the_time_of_the_evidence_too() -> None:
    shift = delayed(on_s=30)
    shift.opens(10, NOR)
    assert shift.clears(60, NOR) == ["activated", "returned"]
    assert [each.at_ns for each in shift.log] == [40 * SECOND_NS, 60 * SECOND_NS]


def test_the_off_delay_keeps_it_active_and_ends_by_the_heartbeat() -> None:
    shift = delayed(off_s=30)
    shift.opens(10, NOR)
    assert shift.clears(20, NOR) == []
    assert shift.ticks(49) == []
    assert shift.ticks(60) == ["returned"]
    assert shift.last.at_ns == 50 * SECOND_NS


def test_outside_again_within_the_off_delay_is_the_same_occurrence() -> None:
    shift = delayed(off_s=30)
    shift.opens(10, NOR)
    shift.acknowledges(11)
    shift.clears(20, NOR)
    assert shift.opens(30, NOR) == []
    assert shift.ticks(100) == []
    assert [each.facts.state for each in shift.book.alarms()] == [AlarmState.ACKNOWLEDGED]


def test_within_the_deadband_it_stays_active(shift: Shift) -> None:
    shift.opens(10, NOR)
    assert shift.ends(20, NOR) == []
    assert shift.ticks(500) == []
    assert shift.clears(501, NOR) == ["returned"]
    assert shift.last.message.endswith("v3")


def test_flapping_is_one_alarm_with_a_count(shift: Shift) -> None:
    for start_s in range(0, 200, 10):
        shift.opens(start_s, NOR)
        shift.clears(start_s + 5, NOR)

    (alarm,) = shift.book.alarms()
    assert alarm.occurrence == 20
    assert [each.number for each in shift.log] == list(range(1, 41))


# Late and odd evidence


def test_a_finding_that_was_over_before_anybody_heard_of_it_is_said(shift: Shift) -> None:
    late = finding(NOR, Stage.CLEARED, 50, onset_s=10, end_s=20)
    transitions = shift.book.apply(late)

    assert [each.what for each in transitions] == ["activated", "returned"]
    assert [each.facts.state for each in shift.book.alarms()] == [AlarmState.RETURNED_UNACKNOWLEDGED]


def test_an_excursion_of_one_sample_opens_and_clears_at_one_moment_and_is_said(shift: Shift) -> None:
    opened = finding("duration.short", Stage.OPEN, 50, onset_s=50, id_="d")
    cleared = finding("duration.short", Stage.CLEARED, 50, version=2, onset_s=50, end_s=50, id_="d")

    assert [each.what for each in shift.book.apply(opened, cleared)] == ["activated", "returned"]


def test_two_ranges_that_were_over_before_anybody_heard_are_one_occurrence(shift: Shift) -> None:
    late = [finding(rule, Stage.CLEARED, 50, onset_s=10, end_s=20) for rule in (NOR, VALIDATED)]
    transitions = shift.book.apply(*late)

    assert [each.what for each in transitions] == ["activated", "returned"]
    assert transitions[0].rule == VALIDATED


def test_an_old_version_that_comes_late_changes_nothing(shift: Shift) -> None:
    shift.book.apply(finding(NOR, Stage.OPEN, 10), finding(NOR, Stage.OPEN, 20, version=3, onset_s=10))
    assert shift.book.apply(finding(NOR, Stage.CLEARED, 15, version=2, onset_s=10, end_s=15)) == []


def test_the_end_of_a_finding_that_was_never_an_alarm_is_nothing(shift: Shift) -> None:
    assert shift.book.apply(finding(NOR, Stage.CLEARED, 15, version=2, onset_s=10, end_s=15)) == []
    assert shift.book.alarms() == []


def test_an_event_is_recorded_elsewhere_and_never_annunciated() -> None:
    shift = Shift(AlarmBook(rulebook(configured(priority=Priority.EVENT))))
    assert shift.opens(10, NOR) == []
    assert shift.opens(20, VALIDATED) == ["activated"]


# People


def test_acknowledging_twice_is_harmless(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.acknowledges(11)
    assert shift.acknowledges(12) == []


def test_an_unknown_alarm_is_refused_by_name(shift: Shift) -> None:
    with pytest.raises(Refused, match=r"no alarm 'R101\.TT~high'"):
        shift.acknowledges(11)


def test_an_alarm_that_still_waits_for_its_delay_cannot_be_acknowledged() -> None:
    shift = delayed(on_s=30)
    shift.opens(10, NOR)
    with pytest.raises(Refused):
        shift.acknowledges(11)


@pytest.mark.parametrize("kind", list(ActionKind))
def test_an_action_needs_a_comment_and_a_name(shift: Shift, kind: ActionKind) -> None:
    shift.opens(10, NOR)
    with pytest.raises(Refused, match="comment"):
        shift.acts(11, kind, comment="  ", until_s=20)
    with pytest.raises(Refused, match="named person"):
        shift.acts(11, kind, person="", until_s=20)
    assert len(shift.log) == 1


def test_a_comment_is_kept_and_changes_nothing(shift: Shift) -> None:
    shift.opens(10, NOR)
    assert shift.acts(11, ActionKind.COMMENT, comment=" valve sticks ") == ["commented"]
    assert (shift.last.person, shift.last.comment) == ("Ann", "valve sticks")
    assert shift.last.facts == shift.log[0].facts


def test_the_same_action_twice_is_one(shift: Shift) -> None:
    shift.opens(10, NOR)
    assert shift.acts(11, ActionKind.COMMENT) == ["commented"]
    assert shift.acts(11, ActionKind.COMMENT) == []


def test_a_comment_is_not_repeated_by_what_follows(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.acknowledges(11)
    shift.clears(20, NOR)
    assert (shift.last.person, shift.last.comment) == ("", "")


# Shelves


def test_a_shelf_keeps_the_acknowledgement_below_and_tells_again_at_its_end(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.acknowledges(11)
    assert shift.shelves(12, 100) == ["shelved"]
    assert shift.last.facts.state is AlarmState.SHELVED
    assert shift.last.facts.acknowledged
    assert shift.ticks(99) == []
    assert shift.ticks(150) == ["unshelved"]

    assert shift.last.facts.state is AlarmState.UNACKNOWLEDGED
    assert shift.last.announces, "it still stands, and nobody has taken it from its shelf"
    assert (shift.last.at_ns, shift.last.person) == (100 * SECOND_NS, "")


def test_what_happens_on_the_shelf_is_recorded(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.shelves(12, 100)
    assert shift.clears(20, NOR) == ["returned"]
    assert shift.opens(30, NOR) == ["activated"]
    assert shift.last.facts.state is AlarmState.SHELVED
    assert shift.acknowledges(31) == ["acknowledged"]
    assert shift.acts(40, ActionKind.UNSHELVE) == ["unshelved"]
    assert shift.last.facts.state is AlarmState.ACKNOWLEDGED


def test_something_worse_than_what_was_shelved_ends_the_shelf(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.shelves(12, 100)
    assert shift.opens(20, VALIDATED) == ["severity"]
    assert shift.last.facts.state is AlarmState.UNACKNOWLEDGED
    assert shift.ticks(200) == []


def test_the_same_again_does_not_end_the_shelf(shift: Shift) -> None:
    shift.opens(10, NOR, VALIDATED)
    shift.shelves(12, 1000)
    shift.clears(20, VALIDATED)
    shift.clears(21, NOR)
    shift.opens(30, NOR)
    shift.opens(40, VALIDATED)

    assert shift.last.what == "severity"
    assert shift.last.facts.state is AlarmState.SHELVED


def test_a_shelf_needs_an_end_within_a_day(shift: Shift) -> None:
    shift.opens(10, NOR)
    for until_s in (None, 10, 11 + 24 * 3600 + 1):
        with pytest.raises(Refused, match="shelf"):
            shift.acts(11, ActionKind.SHELVE, until_s=until_s)


def test_taking_an_alarm_from_no_shelf_is_harmless(shift: Shift) -> None:
    shift.opens(10, NOR)
    assert shift.acts(11, ActionKind.UNSHELVE) == []


# After a stop


def rebuilt(shift: Shift, book_rules: Rulebook, now_s: float = 0) -> Shift:
    newest = {each.alarm: each for each in shift.log}
    findings = list(shift._versions.values())
    again = Shift(AlarmBook.rebuilt(book_rules, newest.values(), findings, round(now_s * SECOND_NS)))
    again._versions = shift._versions
    return again


def test_an_acknowledgement_survives_a_restart(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.acknowledges(11)
    again = rebuilt(shift, Rulebook(), 12)

    assert again.ticks(13) == []
    assert [each.facts.state for each in again.book.alarms()] == [AlarmState.ACKNOWLEDGED]
    assert again.clears(20, NOR) == ["returned"]
    assert again.last.id == f"{HIGH}.3"


def test_a_running_on_delay_survives_a_restart() -> None:
    rules = rulebook(configured(on_delay_ns=30 * SECOND_NS))
    shift = Shift(AlarmBook(rules))
    shift.opens(10, NOR)
    again = rebuilt(shift, rules, 12)

    assert again.ticks(39) == []
    assert again.ticks(41) == ["activated"]
    assert again.last.at_ns == 40 * SECOND_NS


def test_what_begins_behind_its_evidence_but_before_the_last_tick_is_told_at_its_own_time_after_a_restart_too() -> None:
    """The other parameter's clock was ahead: the onset lies after the row, and before a heartbeat that was applied."""
    stayed, stopped = Shift(AlarmBook(Rulebook())), Shift(AlarmBook(Rulebook()))
    for shift in (stayed, stopped):
        shift.ticks(20)
        assert shift.opens(10, "outside_nor", onset_s=15) == []
    again = rebuilt(stopped, Rulebook(), 20)

    assert stayed.ticks(24) == again.ticks(24) == ["activated"]
    assert stayed.last == again.last
    assert again.last.at_ns == 15 * SECOND_NS


def test_of_what_does_not_count_yet_a_book_that_was_rebuilt_says_nothing_sooner() -> None:
    """An alarm stands, and something worse was told late: it has not counted, or the alarm would say so."""
    stayed, stopped = Shift(AlarmBook(Rulebook())), Shift(AlarmBook(Rulebook()))
    for shift in (stayed, stopped):
        shift.opens(5, NOR)
        shift.ticks(20)
        assert shift.opens(10, PAR, onset_s=15) == []
    again = rebuilt(stopped, Rulebook(), 20)

    assert stayed.ticks(24) == again.ticks(24) == ["severity"]
    assert stayed.last == again.last


@pytest.mark.parametrize(("on_delay_s", "told"), [(0, ["activated", "returned"]), (30, [])])
def test_two_versions_of_a_finding_that_are_over_in_one_moment_are_one_alarm_or_none(on_delay_s, told) -> None:
    shift = delayed(on_s=on_delay_s)
    over = finding(NOR, Stage.CLEARED, 10, onset_s=8, end_s=9)

    assert [each.what for each in shift.book.apply(over, replace(over, version=2))] == told
    assert [each.what for each in shift.book.tick(60 * SECOND_NS)] == []


def test_a_running_off_delay_and_a_shelf_survive_a_restart() -> None:
    rules = rulebook(configured(off_delay_ns=30 * SECOND_NS))
    shift = Shift(AlarmBook(rules))
    shift.opens(10, NOR)
    shift.clears(20, NOR)
    shift.shelves(21, 100)
    again = rebuilt(shift, rules, 22)

    assert again.ticks(49) == []
    assert again.ticks(51) == ["returned"]
    assert again.ticks(101) == ["unshelved"]


def test_what_ended_unseen_during_the_stop_is_returned_by_the_first_tick(shift: Shift) -> None:
    shift.opens(10, NOR)
    book = AlarmBook.rebuilt(Rulebook(), shift.log[-1:], [])

    assert [each.what for each in book.tick(60 * SECOND_NS)] == ["returned"]


def test_another_rulebook_after_the_restart_says_what_differs(shift: Shift) -> None:
    shift.opens(10, NOR)
    again = rebuilt(shift, rulebook(configured(priority=Priority.CRITICAL)), 12)

    assert again.ticks(13) == ["severity"]
    assert again.last.priority is Priority.CRITICAL
