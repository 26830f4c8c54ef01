"""How long the journal waits for a mirror that is away, and what is told of it."""

import pytest

from domain.entries import Position
from domain.findings import Finding, Stage
from historian.journal import Usage
from service.mirror_watch import NOTHING_WAITS, Hold, MirrorWatch, Surroundings

HERE = Position(7)
HOUR_S = 3600.0


class Core:
    """A core whose clock and journal a test sets."""

    def __init__(self, usage: Usage | None = None, opened: Finding | None = None) -> None:
        self.now_s = 0.0
        self.usage = usage or Usage(0, None, 0.0, float("inf"))
        self.told: list[Finding] = []
        surroundings = Surroundings(lambda: self.usage, self.told.append, lambda: int(self.now_s * 1e9), lambda: HERE)
        self.watch = MirrorWatch("plant", Hold(6 * HOUR_S), surroundings, opened, lambda: self.now_s)

    def at(self, now_s: float, trouble: str | None = None, *, is_behind: bool = True) -> None:
        self.now_s = now_s
        self.watch.look(trouble, is_behind=is_behind)


def test_the_journal_waits_for_hours_and_then_no_longer():
    core = Core()
    core.at(0, is_behind=False)
    core.at(2 * HOUR_S, "away")
    waits = (core.watch.hours_left, core.watch.may_leave(HERE))
    core.at(6 * HOUR_S, "away")

    assert waits == (4.0, HERE)
    assert (core.watch.hours_left, core.watch.may_leave(HERE)) == (0.0, NOTHING_WAITS)


def test_once_it_has_everything_the_journal_waits_again():
    core = Core()
    core.at(7 * HOUR_S, "away")
    core.at(7 * HOUR_S + 1)
    still = core.watch.may_leave(HERE)
    core.at(7 * HOUR_S + 2, is_behind=False)

    assert (still, core.watch.may_leave(HERE), core.watch.hours_left) == (NOTHING_WAITS, HERE, 6.0)


@pytest.mark.parametrize(
    ("usage", "hours"),
    [
        (Usage(10, 100, 20.0, 4.5), 2.0),  # 40 bytes to half of the quota
        (Usage(50, 100, 20.0, 2.5), 0.0),
        (Usage(60, 100, 0.0, float("inf")), 0.0),
        (Usage(10, 100, 0.0, float("inf")), 6.0),  # it does not grow
        (Usage(10, None, 20.0, 3.0), 1.5),  # half of the time until the disk is full
    ],
)
def test_the_journal_waits_within_half_of_what_room_there_is(usage: Usage, hours: float):
    core = Core(usage)
    core.at(0, "away")

    assert core.watch.hours_left == hours
    assert core.watch.may_leave(HERE) == (HERE if hours else NOTHING_WAITS)


def test_one_that_stays_away_is_told_once_with_the_hours_left_and_its_end_too():
    core = Core()
    for minute in range(20):
        core.at(minute * 60.0, "InfluxDB at http://x answers 503")
    core.at(1300.0)
    core.at(1301.0, is_behind=False)

    opened, ended = core.told
    assert opened.at_ns == 300 * 10**9
    assert (
        "takes nothing: InfluxDB at http://x answers 503. What it lacks leaves the journal in about 5.9 h"
        in opened.message
    )
    assert (ended.id, ended.version, ended.stage, ended.end_ns) == (opened.id, 2, Stage.CLEARED, 1301 * 10**9)


def test_a_short_absence_is_told_to_nobody():
    core = Core()
    for second in range(600):
        core.at(second, "away" if second % 200 else None)

    assert core.told == []


def test_one_that_was_away_before_a_restart_is_ended():
    before = Core()
    before.at(400.0, "away")
    core = Core(opened=before.told[0])
    core.at(1.0, is_behind=False)

    assert [(finding.id, finding.stage) for finding in core.told] == [(before.told[0].id, Stage.CLEARED)]
