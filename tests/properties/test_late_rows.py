"""Rows that come late, in any order: once judged again, the excursions are those of the rows in time."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.entries import Entry, Gap, GapCause
from domain.findings import Finding
from domain.status import BAD
from tests.unit.detectors.plant import LT, SECOND, STEP, T0, TAGS, TT, at, batch, findings, rulebook
from tests.unit.detectors.record import judged

EXCURSIONS = ("excursion.", "fixed.")


@dataclass(frozen=True)
class Row:
    time_s: int
    value: float
    status: int
    late: bool


values = st.sampled_from([0.5, 1.0, 1.5, 8.0, 9.0, np.nextafter(9.0, 10), 9.5, 12.0]) | st.floats(0, 12)
row = st.builds(Row, st.integers(1, 400), values, st.sampled_from([0, 0, 0, 0, BAD]), st.booleans())
rows = st.lists(row, min_size=1, max_size=40, unique_by=lambda each: each.time_s)
gaps = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 100)), max_size=2)


class Area(float):
    """The same but for the order of additions."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(self - other) <= 1e-6

    __hash__ = float.__hash__


def newest(said: list[Finding], subject: str) -> list[tuple[object, ...]]:
    """What stands of each excursion in the end."""
    last = {each.id: each for each in said if each.rule.startswith(EXCURSIONS) and each.subject == subject}
    return sorted(
        (each.rule, each.phase, each.onset_ns, each.end_ns or 0, str(each.stage), *_figures(each))
        for each in last.values()
        if "withdrawn" not in each.evidence
    )


def _figures(each: Finding) -> tuple[object, ...]:
    # What an open one says depends on when it last said something: its figures are compared where it is over.
    if each.end_ns is None:
        return ()
    figures = [each.evidence[name] for name in ("peak", "peak_ns", "dur_min_ns", "dur_max_ns")]
    area = each.evidence["area"]
    assert isinstance(area, float)
    return (*figures, Area(area))


@settings(deadline=None)
@given(rows, gaps, st.randoms(use_true_random=False))
def test_a_fixed_limit_is_judged_as_if_no_row_had_been_late(given_rows, given_gaps, chance):
    hidden: list[Entry] = [
        Gap(f"g{number}", "train1", LT, at(start), at(start + lasts), GapCause.UNKNOWN)
        for number, (start, lasts) in enumerate(given_gaps)
    ]
    entry = {each.time_s: batch([(LT, each.time_s, each.value, each.status)]) for each in given_rows}
    in_time = hidden + [entry[time_s] for time_s in sorted(entry)]
    arrived = hidden + _arrival(given_rows, entry, chance)

    expected, _ = judged(rulebook(), in_time, set())
    said, _ = judged(rulebook(), arrived, {chance.randrange(len(arrived)) for _ in range(3)})

    assert newest(said, "T7.LT") == newest(expected, "T7.LT")


@settings(deadline=None)
@given(rows, st.lists(st.integers(1, 400), max_size=4, unique=True), st.randoms(use_true_random=False))
def test_ranges_of_phases_are_judged_as_if_no_row_had_been_late(given_rows, changes, chance):
    steps = (20.0, 30.0, 90.0, 10.0)
    timeline = {0: batch([(STEP, 0, 20.0)])} | {
        second: batch([(STEP, second - 0.5, steps[number])]) for number, second in enumerate(sorted(changes))
    }
    entry = {each.time_s: batch([(TT, each.time_s, 5 * each.value, each.status)]) for each in given_rows}
    others: list[Entry] = [timeline[second] for second in sorted(timeline)]
    last = [batch([(STEP, 420, 77.0)]), batch([(TT, 430, 20.0)])]
    late = [each for each in given_rows if each.late]
    prompt = sorted([(each.time_s, 1, entry[each.time_s]) for each in given_rows if not each.late], key=lambda e: e[:2])
    merged = sorted([*((s, 0, timeline[s]) for s in timeline), *prompt], key=lambda each: each[:2])
    arrived = [each[2] for each in merged] + [entry[each.time_s] for each in late] + last
    every = sorted([*((s, 0, timeline[s]) for s in timeline), *((s, 1, entry[s]) for s in entry)], key=lambda e: e[:2])

    expected, _ = judged(rulebook(), [each[2] for each in every] + last, set())
    said, _ = judged(rulebook(), arrived, {chance.randrange(len(arrived)) for _ in range(2)})

    assert others
    assert newest(said, "R101.TT") == newest(expected, "R101.TT")


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_what_comes_after_is_judged_as_if_no_row_had_been_late(given_rows, chance):
    entry = {each.time_s: batch([(LT, each.time_s, each.value, each.status)]) for each in given_rows}
    later: list[Entry] = [batch([(LT, 500, value)]) for value in (10.0,)] + [batch([(LT, 600, 5.0)])]
    arrived = _arrival(given_rows, entry, chance)
    expected, _ = judged(rulebook(), [*(entry[time_s] for time_s in sorted(entry)), *later], set())

    said, plant = judged(rulebook(), arrived, set())
    more = findings(plant.feed(*later))

    assert newest([*said, *more], "T7.LT") == newest(expected, "T7.LT")


def _arrival(given_rows: list[Row], entry: dict[int, Entry], chance) -> list[Entry]:
    """Late rows come anywhere after their time."""
    arrived = [each.time_s for each in sorted(given_rows, key=lambda each: each.time_s) if not each.late]
    for each in given_rows:
        if each.late:
            first = sum(time_s < each.time_s for time_s in arrived[:])
            arrived.insert(chance.randint(min(first, len(arrived)), len(arrived)), each.time_s)
    return [entry[time_s] for time_s in arrived]


assert (T0 + SECOND, len(TAGS)) == (at(1), 7)
