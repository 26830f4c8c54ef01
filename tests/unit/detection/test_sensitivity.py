from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from service.bench.reading import find, read_scenario
from simulators.tags import scenario_tags
from simulators.truth.profile import Band, Profile
from tests.bench.detection.sensitivity import section
from tests.bench.detection.sensitivity.cells import NONE, REPEATS, Cell, Pattern, Size, cells
from tests.bench.detection.sensitivity.fold import Copy, fold
from tests.bench.detection.sensitivity.page import sensitivity_page
from tests.bench.detection.sensitivity.reactors import (
    ROLES,
    SCENARIO,
    STEP_CODES,
    UNIT,
    Reactors,
    bench_rulebook,
    reactors,
    renamed,
)
from tests.bench.detection.sensitivity.streams import LATE_S, Patterns, Tick
from tests.bench.detection.sensitivity.tanks import HOLD_CELLS, HoldCell, fold_holds
from tests.bench.detection.sensitivity.verdicts import hold_row, is_found, row_of

QUIET = Cell(Pattern.NOTHING, "TT", NONE, 600, must=False)
BREACH = Cell(Pattern.STEP, "TT", Size(percent=110), 600, must=True)
COPIES = 6


def profile() -> Profile:
    """A batch that stays where it is: quicker than running normal ones."""
    middle = {"TT": 60.8, "TT2": 60.8, "PT": 0.287, "AT": 7.5}
    half = {"TT": 0.28, "TT2": 0.28, "PT": 0.007, "AT": 0.027}
    scenario = read_scenario(find(SCENARIO))
    roles = [tag.role for tag in scenario_tags(scenario).measured if tag.name == f"{UNIT}.{tag.role}"]
    low = np.array([[middle.get(role, 0.0) - half.get(role, 1.0) for role in roles]] * 1080)
    high = np.array([[middle.get(role, 0.0) + half.get(role, 1.0) for role in roles]] * 1080)
    return Profile({(UNIT, phase): Band(low, high, low, high, 10_800.0) for phase in STEP_CODES})


@pytest.fixture(scope="module")
def made() -> Reactors:
    return reactors(COPIES, profile())


def rows_of(made: Reactors, cell: Cell, role: str) -> tuple[Patterns, list[tuple[int, int, float]]]:
    """Of one copy: when delivered, when measured, what."""
    patterns = Patterns(made, [cell], seed=3)
    found = []
    for tick in patterns.ticks():
        assert isinstance(tick, Tick)
        own = tick.place == ROLES.index(role)
        found += [
            (tick.second, int(at), float(value)) for at, value in zip(tick.at_s[own], tick.value[own], strict=True)
        ]
    return patterns, found


def within(patterns: Patterns, rows: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    return [row for row in rows if patterns.begin_s[0] <= row[1] < patterns.end_s[0]]


def test_who_leaves_a_validated_range_is_found_and_who_does_nothing_is_not(made: Reactors) -> None:
    told = fold(made, [QUIET] * 3 + [BREACH] * 3, seed=1)

    assert [bool(copy.rules) for copy in told] == [False] * 3 + [True] * 3
    assert all(any(rule.startswith("excursion.validated") for rule in copy.rules) for copy in told[3:])


def test_the_same_seed_gives_the_same_stream(made: Reactors) -> None:
    once, again = (rows_of(made, BREACH, "TT")[1] for _ in range(2))

    assert once == again


def test_a_step_takes_the_value_where_its_size_says(made: Reactors) -> None:
    patterns, rows = rows_of(made, BREACH, "TT")

    nor, validated = made.ranges["TT"]
    levels = [low + 1.1 * (far - low) for low, far in zip(nor, validated, strict=True)]
    reached = np.median([value for _, _, value in within(patterns, rows)])
    assert min(abs(reached - level) for level in levels) < 0.3


def test_both_probes_see_the_process_and_only_one_its_own_bias(made: Reactors) -> None:
    moved = {}
    for pattern in (Pattern.STEP, Pattern.BIAS):
        patterns, rows = rows_of(made, replace(BREACH, pattern=pattern), "TT2")
        inside = [value for _, _, value in within(patterns, rows)]
        moved[pattern] = abs(
            np.median(inside) - np.median([value for _, at, value in rows if 120 < at < patterns.begin_s[0]])
        )

    assert moved[Pattern.STEP] > 2
    assert moved[Pattern.BIAS] < 1


def test_what_drops_out_is_not_delivered(made: Reactors) -> None:
    patterns, rows = rows_of(made, Cell(Pattern.DROPOUT, "PT", NONE, 600), "PT")

    assert within(patterns, rows) == []
    assert len(rows) > 300


def test_late_rows_come_with_their_own_times(made: Reactors) -> None:
    patterns, rows = rows_of(made, Cell(Pattern.LATE, "TT", Size(percent=50), 600), "TT")

    assert {told - at for told, at, _ in within(patterns, rows)} == {LATE_S}
    assert len(within(patterns, rows)) == 60


def test_a_frozen_instrument_repeats_itself(made: Reactors) -> None:
    patterns, rows = rows_of(made, Cell(Pattern.FROZEN, "AT", NONE, 600), "AT")

    assert len({value for _, _, value in within(patterns, rows)}) == 1


def test_a_wrong_unit_is_far_off(made: Reactors) -> None:
    patterns, rows = rows_of(made, Cell(Pattern.UNIT_ERROR, "TT", NONE, 600), "TT")

    assert min(value for _, _, value in within(patterns, rows)) > 300


def test_every_text_that_names_the_unit_names_the_copy() -> None:
    model = bench_rulebook().units["R101"]

    copied = renamed(model, "R101", "U0001")

    assert copied.name == "U0001"
    assert copied.parameters["TT"] == "U0001.TT"
    assert "R101" not in repr(copied)
    assert copied.phase_map == model.phase_map


@pytest.mark.parametrize("cell", HOLD_CELLS, ids=lambda cell: cell.name)
def test_holds_are_told_as_the_matrix_asks(cell: HoldCell) -> None:
    row = hold_row(cell, fold_holds(bench_rulebook(), "T101", cell, 2, seed=4))

    assert row.held is not False
    assert row.repeats == 2


def test_a_cell_of_59_without_a_miss_proves_95_percent() -> None:
    row = row_of(BREACH, [Copy({"excursion.validated.high"}, 10)] * REPEATS, None)

    assert row.held
    assert row.at_least == pytest.approx(0.95, abs=1e-3)


def test_a_miss_is_told_with_its_class() -> None:
    small = Cell(Pattern.STEP, "TT", Size(sigmas=3), 600)

    row = row_of(small, [Copy()] * 3, None)

    assert row.why == "within NOR, and no drift rule is configured for this tag"


def test_that_data_were_missing_does_not_tell_what_was_in_them() -> None:
    late = Cell(Pattern.LATE, "TT", Size(percent=110), 600)

    assert not is_found(late, Copy({"stale"}, 80))
    assert is_found(late, Copy({"stale"}, 80, recheck=True))


def test_a_near_miss_may_leave_nor_and_not_the_validated_range() -> None:
    near = Cell(Pattern.NEAR_MISS, "TT", Size(percent=60), 600, must=False)

    assert row_of(near, [Copy({"excursion.nor.high"}, 0)] * 2, None).held
    assert not row_of(near, [Copy({"excursion.validated.high"}, 0)] * 2, None).held


def test_the_sums_and_the_page_say_what_did_not_hold() -> None:
    rows = [
        row_of(BREACH, [Copy({"excursion.validated.high"}, 0), Copy()], None),
        row_of(QUIET, [Copy(), Copy()], None),
    ]

    told = section(rows)

    assert told.figures["found"].value == 50
    assert told.figures["told_for_nothing"].value == 0
    assert told.more["not_held"] == ["step, TT, 110 %, 10 min"]
    assert "always (**not so**)" in sensitivity_page(rows, 2, 1)


def test_every_pattern_has_a_cell_and_no_cell_is_twice() -> None:
    named = [cell.name for cell in cells()]

    assert len(set(named)) == len(named)
    assert {cell.pattern for cell in cells()} == set(Pattern)
    assert {cell.name for cell in cells()} <= {cell.name for cell in cells(whole=True)}
