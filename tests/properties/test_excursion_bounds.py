"""Excursions under gaps and Bad rows against a reference that walks pairs of samples: bounds, area, quality."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.entries import Entry, Gap, GapCause
from domain.findings import Finding, Stage
from domain.status import BAD
from tests.unit.detectors.plant import LT, SECOND, Plant, at, batch, findings, rulebook

HIGH = 9.0
values = st.sampled_from([1.5, 8.0, 9.0, math.nextafter(9.0, 10), math.nextafter(9.0, 0), 9.5, 12.0])
rows = st.lists(st.tuples(st.integers(1, 60), values, st.sampled_from([0, 0, 0, BAD])), min_size=1, max_size=30)
gaps = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 90)), max_size=3)


@settings(deadline=None)
@given(rows, gaps)
def test_bounds_and_area_are_those_of_the_reference(steps, given_gaps):
    hidden: list[Entry] = [
        Gap(f"g{number}", "train1", LT, at(start), at(start + lasts), GapCause.UNKNOWN)
        for number, (start, lasts) in enumerate(given_gaps)
    ]
    second, samples = 0, []
    for step, value, status in steps:
        second += step
        samples.append((second, value, status))
    samples.append((second + 1, 5.0, 0))  # inside for sure
    plant = Plant(rulebook())

    said = findings(plant.feed(*hidden, *(batch([(LT, *sample)]) for sample in samples)))

    assert _told(said) == _reference(samples, [(start, start + lasts) for start, lasts in given_gaps])


def _told(said: list[Finding]) -> list[tuple[object, ...]]:
    newest = {each.id: each for each in said if each.rule == "fixed.high"}
    assert all(each.stage is Stage.CLEARED for each in newest.values())
    return [
        (
            each.onset_ns,
            each.end_ns,
            each.evidence["peak"],
            each.evidence["dur_min_ns"],
            each.evidence["dur_max_ns"],
            each.evidence["area"],
        )
        for each in sorted(newest.values(), key=lambda each: each.onset_ns)
    ]


def _reference(samples, gaps) -> list[tuple[object, ...]]:
    """Walk pairs of proven samples; between two of them gaps, and Bad from its row on, prove nothing."""
    found = []
    before, bad_since, open_ = None, None, None
    for second, value, status in samples:
        if status:
            bad_since = second if bad_since is None else bad_since
            continue
        blind = [] if before is None else _blind(before[0], second, bad_since, gaps)
        bad_since = None
        if value > HIGH:
            if open_ is None:
                open_ = _opened(before, (second, value), blind)
            else:
                open_["blind"] += blind
                open_["area"] += _mean(before[1], value) * (second - before[0] - _length(blind)) / 60
                open_["peak"] = max(open_["peak"], value)
        elif open_ is not None:
            found.append(_ended(open_, before, (second, value), blind))
            open_ = None
        before = (second, value)
    return found


def _blind(start, end, bad_since, gaps):
    stretches = [(max(a, start), min(b, end)) for a, b in gaps if max(a, start) < min(b, end)]
    if bad_since is not None and bad_since < end:
        stretches.append((max(bad_since, start), end))
    covered = sorted(stretches)
    joined = []
    for a, b in covered:
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(b, joined[-1][1]))
        else:
            joined.append((a, b))
    return joined


def _length(stretches):
    return sum(b - a for a, b in stretches)


def _mean(one, other):
    return 0.5 * ((one - HIGH) + (other - HIGH))


def _crossing_ns(one, other):
    part = Fraction(HIGH - one[1]) / Fraction(other[1] - one[1])
    part = min(max(part, Fraction(0)), Fraction(1))
    return at(one[0]) + round(float(part) * (at(other[0]) - at(one[0])))


def _opened(before, now, blind):
    onset_ns = earliest_ns = at(now[0])
    area = 0.0
    if before is not None and blind:
        earliest_ns = at(blind[0][0])
    elif before is not None:
        onset_ns = earliest_ns = _crossing_ns(before, now)
        area = 0.5 * (now[1] - HIGH) * (at(now[0]) - onset_ns) / SECOND / 60
    return {"onset": onset_ns, "earliest": earliest_ns, "area": area, "peak": now[1], "blind": []}


def _ended(open_, before, now, blind):
    end_ns, end_earliest_ns = at(now[0]), at(blind[0][0]) if blind else None
    area = open_["area"]
    if not blind:
        end_ns = end_earliest_ns = _crossing_ns(before, now)
        area += 0.5 * (before[1] - HIGH) * (end_ns - at(before[0])) / SECOND / 60
    hidden = sum(max(0, min(at(b), end_earliest_ns) - max(at(a), open_["onset"])) for a, b in open_["blind"])
    least_ns = max(0, end_earliest_ns - open_["onset"] - hidden)
    end_ns = max(end_ns, open_["onset"])
    return (open_["onset"], end_ns, open_["peak"], least_ns, end_ns - open_["earliest"], pytest.approx(area, abs=1e-9))
