"""Addition rates and times at a temperature, each against the ranges of its phase."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.bank import Bank
from detectors.ranges.dwells import within_ns
from domain.entries import Gap, GapCause
from domain.findings import Stage
from domain.recipes import DwellRanges, Limits, Phase, RangeKind, RateRanges, Recipe
from domain.status import BAD
from tests.checks.detector import CHECKS, maker
from tests.unit.detectors.plant import MINUTE, PT, R101, SECOND, STEP, TAGS, TT, Plant, at, batch, of_rule, rulebook
from tests.unit.detectors.streams import stream

HIGH, LOW = "excursion.validated.high", "excursion.validated.low"
FEED = RateRanges("feed", "PT", "bar/min", MINUTE, falling=False, ranges={RangeKind.VALIDATED: Limits(0.5, 1.0)})
HOT = DwellRanges(
    "hot", "TT", "degC", Limits(55.0, None), {RangeKind.VALIDATED: Limits(60 * SECOND, 120 * SECOND)}, "V"
)


def rules(rate: RateRanges | None = FEED, dwell: DwellRanges | None = HOT):
    phase = Phase("dose", {}, rates={"feed": rate} if rate else {}, dwells={"hot": dwell} if dwell else {})
    recipe = Recipe("API-1", 7, "CR-1", {name: replace(phase, name=name) for name in ("charge", "dose", "cool")})
    return rulebook(recipes={"API-1": recipe}, units={"R101": R101}, tags={}, holds={})


def plant(**changed: object) -> Plant:
    return Plant(rules(**changed)).idle().in_phase()  # type: ignore[arg-type]


def fed(found: Plant, *per_minute: float, start: float = 6.0, value: float = 0.1) -> list:
    """A weight that changes by so much in each of the minutes, one sample every ten seconds."""
    said = []
    for rate in per_minute:
        for _ in range(6):
            start, value = start + 10, value + rate / 6
            said += found.samples((PT, start, value))
    return said


def test_a_rate_within_its_range_says_nothing():
    assert fed(plant(), 0.75, 0.75, 0.75) == []


def test_a_rate_is_judged_once_its_window_is_full():
    said = of_rule(fed(plant(), 2.0, 2.0), HIGH)

    assert said[0].onset_ns == at(66)
    assert (said[0].subject, said[0].evidence["unit"]) == ("R101.feed", "bar/min")
    assert said[0].evidence["peak"] == pytest.approx(2.0)
    assert said[0].message.startswith("R101.feed is 2 bar/min, above the validated 1 bar/min, in phase dose")


def test_a_rate_that_grows_crosses_by_the_straight_line_of_its_samples():
    """From .8 to 1.4 in a minute: .1 each ten seconds; 1.0 is met at the second sample, and passed after it."""
    said = of_rule(fed(plant(), 0.8, 1.4), HIGH)

    assert said[0].onset_ns == pytest.approx(at(86), abs=1000)


def test_too_slow_an_addition_is_told():
    assert of_rule(fed(plant(), 0.2, 0.2), LOW)[0].subject == "R101.feed"


def at_the_limit(begin: float, sign: int, more: float = 0.0) -> tuple[tuple[int, float, float], ...]:
    """Decimal readings that change by exactly 1 in each minute; `more` goes into the last one."""
    rows = [(PT, 6 + 6 * number, round(begin + sign * 0.1 * number, 1)) for number in range(60)]
    return (*rows[:-1], (PT, rows[-1][1], round(rows[-1][2] + sign * more, 9)))


@pytest.mark.parametrize("begin", [0.1, 12.7, 15.1, 100.7])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_rate_at_its_limit_in_decimals_is_within_and_does_not_flap(begin: float, sign: int):
    """16.1 - 15.1 is 1.0000000000000018 as floats."""
    found = plant(rate=replace(FEED, falling=sign < 0))

    assert found.samples(*at_the_limit(begin, sign)) == []


def test_the_least_step_above_the_limit_of_a_rate_is_outside():
    said = of_rule(plant().samples(*at_the_limit(15.1, 1, more=1e-9)), HIGH)

    assert said[0].evidence["peak"] == pytest.approx(1.0 + 1e-9, abs=1e-12)


def test_a_tag_that_tells_what_is_left_falls():
    falling = replace(FEED, falling=True)

    assert fed(plant(rate=falling), -0.75, -0.75) == []
    assert of_rule(fed(plant(rate=falling), -2.0, -2.0), HIGH)


@pytest.mark.parametrize("what", ["bad", "gap"])
def test_after_what_proves_nothing_the_rate_is_known_again_after_a_window(what):
    found = plant()
    fed(found, 0.75)
    if what == "bad":
        found.feed(batch([(PT, 70, 0.9, BAD)]))
    else:
        found.feed(Gap("g", "train1", PT, at(67), at(75), GapCause.OVERFLOW))
    said = fed(found, 3.0, 3.0, start=70, value=0.9)

    assert of_rule(said, HIGH)[0].onset_ns >= at(130)


def test_the_rate_of_a_phase_begins_with_it():
    found = plant()
    fed(found, 0.75)
    found.feed(batch([(STEP, 70, 30)]))

    assert of_rule(fed(found, 2.0, start=76, value=0.85), HIGH) == []


@pytest.mark.parametrize(
    ("one", "other", "part"),
    [((50, 60), (0, 10), 0.5), ((60, 60), (0, 10), 1.0), ((50, 50), (0, 10), 0.0), ((60, 50), (0, 10), 0.5)],
)
def test_the_part_within_is_that_of_the_straight_line(one, other, part):
    first, second = (np.array([value], dtype=np.float64) for value in one)
    span_ns = np.array([(other[1] - other[0]) * SECOND])

    assert within_ns(first, second, span_ns, np.array([55.0]), np.array([np.inf])) == round(part * 10 * SECOND)


def test_through_a_band_and_out_again():
    values = (np.array([value]) for value in (50.0, 60.0))

    assert within_ns(*values, np.array([100]), np.array([54.0]), np.array([56.0])) == 20


def test_the_farthest_values_that_there_are_make_a_line_too():
    far = np.array([1.7e308])

    assert within_ns(-far, far, np.array([100]), np.array([-np.inf]), np.array([0.0])) == 50


def test_too_long_at_temperature_is_said_by_the_sample_that_shows_it():
    found = plant()
    assert of_rule(found.samples((TT, 10, 60.0), (TT, 130, 60.0)), "dwell.validated.high") == []
    (told,) = of_rule(found.samples((TT, 130.5, 60.0)), "dwell.validated.high")
    found.feed(batch([(STEP, 140, 30)]))
    (ended,) = of_rule(found.beat(200) + found.beat(300), "dwell.validated.high")

    assert (told.subject, told.stage, told.at_ns) == ("R101.hot", Stage.OPEN, at(130.5))
    assert told.message == (
        "R101.TT was at least 55 °C for 2 min, above the validated 2 min, in phase dose of batch B-17."
    )
    assert (ended.id, ended.stage, ended.version) == (told.id, Stage.CLEARED, 2)


@pytest.mark.parametrize(("until", "short"), [(69.0, True), (70.0, False)])
def test_too_short_at_temperature_is_said_at_the_end_of_the_phase(until, short):
    found = plant()
    found.samples((TT, 10, 60.0), (TT, until, 60.0), (TT, until, 20.0))
    found.feed(batch([(STEP, 90, 30)]))

    assert bool(of_rule(found.beat(200) + found.beat(300), "dwell.validated.low")) is short


def test_what_is_not_proven_counts_for_the_worst_case():
    """Bad from 60 on, back at 140: between 50 and 130 s, so that neither enough nor not too much is proven."""
    found = plant()
    found.samples((TT, 10, 60.0), (TT, 60, 60.0))
    found.feed(batch([(TT, 61, 60.0, BAD)]))
    said = found.samples((TT, 140, 60.0))
    found.feed(batch([(STEP, 150, 30)]))
    said += found.beat(200) + found.beat(300)

    (high, *_), (low,) = of_rule(said, "dwell.validated.high"), of_rule(said, "dwell.validated.low")
    assert (high.evidence["dur_min_ns"], high.evidence["dur_max_ns"]) == (50 * SECOND, 130 * SECOND)
    assert "for 50 s to 2 min, below the validated 1 min" in low.message


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_they_pass_the_checks_of_every_detector(check, seed):
    rate = replace(FEED, window_ns=SECOND, ranges={RangeKind.NOR: Limits(-0.5, 0.5)})
    dwell = replace(HOT, ranges={RangeKind.NOR: Limits(5 * SECOND, 20 * SECOND)})

    check(maker(Bank, rules(rate, dwell), TAGS), stream(seed), seed)


def test_the_streams_make_them_speak():
    rate = replace(FEED, window_ns=SECOND, ranges={RangeKind.NOR: Limits(-0.5, 0.5)})
    dwell = replace(HOT, ranges={RangeKind.NOR: Limits(5 * SECOND, 20 * SECOND)})
    said = set()
    for seed in range(10):
        detector = maker(Bank, rules(rate, dwell), TAGS)()
        for number, entry in enumerate(stream(seed), start=1):
            said |= {
                (getattr(each, "rule", ""), getattr(each, "subject", "")) for each in detector.update(number, entry)
            }

    assert {("excursion.nor.high", "R101.feed"), ("dwell.nor.high", "R101.hot"), ("dwell.nor.low", "R101.hot")} <= said
