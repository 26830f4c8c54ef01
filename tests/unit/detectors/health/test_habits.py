"""What is learnt of a tag per phase, and judged by: how often it speaks, and how often its readings repeat."""

import random

import numpy as np
import pytest

from detectors.health.rhythm import LEAST_SILENCE_NS, silence_ns
from detectors.health.stillness import LEAST_RUN, run_limit, upper_share
from domain.entries import Gap, GapCause
from domain.health import TagHealth
from domain.rules import TagRules
from tests.unit.detectors.plant import LT, MINUTE, PT, SECOND, Plant, at, batch, of_rule, rulebook, stages

STALE = {"T7.LT": TagRules("T7.LT", health=TagHealth(stale=True))}
BOTH = {"T7.LT": TagRules("T7.LT", health=TagHealth(stale=True, frozen=True))}
FROZEN = {name: TagRules(name, health=TagHealth(frozen=True)) for name in ("T7.LT", "R101.PT")}


def plant(rules: dict[str, TagRules]) -> Plant:
    return Plant(rulebook(tags=rules))


def spoken(rules: dict[str, TagRules], intervals: list[float]) -> tuple[Plant, float]:
    """A plant whose level has spoken at these intervals, and the seconds of its last word."""
    made, now = plant(rules), 0.0
    made.samples((LT, now, 5.0))
    for number, interval in enumerate(intervals):
        now += interval
        made.samples((LT, now, 5.0 + number % 7))
    made.beat(now)
    return made, now


def test_a_tag_that_reports_periodically_is_stale_after_five_periods():
    made, now = spoken(STALE, [10.0] * 60)

    # Intervals are known by the upper end of their class: 12.8 s holds those of 10 s.
    assert made.beat(now + 63.9) == []
    (found,) = made.beat(now + 64)
    assert found.rule == "stale"
    assert found.evidence["reports"] == "periodically"
    assert found.evidence["learnt"] == "from 60 intervals"
    assert found.message == (
        "T7.LT has said nothing for 1 min, though train1 is heard; it usually reports periodically, about every 12.8 s."
    )


def test_a_tag_that_reports_by_exception_may_be_silent_for_three_times_its_longest_interval():
    made, now = spoken(STALE, [10.0, 10.0, 30.0, 200.0] * 20)

    assert made.beat(now + 599) == []
    (found,) = made.beat(now + 3600)
    assert found.evidence["reports"] == "by exception"


def test_too_few_intervals_make_no_rhythm():
    made, now = spoken(STALE, [10.0] * 59)

    assert made.beat(now + 36_000) == []


def test_what_spans_a_gap_or_an_absence_of_the_source_is_no_interval():
    made = plant(STALE)
    now = 0.0
    for number in range(64):
        made.samples((LT, now, float(number)))
        if number == 30:
            made.beat(now + 1, connected=False)
        if number == 40:
            made.feed(Gap("g", "train1", None, at(now), at(now + 500), GapCause.DISCONNECT))
        now += 5000.0 if number in (30, 40) else 10.0
    made.beat(now)

    assert of_rule([*made.beat(now + 70)], "stale")[0].evidence["learnt"] == "from 61 intervals"


def test_the_tail_of_the_intervals_gives_one_false_alarm_a_year():
    chance = np.random.default_rng(1)
    intervals_ns = chance.exponential(10.0, 2000) * 1e9
    counts = np.bincount(np.clip(np.ceil(2 * np.log2(intervals_ns / 1e8)), 0, 39).astype(int), minlength=40).astype(
        np.int32
    )

    (median_ns,), (limit_ns,), (periodic,) = silence_ns(counts[None], np.array([intervals_ns.max()]))

    # Exactly: 10 s · ln(a year / 6.9 s) = 153 s; classes are up to 41 % wide, three times the longest is above that.
    assert not periodic
    assert 6.9 <= median_ns / SECOND <= 6.9 * 1.42
    assert 150 <= limit_ns / SECOND <= 3 * 100


def test_the_shortest_silence_that_counts_is_longer_than_heartbeats_are_apart():
    counts = np.zeros(40, dtype=np.int32)
    counts[7] = 100

    assert silence_ns(counts[None], np.array([1e9]))[1] == LEAST_SILENCE_NS


def noisy(made: Plant, tag: int, count: int, start: float = 0.0, step: float = 1.0) -> float:
    """Readings of which about a tenth repeats; the time after the last."""
    chance = random.Random(7)
    made.feed(batch([(tag, start + number * step, float(chance.randrange(10))) for number in range(count)]))
    made.beat(start + count * step)
    return start + count * step


def frozen_at(made: Plant, tag: int, start: float, most: int, step: float = 1.0) -> int | None:
    """The number of equal readings after which it is said."""
    for number in range(1, most + 1):
        if made.samples((tag, start + number * step, 77.0)):
            return number
    return None


def test_a_noisy_tag_is_frozen_after_as_many_equal_readings_as_chance_does_not_make():
    made = plant(FROZEN)
    start = noisy(made, LT, 1000)
    number = frozen_at(made, LT, start, 40)
    (found,) = of_rule(made.said, "frozen")

    limit = found.evidence["limit"]
    assert number == limit + 1  # the first of them repeats nothing
    assert LEAST_RUN <= limit <= 14  # of 100 repeats up to a fourth may be followed by another, at 99.9 %
    assert found.onset_ns == at(start + 1)
    assert "readings; it never repeated more than" in found.message
    assert stages(made.samples((LT, start + 100, 5.0)), "frozen") == ["cleared"]


def test_equal_readings_of_one_source_time_are_one():
    made = plant(FROZEN)
    start = noisy(made, LT, 1000)

    assert made.samples(*[(LT, start, 77.0)] * 100) == []


def test_silence_is_not_frozen_however_long():
    made = plant(FROZEN)
    start = noisy(made, LT, 1000)

    assert made.samples((LT, start, 77.0), (LT, start + 100_000, 77.0)) == []


def test_a_coarse_tag_may_repeat_for_long():
    made = plant(FROZEN)
    values = [float(number // 40) for number in range(2000)]
    made.series(LT, 0, 1, values)
    made.beat(2000)

    assert made.series(LT, 2001, 1, [7.0] * 5000) == []


def test_few_readings_prove_little():
    few = upper_share(np.array([3]), np.array([60]))
    many = upper_share(np.array([50]), np.array([1000]))

    assert few[0] == pytest.approx(0.2129, abs=1e-3)
    assert many[0] == pytest.approx(0.0759, abs=1e-3)


def test_the_limit_is_never_below_three_times_the_longest_run():
    assert limit_of(readings=1000, repeats=5, runs=1, longest=20) == 60
    assert limit_of(readings=5000, repeats=0, runs=0, longest=0) == LEAST_RUN
    assert limit_of(readings=1000, repeats=990, runs=10, longest=20) > 10**18


def test_readings_of_a_level_that_moves_do_not_shorten_how_long_it_may_rest():
    """Of 4,000 readings 1,000 were at rest, and half of these repeat: so do half of those that follow a repeat."""
    resting = limit_of(readings=1000, repeats=500, runs=250, longest=8)

    assert limit_of(readings=4000, repeats=500, runs=250, longest=8) == pytest.approx(resting, abs=2)
    assert limit_of(readings=4000, repeats=500, runs=440, longest=8) < resting


def limit_of(*, readings: int, repeats: int, runs: int, longest: int) -> int:
    return int(run_limit(np.array([readings]), np.array([repeats]), np.array([runs]), np.array([longest]))[0])


def test_a_run_counts_within_one_phase():
    """A pressure at rest between batches repeats; what is learnt in the phase says nothing of that."""
    made = plant(FROZEN).in_phase(20)
    start = noisy(made, PT, 1000, 10.0)
    made.feed(batch([(PT, start + number, 0.0) for number in range(1, 7)]))
    made.in_phase(30, seconds=start + 7)

    assert of_rule([made.series(PT, start + 20, 1, [0.0] * 100)], "frozen") == []
    made.in_phase(20, seconds=start + 200)
    assert frozen_at(made, PT, start + 210, 40) is not None


def test_a_frozen_stretch_is_not_learnt():
    made = plant(FROZEN)
    start = noisy(made, LT, 1000)
    first = frozen_at(made, LT, start, 40)
    made.series(LT, start + 41, 1, [77.0] * 2000)
    start = noisy(made, LT, 1000, start + 5000)

    assert frozen_at(made, LT, start, 40) in (first, first - 1)


@pytest.mark.parametrize("cut", range(0, 1100, 97))
def test_what_was_learnt_survives_a_restart_at_any_point(cut):
    straight, stopped = plant(BOTH), plant(BOTH)
    chance = random.Random(3)
    rows = [(LT, float(number), float(chance.randrange(10)) if number < 1000 else 5.0) for number in range(1100)]

    for number, row in enumerate(rows):
        if number == cut:
            stopped = stopped.restarted()
        for each in (straight, stopped):
            each.samples(row)
            if number % 50 == 0:
                each.beat(row[1])

    assert straight.detector.snapshot() == stopped.detector.snapshot()
    assert len(of_rule(straight.said, "frozen")) == 1


def test_a_tag_with_a_time_of_its_own_is_judged_by_that_alone():
    rules = {"T7.LT": TagRules("T7.LT", stale_after_ns=MINUTE, health=TagHealth(frozen=True))}
    made, now = spoken(rules, [10.0] * 80)

    assert made.beat(now + 59) == []
    (found,) = made.beat(now + 60)
    assert found.evidence["stale_after_ns"] == MINUTE
