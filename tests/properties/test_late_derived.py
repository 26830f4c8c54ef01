"""Late rows of a parameter or of its set point: once judged again, what is derived is what it is of rows in time."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.entries import Entry
from domain.findings import Finding
from domain.recipes import DwellRanges, Limits, ParameterRanges, Phase, RangeKind, RateRanges, Recipe
from domain.status import BAD
from tests.unit.detectors.plant import (
    BATCH,
    LT,
    PT,
    R101,
    SECOND,
    STEP,
    TT,
    at,
    batch,
    findings,
    ranges,
    rulebook,
    texts,
)
from tests.unit.detectors.record import judged

_PROVEN = {RangeKind.VALIDATED: Limits(30 * SECOND, 120 * SECOND)}
_RATE = RateRanges("feed", "PT", "bar/min", 20 * SECOND, falling=False, ranges={RangeKind.NOR: Limits(-9.0, 9.0)})
_PHASE = Phase(
    "dose",
    {
        "TT": ParameterRanges("TT", "degC", "", {}, 0, "V", "TSP", {RangeKind.NOR: Limits(-2.0, 2.0)}),
        "PT": replace(ranges((0.0, 9.0), (0.0, 20.0)), parameter="PT", unit="bar", reference=""),
    },
    rates={"feed": _RATE},
    dwells={"hot": DwellRanges("hot", "TT", "degC", Limits(9.0, None), _PROVEN, "V")},
)


def rules():
    recipe = Recipe("API-1", 7, "CR-1", {name: replace(_PHASE, name=name) for name in ("charge", "dose", "cool")})
    unit = replace(R101, parameters={**R101.parameters, "TSP": "T7.LT"})
    return rulebook(recipes={"API-1": recipe}, units={"R101": unit}, tags={}, holds={})


row = st.tuples(
    st.integers(7, 300),
    st.sampled_from([TT, TT, LT, PT]),
    st.sampled_from([5.0, 7.0, 8.0, 9.0, 10.0, 11.5, 12.0]) | st.floats(0, 15),
    st.sampled_from([0, 0, 0, 0, BAD]),
    st.booleans(),
)
rows = st.lists(row, min_size=1, max_size=40, unique_by=lambda each: each[0])


def newest(said: list[Finding]) -> list[tuple[object, ...]]:
    """What stands in the end, but for `outside_nor`, which follows from it."""
    last = {each.id: each for each in said if each.rule.startswith(("excursion.", "dwell."))}
    return sorted(
        (each.rule, each.subject, each.phase, each.onset_ns, each.end_ns or 0, str(each.stage), *_figures(each))
        for each in last.values()
        if "withdrawn" not in each.evidence
    )


def _figures(each: Finding) -> tuple[object, ...]:
    if each.end_ns is None:
        return ()
    area = each.evidence.get("area", 0.0)
    assert isinstance(area, float)
    names = ("peak", "peak_ns", "dur_min_ns", "dur_max_ns")
    return (*(str(each.evidence.get(name)) for name in names), f"{area:.4f}")


def timeline(given_rows) -> tuple[list[Entry], dict[int, Entry], list[Entry]]:
    """What tells the phase, the rows by their second, and what comes last."""
    first = [texts([(BATCH, 0.0, "B-17")]), batch([(STEP, 0, 20.0), (LT, 1, 9.0), (TT, 6, 9.0), (PT, 6, 1.0)])]
    entry = {each[0]: batch([(each[1], each[0], each[2], each[3])]) for each in given_rows}
    # Each tag reaches the end: then late rows lie behind it.
    last = [batch([(LT, 305, 9.0)]), batch([(TT, 306, 9.0), (PT, 306, 1.0)])]
    return first, entry, last


@settings(deadline=None)
@given(rows, st.booleans(), st.randoms(use_true_random=False))
def test_set_points_rates_and_times_are_judged_as_if_no_row_had_been_late(given_rows, ends, chance):
    first, entry, last = timeline(given_rows)
    order = [each[0] for each in sorted(given_rows) if not each[4]]
    for second in [each[0] for each in given_rows if each[4]]:
        earliest = sum(other < second for other in order)
        order.insert(chance.randint(min(earliest, len(order)), len(order)), second)
    over: list[Entry] = [batch([(STEP, 320, 77.0)]), batch([(TT, 340, 9.0)])] if ends else []

    expected, _ = judged(rules(), [*first, *(entry[second] for second in sorted(entry)), *last, *over], set())
    said, _ = judged(
        rules(), [*first, *(entry[second] for second in order), *last, *over], {chance.randrange(len(order))}
    )

    assert newest(said) == newest(expected)


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_what_follows_and_a_restart_go_on_from_what_was_judged_again(given_rows, chance):
    first, entry, last = timeline(given_rows)
    order = [each[0] for each in given_rows]
    chance.shuffle(order)
    over: list[Entry] = [batch([(TT, 320, 12.0)]), batch([(STEP, 330, 77.0)]), batch([(TT, 350, 9.0)])]
    expected, _ = judged(rules(), [*first, *(entry[second] for second in sorted(entry)), *last, *over], set())

    said, plant = judged(rules(), [*first, *(entry[second] for second in order), *last], set())
    again = plant.restarted()
    more = findings(again.feed(*over))

    assert newest([*said, *more]) == newest(expected)


def both(*rows: tuple[int, float, float]) -> list[Entry]:
    return [batch([each]) for each in rows]


def test_late_rows_make_and_unmake_two_parameters_outside_at_once():
    first, _, _ = timeline([])
    live = both((PT, 10, 12.0), (TT, 10, 9.0), (PT, 40, 12.0), (TT, 40, 9.0))
    made, _ = judged(rules(), [*first, *live, *both((TT, 20, 15.0))], set())
    unmade, _ = judged(rules(), [*first, *both((PT, 10, 12.0), (TT, 10, 9.0), (TT, 40, 15.0), (LT, 10, 15.0))], set())

    together = [each for each in made if each.rule == "outside_nor"]
    assert [(str(each.stage), each.evidence["tags"]) for each in together] == [("cleared", "R101.PT, R101.TT")]
    assert together[0].evidence["rejudged"] is not None
    newest_one = [each for each in unmade if each.rule == "outside_nor"][-1]
    assert "tags" in newest_one.evidence or "withdrawn" in newest_one.evidence


def test_a_set_point_that_comes_after_a_later_sample_counts_from_its_own_time_once_judged_again():
    first, _, _ = timeline([])
    said, _ = judged(rules(), [*first, *both((TT, 10, 10.0), (TT, 20, 10.0), (LT, 15, 5.0), (TT, 25, 10.0))], set())

    newest_one = [each for each in said if each.rule == "excursion.nor.high"][-1]
    assert newest_one.onset_ns == at(15)
    assert newest_one.evidence["rejudged"] is not None
