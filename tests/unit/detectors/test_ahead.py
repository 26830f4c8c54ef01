"""A row that is dated far beyond our clock is recorded, told, and hides none of the rows after it."""

import numpy as np
import pytest

from detectors.arrivals import AHEAD_NS, Arrived, Watermarks
from detectors.bank import Bank
from detectors.health.silence import SourceLimits
from domain.entries import ConfigurationActivated, Entry, Heartbeat, Position, TagDefined
from domain.findings import Finding, Stage
from domain.rules import Rulebook, TagRules
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from tests.unit.detectors.plant import HOUR, SECOND, T0

DAY = 24 * HOUR

TAG = Tag(TagId(0), "uuid-0", 1, "R101.TT", "train1", "s=R101.TT", unit="degC")
RULES = Rulebook(tags={"R101.TT": TagRules("R101.TT", fixed_high=100.0)}, hash="rules")
LIMITS = SourceLimits(ahead_ns=AHEAD_NS)


def beat(seconds: float, skew_ns: int | None = None) -> Heartbeat:
    return Heartbeat("train1", T0 + round(seconds * SECOND), True, T0 + round(seconds * SECOND), skew_ns)


def row(at_ns: int, value: float) -> Entry:
    time_ns, status = np.array([at_ns]), np.zeros(1, np.uint32)
    return SampleBatch("train1", T0, np.zeros(1, np.uint32), time_ns, None, np.array([value]), status)


def dated(ahead_ns: int, value: float = 60.0) -> Entry:
    """A row whose time is so far beyond T0."""
    return row(T0 + ahead_ns, value)


def said(*entries: Entry, cut: int | None = None) -> list[Finding]:
    """What a bank says of entries; `cut`: it is restored after so many."""
    bank = Bank(RULES, (), LIMITS)
    found: list[Finding] = []
    for number, entry in enumerate([TagDefined(TAG, T0), *entries], 1):
        found += [each for each in bank.update(Position(number), entry) if isinstance(each, Finding)]
        if number == cut:
            state, bank = bank.snapshot(), Bank(RULES, (), LIMITS)
            bank.restore(state)
    return found


@pytest.mark.parametrize("ahead_ns", [AHEAD_NS + 1, DAY, 64 * 365 * DAY])
def test_rows_after_one_from_the_future_are_judged(ahead_ns: int):
    found = said(beat(0), dated(ahead_ns), row(T0 + 1 * SECOND, 120.0), beat(5))

    assert [(each.rule, each.stage) for each in found] == [("fixed.high", Stage.OPEN), ("ahead", Stage.OPEN)]


def test_the_row_from_the_future_is_not_judged_itself():
    assert [each.rule for each in said(beat(0), dated(DAY, 120.0), beat(5))] == ["ahead"]


def test_at_the_limit_it_is_judged_as_any_other():
    assert [each.rule for each in said(beat(0), dated(AHEAD_NS, 120.0), beat(5))] == ["fixed.high"]


def test_it_is_told_once_and_over_when_the_tag_dates_by_our_clock_again():
    entries = [beat(0), dated(DAY), beat(5), dated(2 * DAY), beat(10), row(T0 + 11 * SECOND, 60.0), beat(15), beat(20)]
    found = said(*entries)

    assert [(each.rule, each.stage, each.version) for each in found] == [
        ("ahead", Stage.OPEN, 1),
        ("ahead", Stage.CLEARED, 2),
    ]
    assert "1 d" in found[0].message or "24 h" in found[0].message
    assert found[0].detected == (Position(3), 0)


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_restart_anywhere_says_the_same(cut: int):
    entries = [
        beat(0),
        dated(DAY),
        beat(5),
        dated(2 * DAY),
        row(T0 + 6 * SECOND, 120.0),
        beat(10),
        row(T0 + 11 * SECOND, 60.0),
        beat(15),
    ]

    assert said(*entries, cut=cut) == said(*entries)


def test_a_source_whose_whole_clock_is_known_to_be_ahead_is_judged():
    assert [each.rule for each in said(beat(0, skew_ns=DAY), dated(DAY, 120.0))] == ["source.skew", "fixed.high"]


def test_a_row_of_a_far_year_by_which_the_skew_is_measured_allows_no_other():
    """Over MQTT the newest row is all that tells of a clock."""
    far_ns = 64 * 365 * DAY
    found = said(beat(0), dated(far_ns), beat(5, skew_ns=far_ns), dated(far_ns), row(T0 + 6 * SECOND, 120.0))

    assert [each.rule for each in found] == ["source.skew", "ahead", "fixed.high"]


def test_the_first_rows_after_a_long_stop_are_judged_before_the_first_heartbeat():
    start = ConfigurationActivated(T0 + DAY, "hash", "", "1", simulated=False)

    assert [each.rule for each in said(beat(0), start, dated(DAY, 120.0))] == ["fixed.high"]


def test_many_rows_ahead_in_one_frame_are_noted_as_if_they_had_come_one_by_one():
    random = np.random.default_rng(5)
    tag = random.integers(0, 40, 500)
    time_ns = T0 + random.integers(0, 3, 500) * HOUR
    rows = Arrived("train1", tag, time_ns, np.zeros(500), None, None, np.full(500, 7), np.arange(500))
    whole, one_by_one = Watermarks(AHEAD_NS), Watermarks(AHEAD_NS)
    for each in (whole, one_by_one):
        each.grow(40)
        each.clock(T0)

    for half in (slice(0, 250), slice(250, 500)):
        whole.admit(rows.chosen(half), None)
    for index in range(500):
        one_by_one.admit(rows.chosen(slice(index, index + 1)), None)

    assert list(whole.ahead.items()) == list(one_by_one.ahead.items())
    assert sum(count for count, *_ in whole.ahead.values()) == np.count_nonzero(time_ns > T0 + AHEAD_NS)
