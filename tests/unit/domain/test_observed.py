"""How much was observed, and how much of it in range: exact, and never more than the record proves."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.observed import Course, Observed, Window, Within, joined, observe
from domain.recipes import Limits, RangeKind
from domain.time import SECOND_NS

KIND = RangeKind.VALIDATED
LIMITS = Limits(0.0, 10.0)


def course(*rows: tuple[int, float], gaps: tuple[tuple[int, int], ...] = ()) -> Course:
    """Rows as (second, value); NaN proves nothing. Gaps in seconds."""
    time_ns = np.array([time_s * SECOND_NS for time_s, _ in rows], dtype=np.int64)
    value = np.array([each for _, each in rows], dtype=np.float64)
    return Course(time_ns, value, np.isfinite(value), [(a * SECOND_NS, b * SECOND_NS) for a, b in gaps])


def seen(rows: Course, start_s: int, end_s: int, limits: Limits = LIMITS, phase_s: int | None = None) -> Observed:
    phase_s = start_s if phase_s is None else phase_s
    return observe(rows, Window(phase_s * SECOND_NS, start_s * SECOND_NS, end_s * SECOND_NS), {KIND: limits})


def in_seconds(within: Within) -> tuple[float, float, float, float]:
    told = (within.inside_ns, within.above_ns, within.below_ns, within.unproven_ns)
    return tuple(each / SECOND_NS for each in told)  # type: ignore[return-value]


def test_a_whole_phase_in_range_is_observed_to_its_last_nanosecond() -> None:
    found = seen(course(*((second, 5.0) for second in range(0, 101, 10))), 0, 100)

    assert (found.observed_ns, in_seconds(found.within[KIND])) == (100 * SECOND_NS, (100, 0, 0, 0))


def test_a_gap_is_not_in_range_though_both_sides_of_it_are() -> None:
    rows = course(*((second, 5.0) for second in range(101)), gaps=((60, 72),))

    found = seen(rows, 0, 100)

    assert (found.unobserved_ns, in_seconds(found.within[KIND])) == (12 * SECOND_NS, (88, 0, 0, 12))


def test_bad_quality_is_not_in_range_from_its_time_to_the_next_proven_sample() -> None:
    found = seen(course((0, 5.0), (40, np.nan), (41, np.nan), (50, 5.0), (100, 5.0)), 0, 100)

    assert in_seconds(found.within[KIND]) == (90, 0, 0, 10)


def test_the_limit_itself_is_inside_and_an_open_end_is_not() -> None:
    rows = course((0, 10.0), (100, 10.0))

    assert in_seconds(seen(rows, 0, 100).within[KIND]) == (100, 0, 0, 0)
    assert in_seconds(seen(rows, 0, 100, Limits(0.0, 10.0, high_open=True)).within[KIND])[0] == 0


def test_an_excursion_lasts_from_crossing_to_crossing() -> None:
    found = seen(course((0, 8.0), (10, 12.0), (20, 8.0), (30, 8.0)), 0, 30)

    assert in_seconds(found.within[KIND]) == (20, 10, 0, 0)


def test_a_line_from_below_to_above_is_inside_on_its_way() -> None:
    found = seen(course((0, 5.0), (10, -5.0), (30, 15.0), (40, 5.0), (60, 5.0)), 0, 60)

    assert in_seconds(found.within[KIND]) == (5 + 10 + 5 + 20, 10, 10, 0)


def test_a_crossing_hidden_by_a_gap_is_not_proven_from_the_gap_to_the_sample() -> None:
    found = seen(course((0, 5.0), (50, 15.0), (60, 15.0), (100, 15.0), gaps=((20, 30),)), 0, 100)

    assert found.unobserved_ns == 10 * SECOND_NS
    assert in_seconds(found.within[KIND]) == (20, 10, 0, 70)  # behind the last sample of the phase nothing is proven


def test_behind_the_newest_sample_nothing_is_observed() -> None:
    found = seen(course((0, 5.0), (60, 5.0)), 0, 100)

    assert (found.observed_ns, in_seconds(found.within[KIND])) == (60 * SECOND_NS, (60, 0, 0, 40))


def test_a_silent_tag_is_observed_where_a_later_sample_says_the_same() -> None:
    found = seen(course((-500, 5.0), (500, 5.0)), 0, 100)

    assert in_seconds(found.within[KIND]) == (100, 0, 0, 0)


def test_what_the_phase_before_left_outside_is_not_proven_inside() -> None:
    found = seen(course((-5, 80.0), (5, 5.0), (100, 5.0)), 0, 100)

    assert in_seconds(found.within[KIND]) == (95, 0, 0, 5)


def test_nothing_is_proven_of_a_tag_without_samples() -> None:
    found = seen(course(), 0, 100)

    assert (found.observed_ns, found.mean, in_seconds(found.within[KIND])) == (0, None, (0, 0, 0, 100))


def test_the_mean_is_weighted_by_time_and_has_values_at_both_ends() -> None:
    found = seen(course((-10, 0.0), (10, 2.0), (20, 2.0), (110, 11.0)), 0, 100)

    assert (found.least, found.most) == (1.0, 10.0)
    assert found.mean == (1.5 * 10 + 2.0 * 10 + 6.0 * 80) / 100


def slow(rows: Course, window: Window, limits: Limits) -> tuple[int, int, int, int, int]:
    """The same by walking every second of lines with whole numbers: (observed, inside, above, below, unproven)."""
    good = [at for at in range(len(rows.time_ns)) if rows.ok[at]]
    observed = inside = above = below = 0
    low, high = limits.low, limits.high
    assert low is not None
    assert high is not None

    def side(value: float) -> int:
        return int(value > high) - int(value < low)

    for first, second in itertools.pairwise(good):
        a_ns, b_ns = int(rows.time_ns[first]), int(rows.time_ns[second])
        one, other = side(rows.value[first]), side(rows.value[second])
        dark = [(int(rows.time_ns[first + 1]), b_ns)] if second > first + 1 else []
        dark = joined([*dark, *((max(s, a_ns), min(e, b_ns)) for s, e in rows.gaps if s < b_ns and e > a_ns)])
        for from_ns in range(max(a_ns, window.start_ns), min(b_ns, window.end_ns), SECOND_NS):
            to_ns = from_ns + SECOND_NS
            hidden = any(start < to_ns and end > from_ns for start, end in dark)
            observed += SECOND_NS * (not hidden)
            is_lead, is_tail = a_ns < window.start_ns, b_ns >= window.end_ns
            ends = (is_lead and (one or other)) or (is_tail and one)
            if hidden or ends or (one != other and dark and from_ns >= dark[0][0]):
                continue
            if one == other or dark:
                state = one
            else:
                continue  # a line that changes sides: counted by the crossing below
            inside, above, below = (
                inside + SECOND_NS * (state == 0),
                above + SECOND_NS * (state > 0),
                below + SECOND_NS * (state < 0),
            )
        if one != other and not dark and b_ns > a_ns:
            inside, above, below = _crossed(rows, first, second, window, limits, (inside, above, below))
    whole = window.whole_ns
    return observed, inside, above, below, whole - inside - above - below


def _crossed(rows, first, second, window, limits, so_far):
    a_ns, b_ns = int(rows.time_ns[first]), int(rows.time_ns[second])
    va, vb = float(rows.value[first]), float(rows.value[second])
    outside_first = va > limits.high or va < limits.low
    if a_ns < window.start_ns or (b_ns >= window.end_ns and outside_first):
        return so_far
    marks = {a_ns, b_ns}
    for limit in (limits.low, limits.high):
        if min(va, vb) <= limit <= max(va, vb):
            marks.add(a_ns + round((limit - va) / (vb - va) * (b_ns - a_ns)))
    inside, above, below = so_far
    for start, end in itertools.pairwise(sorted(marks)):
        value = va + (vb - va) * ((start + end) / 2 - a_ns) / (b_ns - a_ns)
        span = max(0, min(end, window.end_ns) - max(start, window.start_ns))
        if value > limits.high and b_ns < window.end_ns:
            above += span
        elif value < limits.low and b_ns < window.end_ns:
            below += span
        elif limits.low <= value <= limits.high:
            inside += span
    return inside, above, below


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-20, 70), st.sampled_from([-8.0, 0.0, 5.0, 10.0, 12.0, 18.0, np.nan])),
        unique_by=lambda row: row[0],
        max_size=25,
    ),
    st.lists(st.tuples(st.integers(-25, 70), st.integers(1, 15)), max_size=4),
)
def test_it_is_what_an_independent_slow_count_says(rows: list[tuple[int, float]], gaps: list[tuple[int, int]]) -> None:
    whole = joined([(start * SECOND_NS, (start + long) * SECOND_NS) for start, long in gaps])
    bare = course(*sorted(rows))
    told = Course(bare.time_ns, bare.value, bare.ok, whole)
    window = Window(0, 0, 50 * SECOND_NS)

    found = observe(told, window, {KIND: LIMITS})

    within = found.within[KIND]
    counted = (within.inside_ns, within.above_ns, within.below_ns, within.unproven_ns)
    assert (found.observed_ns, *counted) == slow(told, window, LIMITS)
    assert sum(counted) == window.whole_ns
    assert within.unproven_ns >= found.unobserved_ns
