"""What is wrong with the service itself is told once, in time, and its end too; the rules of when stand in one table."""

from collections.abc import Sequence

import pytest

from alarms.defaults import step_for
from domain.entries import Position
from domain.figures import FIGURES, Reading
from domain.findings import RULES, Finding, Stage
from domain.rules import Priority, Rulebook
from domain.troubles import LATELY_S, TROUBLES, Measure, Trouble, is_of_the_service
from service.machine import certificate_figures
from service.troubles import Moment, TroubleWatch

HERE = Position(7)


class Service:
    """A watch that is given figures, a second apart unless told otherwise."""

    def __init__(self, *opened: Finding) -> None:
        self.told: list[Finding] = []
        self.watch = TroubleWatch(TROUBLES, self.told.append, opened)
        self.now_s = 0.0

    def look(self, *readings: Reading, after_s: float = 1.0) -> None:
        self.now_s += after_s
        self.watch.look(Moment(readings, self.now_s, round(self.now_s * 1e9), 1e9, HERE))

    def for_s(self, seconds: int, *readings: Reading) -> None:
        for _ in range(seconds):
            self.look(*readings)

    @property
    def said(self) -> list[tuple[str, str, Stage]]:
        return [(each.rule, each.subject, each.stage) for each in self.told]


def of(rule: str) -> Trouble:
    return next(trouble for trouble in TROUBLES if trouble.rule == rule)


def reading(trouble: Trouble, value: float) -> list[Reading]:
    """The figure of a trouble, so that its measure is a value."""
    figure = FIGURES[trouble.figure]
    label = trouble.label or "one"
    labels = tuple(label for _ in figure.labels)
    match trouble.measure:
        case Measure.SHARE:
            return [Reading(trouble.figure, value * 1000, labels), Reading(trouble.of, 1000.0)]
        case Measure.UNTIL:
            return [Reading(trouble.figure, 1e9 + value, labels)]
        case _:
            return [Reading(trouble.figure, value, labels)]


def every(troubles: Sequence[Trouble]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("trouble", troubles, ids=lambda trouble: trouble.rule)


EVERY = every(TROUBLES)
STEADY = every([trouble for trouble in TROUBLES if trouble.measure is not Measure.GREW])
DELAYED = every([trouble for trouble in TROUBLES if trouble.after_s >= 2])


@EVERY
def test_every_trouble_opens_once_after_its_delay_and_clears_once_after_it_is_over(trouble: Trouble):
    service = Service()
    far = 0.5 if trouble.on > trouble.off else 0.0
    if trouble.measure is Measure.GREW:
        service.look(*reading(trouble, 3.0))
        service.for_s(2, *reading(trouble, 4.0))
        service.look(*reading(trouble, 4.0), after_s=LATELY_S)
        service.for_s(round(trouble.clear_after_s) + 60, *reading(trouble, 4.0))
    else:
        service.for_s(round(trouble.after_s), *reading(trouble, trouble.on + far))
        before = list(service.told)
        service.for_s(60, *reading(trouble, trouble.on + far))
        service.for_s(round(trouble.clear_after_s) + 60, *reading(trouble, trouble.off))
        assert before == []

    assert [stage for _, _, stage in service.said] == [Stage.OPEN, Stage.CLEARED]
    opened, cleared = service.told
    assert (opened.id, opened.version, cleared.version, cleared.end_ns) == (cleared.id, 1, 2, cleared.at_ns)
    assert "{" not in opened.message


@DELAYED
def test_what_goes_up_and_down_within_the_delay_is_told_to_nobody(trouble: Trouble):
    service = Service()
    for _ in range(20):
        service.for_s(round(trouble.after_s) - 1, *reading(trouble, trouble.on))
        service.look(*reading(trouble, trouble.off))

    assert service.told == []


@STEADY
def test_between_its_two_limits_nothing_changes(trouble: Trouble):
    middle = (trouble.on + trouble.off) / 2
    service = Service()
    service.for_s(2000, *reading(trouble, middle))
    nothing = list(service.told)
    service.for_s(round(trouble.after_s) + 1, *reading(trouble, trouble.on))
    service.for_s(2000, *reading(trouble, middle))

    assert (nothing, [stage for _, _, stage in service.said]) == ([], [Stage.OPEN])


@EVERY
def test_every_trouble_is_an_alarm_that_says_what_to_do(trouble: Trouble):
    rule = trouble.alarm

    assert trouble.figure in FIGURES
    assert trouble.rule in RULES
    assert is_of_the_service(trouble.rule)
    assert all((rule.cause, rule.consequence, rule.action, rule.respond_within_ns))
    assert rule.priority is not Priority.EVENT


def test_a_calendar_that_a_service_has_not_looked_at_yet_as_it_starts_is_no_alarm():
    service, overdue = Service(), of("service.rota.stale")
    service.for_s(30, *reading(overdue, 1e9))
    service.for_s(30, *reading(overdue, 0))

    assert service.told == []


def test_one_that_was_open_before_a_restart_is_not_told_again_and_ends():
    first = Service()
    first.for_s(5, *reading(of("service.commit.failing"), 1))
    again = Service(*first.told)
    again.for_s(20, *reading(of("service.commit.failing"), 1))
    still = list(again.told)
    again.for_s(20, *reading(of("service.commit.failing"), 0))

    assert still == []
    assert [(each.id, each.version, each.stage) for each in again.told] == [(first.told[0].id, 2, Stage.CLEARED)]


def test_of_several_channels_each_is_told_by_its_own_name():
    service = Service()
    service.for_s(
        2,
        *(Reading("thermowell_outbox_oldest_seconds", age_s, (name,)) for name, age_s in [("mail", 700), ("sms", 1)]),
    )

    assert service.said == [("service.outbox.stuck", "mail", Stage.OPEN)]
    assert service.watch.stopped() == "mail: a notice has waited 700 s and cannot be delivered."


def test_what_is_no_longer_told_of_is_over():
    service = Service()
    service.for_s(2, Reading("thermowell_outbox_oldest_seconds", 700, ("mail",)))
    service.for_s(20)

    assert [stage for _, _, stage in service.said] == [Stage.OPEN, Stage.CLEARED]


def test_the_journals_space_is_told_with_the_hours_that_are_left():
    service = Service()
    service.look(
        Reading("thermowell_journal_bytes", 800),
        Reading("thermowell_journal_quota_bytes", 1000),
        Reading("thermowell_journal_left_seconds", 7200),
    )

    assert "80% of its quota (about 2.0 h left)" in service.told[0].message
    assert (service.told[0].subject, service.told[0].evidence["hours_left"]) == ("journal", 2.0)


def test_a_certificate_that_lives_for_days_is_told_of_in_the_last_third_of_its_life():
    now_s, day_s = 1e9, 86_400.0
    service = Service()
    service.look(
        *certificate_figures("six days, fresh", now_s - day_s, now_s + 5 * day_s),
        *certificate_figures("six days, old", now_s - 4.5 * day_s, now_s + 1.5 * day_s),
        *certificate_figures("a year", now_s - 352 * day_s, now_s + 13 * day_s),
        *certificate_figures("a year, fresh", now_s - 349 * day_s, now_s + 16 * day_s),
    )

    assert {each.subject: each.message for each in service.told} == {
        "six days, old": "The certificate six days, old ends in 1.5 days.",
        "a year": "The certificate a year ends in 13.0 days.",
    }


def test_without_a_quota_nothing_is_told_of_it():
    service = Service()
    service.for_s(10, Reading("thermowell_journal_bytes", 10**12))

    assert service.told == []


def test_the_way_is_stopped_at_once_and_the_alarm_waits():
    service = Service()
    service.look(*reading(of("service.judge.behind"), 61))
    told, stopped = list(service.told), service.watch.stopped()
    service.look(*reading(of("service.judge.behind"), 1))

    assert (told, stopped) == ([], "Detectors and alarms are 61 s behind the journal.")
    assert service.watch.stopped() is None


def test_how_many_troubles_there_are_is_a_figure():
    service = Service()
    service.for_s(5, *reading(of("service.commit.failing"), 1))
    counts = {each.labels[0]: each.value for each in service.watch.figures()}

    assert (counts["service.commit.failing"], counts["service.disk"], len(counts)) == (1, 0, len(TROUBLES))


def test_the_alarm_book_takes_the_texts_from_the_table():
    service = Service()
    service.for_s(5, *reading(of("service.commit.failing"), 1))
    step = step_for(Rulebook(), service.told[0])

    assert (step.alarm, step.rule) == ("service.commit.failing", of("service.commit.failing").alarm)
