"""Rows of a condition's tag that come late, in any order: once judged again, holds are those of the rows in time."""

from dataclasses import dataclass, replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.entries import Entry, Gap, GapCause, Heartbeat
from domain.findings import Finding, FindingId
from domain.holds import Budget, Condition, Hold, HoldKind, HoldMode
from domain.status import BAD
from tests.unit.detectors.plant import BATCH, IN, LT, OUT, SECOND, T201, at, batch, rulebook, texts
from tests.unit.detectors.record import judged

WITHIN = Condition("T7.LT", 2.0, 8.0)
ABOVE = Condition("T7.LT", None, 8.0)
TANK = Hold("cold", HoldKind.INTERMEDIATE, "T201", "first_transfer_in", "last_transfer_out", 60 * SECOND)
HOLDS = {
    each.name: each
    for each in (
        replace(TANK, mode=HoldMode.IN_CONDITION, condition=WITHIN, limit_ns=300 * SECOND),
        replace(TANK, name="counted", mode=HoldMode.IN_CONDITION, condition=WITHIN, counts_in_condition=True),
        replace(TANK, name="warm", mode=HoldMode.OVER_TEMPERATURE, condition=ABOVE),
        replace(TANK, name="shared", mode=HoldMode.OVER_TEMPERATURE, condition=ABOVE, limit_ns=None, budget="all"),
    )
}
FIGURES = (
    *("elapsed_min_ns", "elapsed_max_ns", "counted_min_ns", "counted_max_ns", "outside_min_ns", "outside_max_ns"),
    *("peak", "excursions", "hold_outside_min_ns", "hold_outside_max_ns", "limit_ns", "stays"),
)


def rules():
    unit = replace(T201, batch_tag="R101.BATCH")
    return rulebook(units={"T201": unit}, tags={}, recipes={}, holds=HOLDS, budgets={"all": Budget("all", 50 * SECOND)})


@dataclass(frozen=True)
class Row:
    time_s: int
    value: float
    status: int
    late: bool


values = st.sampled_from([1.0, 2.0, 5.0, 8.0, 9.0, 12.0]) | st.floats(0, 12)
row = st.builds(Row, st.integers(1, 399), values, st.sampled_from([0, 0, 0, 0, BAD]), st.booleans())
rows = st.lists(row, min_size=1, max_size=30, unique_by=lambda each: each.time_s)
gaps = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 100)), max_size=2)
ends = st.tuples(st.integers(0, 199), st.integers(200, 500))


def newest(said: list[Finding]) -> list[tuple[object, ...]]:
    """What stands in the end: excursions, and breaches that are none are not told apart from none."""
    told = [each for each in said if each.rule in ("hold.out_of_condition", "hold.breach")]
    last = {each.id: each for each in told if each.subject != "all"}
    # A budget tells of itself at each stay that counts to it: the newest of that stands.
    last |= {FindingId("all"): each for each in told if each.subject == "all"}
    return sorted(
        (each.rule, each.subject, *_when(each), str(each.stage), _figures(each))
        for each in last.values()
        if "withdrawn" not in each.evidence
    )


def _when(each: Finding) -> tuple[int, int]:
    return (0, 0) if each.subject == "all" else (each.onset_ns, each.end_ns or 0)


def _figures(each: Finding) -> str:
    # What an open one says depends on when it last said something: its figures are compared where it is over.
    return "" if each.end_ns is None else str([each.evidence.get(name) for name in FIGURES])


def transfers(start: int, stop: int) -> list[tuple[float, Entry]]:
    on_off = [(IN, start, 1.0), (IN, start + 0.2, 0.0), (OUT, stop - 0.2, 1.0), (OUT, stop, 0.0)]
    return [(each[1], batch([each])) for each in on_off]


def merged(*timed: list[tuple[float, Entry]]) -> list[Entry]:
    return [entry for _, entry in sorted([each for some in timed for each in some], key=lambda each: each[0])]


BEFORE: list[Entry] = [texts([(BATCH, -60, "B-1")]), batch([(IN, -60, 0.0), (OUT, -60, 0.0)])]


@settings(deadline=None, max_examples=150, phases=(Phase.explicit, Phase.generate))
@given(rows, gaps, st.lists(ends, min_size=1, max_size=2), st.booleans(), st.randoms(use_true_random=False))
def test_holds_are_judged_as_if_no_row_had_been_late(given_rows, given_gaps, stays, reaches_the_end, chance):
    hidden: list[Entry] = [
        Gap(f"g{number}", "train1", LT, at(start), at(start + lasts), GapCause.UNKNOWN)
        for number, (start, lasts) in enumerate(given_gaps)
    ]
    entry = {each.time_s: batch([(LT, each.time_s, each.value, each.status)]) for each in given_rows}
    around = [
        each
        for number, (start, stop) in enumerate(stays)
        for each in transfers(start + 600 * number, stop + 600 * number)
    ]
    last = [(2000.0, batch([(LT, 2000, 5.0)]))] if reaches_the_end else []
    prompt = [(float(each.time_s), entry[each.time_s]) for each in given_rows if not each.late]
    late = [entry[each.time_s] for each in given_rows if each.late]
    chance.shuffle(late)
    arrived = merged(around, prompt)
    for each in late:
        arrived.insert(chance.randint(_after(arrived, each), len(arrived)), each)
    in_time = merged(around, [(float(time_s), each) for time_s, each in entry.items()])
    over: list[Entry] = [*(each for _, each in last), Heartbeat("train1", at(3000), connected=True)]

    expected, _ = judged(rules(), [*BEFORE, *hidden, *in_time, *over], set())
    asked = {chance.randrange(len(arrived) + 1) for _ in range(3)}
    said, _ = judged(rules(), [*BEFORE, *hidden, *arrived, *over], asked)

    assert newest(said) == newest(expected)


def _after(arrived: list[Entry], late: Entry) -> int:
    """The first place at which nothing that comes behind it was before it."""
    earlier = [place for place, each in enumerate(arrived) if int(each.time_ns[0]) <= int(late.time_ns[0])]
    return max(earlier, default=-1) + 1
