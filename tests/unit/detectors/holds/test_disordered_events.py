"""Events of a hold that come twice, too late, in the wrong order, or of batches that are split, merged and made again."""

from dataclasses import replace

import pytest

from domain.entries import ActionKind, BatchEvent, Entry, EventKind, Heartbeat
from domain.equipment import UnitModel
from domain.holds import Budget
from tests.unit.detectors.holds.test_inherited import BEFORE, TANK, WARM, beat, correct, in_place, level, made, stay
from tests.unit.detectors.holds.test_inherited import rules as tank_rules
from tests.unit.detectors.plant import BATCH, MINUTE, SECOND, T201, Plant, at, of_rule, rulebook, texts

HOLD = replace(TANK, limit_ns=10 * MINUTE)


def told(id_: str, kind: str, minute: float, **more: str) -> Entry:
    made_ = BatchEvent(id_, "floor", EventKind(kind), at(minute * 60), at(minute * 60 + 1), batch="B-1")
    return replace(made_, **more)


def comes_in(minute: float) -> list[Entry]:
    name = f"in{minute}"
    return [
        told(name, "transfer_start", minute, to_unit="T201"),
        told(f"{name}.", "transfer_end", minute + 0.5, to_unit="T201"),
    ]


def leaves(minute: float) -> list[Entry]:
    name = f"out{minute}"
    return [
        told(name, "transfer_start", minute - 0.5, from_unit="T201"),
        told(f"{name}.", "transfer_end", minute, from_unit="T201"),
    ]


def tank() -> Plant:
    """A tank that is told by events alone, and holds B-1."""
    budgets = {"all": Budget("all", 11 * MINUTE)}
    rules = rulebook(units={"T201": UnitModel("T201", {})}, tags={}, recipes={}, holds={"warm": HOLD}, budgets=budgets)
    plant = Plant(rules)
    plant.feed(beat(-1), told("b", "batch_start", -20, unit="T201"))
    return plant


def test_of_two_starts_the_first_counts_and_of_two_stops_the_last():
    plant = tank()
    plant.feed(*comes_in(0), beat(1), *comes_in(3), *leaves(8), beat(9), *leaves(10.5), beat(13))

    ended = of_rule(plant.said, "hold.breach")[-1]
    assert (ended.subject, ended.stage, ended.evidence["started_ns"]) == ("warm", "cleared", at(0))
    assert ended.evidence["elapsed_max_ns"] == round(10.5 * MINUTE)
    assert plant.detector.running_holds() == ()


@pytest.mark.parametrize(("stop", "is_over"), [(8, False), (12, True)])
def test_a_start_that_is_told_after_its_stop_completes_the_stay_and_begins_no_other(stop, is_over):
    plant = tank()
    plant.feed(*leaves(stop), beat(13))
    (missing,) = of_rule(plant.said, "hold.indeterminate")

    plant = plant.restarted()
    said = plant.feed(*comes_in(0), beat(14), beat(100))

    (again,) = of_rule(said, "hold.indeterminate")
    assert (again.id, again.version, again.evidence["elapsed_max_ns"]) == (missing.id, 2, stop * MINUTE)
    breaches = [(each.subject, each.stage) for each in of_rule(said, "hold.breach")]
    assert breaches == [(name, stage) for name in ("warm", "all") for stage in ("open", "cleared")][: 4 * is_over]
    assert plant.detector.running_holds() == ()


def test_of_two_stops_without_a_start_the_last_counts_once_the_start_is_told():
    plant = tank()
    plant.feed(*leaves(8), *leaves(9), beat(11), *comes_in(0), beat(12), beat(100))

    assert of_rule(plant.said, "hold.indeterminate")[-1].evidence["elapsed_max_ns"] == 9 * MINUTE


def test_a_second_start_that_is_told_after_the_stop_and_lies_before_it_begins_nothing():
    plant = tank()
    plant.feed(*comes_in(0), beat(1), *leaves(4), beat(5), *comes_in(2), beat(6), beat(100))

    assert of_rule(plant.said, "hold.breach") == []
    assert plant.detector.running_holds() == ()


def test_a_start_after_the_stop_begins_the_next_stay():
    plant = tank()
    plant.feed(*comes_in(0), beat(1), *leaves(4), beat(5), *comes_in(4), beat(6))

    (row,) = plant.detector.running_holds()
    assert row.started_ns == at(4 * 60)


def test_a_breach_whose_stop_is_told_only_then_was_none():
    plant = tank()
    plant.feed(*comes_in(0), beat(1), beat(10.3), *leaves(8), beat(10.5))

    opened, ended = of_rule(plant.said, "hold.breach")
    assert (ended.id, ended.stage, ended.evidence["withdrawn"]) == (opened.id, "cleared", "disproved")


def test_a_start_that_a_person_tells_after_the_breach_of_what_was_there_before_the_service_is_its_next_version():
    plant = Plant(tank_rules(HOLD, 100))
    plant.feed(texts([(BATCH, 0, "B-1")]), BEFORE[1], *(beat(minute) for minute in (0.1, 0.2, 9, 11)))
    (breach,) = of_rule(plant.said, "hold.breach")

    again = plant.feed(correct(ActionKind.HOLD_START, "B-1", -30))

    (found,) = of_rule(again, "hold.breach")
    assert (found.id, found.version, found.stage) == (breach.id, 2, "open")
    assert found.evidence["elapsed_max_ns"] > 40 * MINUTE


def test_three_parts_of_a_batch_that_are_worked_again_and_merged_inherit_the_longest_way():
    plant = Plant(tank_rules(TANK, 25))
    plant.feed(*BEFORE, *stay("B-1", 0, 10), made("split", 10.5, ("B-1",), ("S-1", "S-2", "S-3")))
    plant.feed(*stay("S-2", 11, 14), *stay("S-3", 15, 20), made("rework", 21, ("S-2",), ("R-2",)))
    plant.feed(made("merge", 22, ("R-2", "S-3", "S-1"), ("M-1",)), *stay("M-1", 23, 33.01))

    (opened, _) = of_rule(plant.said, "hold.breach")
    assert (opened.batch, opened.evidence["inherited_max_ns"]) == ("M-1", 15 * MINUTE)


def test_a_part_that_is_worked_again_where_it_waits_goes_on_from_the_first_start():
    plant = Plant(tank_rules(TANK, 25))
    plant.feed(*in_place(5, 6), beat(9), made("rework", 10, ("S-1",), ("R-1",)), texts([(BATCH, 630, "R-1")]))
    plant.feed(*(beat(minute) for minute in (11, 12, 25)))
    assert of_rule(plant.said, "hold.breach") == []

    (breach,) = of_rule(plant.feed(beat(25.01)), "hold.breach")

    assert (breach.batch, breach.evidence["elapsed_max_ns"]) == ("R-1", round(25.01 * MINUTE))


def test_a_merge_of_two_with_different_budgets_inherits_of_each():
    unit = replace(T201, batch_tag="R101.BATCH")
    holds = {"a": replace(TANK, name="a", budget="cold"), "b": replace(WARM, name="b", budget="hot")}
    budgets = {"cold": Budget("cold", 15 * MINUTE), "hot": Budget("hot", 8 * MINUTE)}
    plant = Plant(rulebook(units={"T201": unit}, tags={}, recipes={}, holds=holds, budgets=budgets))
    plant.feed(*BEFORE, *stay("B-1", 0, 10), level(11.5, 12.0), *stay("B-2", 12, 18), level(18.5, 12.0))
    plant.feed(level(19.5, 4.0), made("merge", 20, ("B-1", "B-2"), ("M-1",)), *stay("M-1", 21, 27), level(28, 4.0))

    inherited = {
        (each.subject, each.batch): each.evidence["inherited_max_ns"] for each in of_rule(plant.said, "hold.breach")
    }
    assert inherited == {("cold", "M-1"): 10 * MINUTE}
    plant.feed(
        texts([(BATCH, 29 * 60, "M-1")]), *stay("M-1", 29, 30)[1:4], level(29.5, 12.0), level(33, 12.0), beat(33)
    )
    breach = of_rule(plant.said, "hold.breach")[-1]
    assert (breach.subject, breach.evidence["inherited_max_ns"]) == ("hot", 6 * MINUTE)


@pytest.mark.parametrize("step_min", [30, -30])
def test_a_step_of_the_tanks_clock_within_a_hold_of_what_became_another_batch_is_no_waiting(step_min):
    plant = Plant(tank_rules(TANK, 25))
    plant.feed(*in_place(5, 6))
    step_ns = step_min * MINUTE
    for minute, skew_ns in ((8, 0), (8.1, 0), (8.2, step_ns), (8.3, step_ns), (24.9, step_ns)):
        plant.feed(Heartbeat("train1", at(minute * 60), connected=True, skew_ns=skew_ns))

    assert of_rule(plant.said, "hold.breach") == []
    (row,) = plant.detector.running_budgets()
    assert abs(row.used_max_ns - 24.9 * MINUTE) < SECOND
