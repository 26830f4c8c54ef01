"""What of a hold's time counts, who shares a budget, what is forecast, and what a person corrects."""

from dataclasses import replace

import pytest

from detectors.holds.clocks import SourceClock, elapsed
from detectors.holds.kinetic import mean_kinetic_c, rate
from domain.entries import ActionKind, BatchEvent, EventKind, Gap, GapCause, PersonAction, Position
from domain.holds import Budget, Condition, Hold, HoldDecision, HoldKind, HoldMode, Storage
from domain.shifts import Shifts
from tests.unit.detectors.plant import (
    BAD,
    BATCH,
    HOUR,
    IN,
    MINUTE,
    OUT,
    SECOND,
    T0,
    T201,
    TT,
    Plant,
    at,
    batch,
    of_rule,
    rulebook,
    texts,
)

H = HOUR / SECOND
COLD = Condition("R101.TT", 2.0, 8.0)
TANK = Hold("crude", HoldKind.INTERMEDIATE, "T201", "first_transfer_in", "last_transfer_out", 10 * HOUR, study="HT-31")


def tank(*rows: tuple[int, float, float], rules: dict[str, object] | None = None, **changed: object) -> Plant:
    """A plant of one tank; material comes in at 0."""
    made = {"units": {"T201": T201}, "tags": {}, "recipes": {}, "holds": {"crude": replace(TANK, **changed)}}
    plant = Plant(rulebook(**{**made, **(rules or {})}))
    plant.samples((IN, -60, 0.0), (OUT, -60, 0.0), (TT, -60, 5.0), (IN, 0, 1.0), (IN, 60, 0.0), *rows)
    return plant


def emptied(plant: Plant, hours: float) -> list:
    return plant.samples((OUT, hours * H - 60, 1.0), (OUT, hours * H, 0.0), (TT, hours * H, 5.0))


def test_time_out_of_condition_does_not_stop_the_clock_and_is_a_finding_with_its_minutes():
    plant = tank(mode=HoldMode.IN_CONDITION, condition=COLD)
    plant.samples((TT, H, 6.0), (TT, H + 120, 10.0), (TT, H + 600, 9.0), (TT, H + 720, 7.0))

    opened, cleared = of_rule(plant.said, "hold.out_of_condition")
    assert opened.onset_ns == at(H + 60)
    assert cleared.end_ns == at(H + 660)
    assert cleared.evidence["outside_min_ns"] == cleared.evidence["outside_max_ns"] == 10 * MINUTE
    assert cleared.evidence["peak"] == 10.0
    assert "not between 2 °C and 8 °C for 10 min" in cleared.message
    assert of_rule(plant.beat(10 * H), "hold.breach") == []
    assert len(of_rule(plant.beat(10 * H + 1), "hold.breach")) == 1


@pytest.mark.parametrize(("value", "found"), [(8.0, 0), (8.000000000000002, 1)])
def test_the_limit_of_a_condition_is_inside_and_the_next_number_is_not(value, found):
    plant = tank(mode=HoldMode.IN_CONDITION, condition=COLD)
    plant.samples((TT, H, value))

    assert len(of_rule(plant.said, "hold.out_of_condition")) == found


def test_by_name_only_time_in_condition_counts():
    plant = tank(mode=HoldMode.IN_CONDITION, condition=COLD, counts_in_condition=True)
    plant.samples((TT, H, 6.0), (TT, H + 120, 10.0), (TT, H + 600, 10.0), (TT, H + 720, 6.0), (TT, 10 * H + 660, 6.0))

    assert of_rule(plant.beat(10 * H + 600), "hold.breach") == []
    (breach,) = of_rule(plant.beat(10 * H + 601), "hold.breach")
    assert breach.evidence["counted_min_ns"] == 10 * HOUR + SECOND
    assert breach.evidence["elapsed_min_ns"] == 10 * HOUR + 601 * SECOND


def test_only_time_above_the_temperature_counts_by_its_crossings():
    plant = tank(mode=HoldMode.OVER_TEMPERATURE, condition=Condition("R101.TT", None, 8.0), limit_ns=HOUR)
    plant.samples((TT, H, 6.0), (TT, H + 120, 10.0), (TT, 2 * H + 60, 10.0))

    assert of_rule(plant.beat(2 * H + 60), "hold.breach") == []
    said = plant.samples((TT, 2 * H + 120, 6.0))
    assert said == []
    said = emptied(plant, 5)
    (_, cleared) = of_rule(said, "hold.breach")
    assert cleared.evidence["counted_min_ns"] == cleared.evidence["counted_max_ns"] == HOUR + 30 * SECOND
    assert cleared.message == ("crude has ended: it has been above 8 °C for 1 h 00 min, over its limit of 1 h 00 min.")


def test_what_bad_quality_hides_may_all_have_been_above():
    plant = tank(mode=HoldMode.OVER_TEMPERATURE, condition=Condition("R101.TT", None, 8.0), limit_ns=HOUR)
    plant.feed(batch([(TT, H, 5.0, BAD)]))

    assert of_rule(plant.beat(2 * H), "hold.breach") == []
    (breach,) = of_rule(plant.beat(2 * H + 1), "hold.breach")
    assert (breach.evidence["counted_min_ns"], breach.evidence["counted_max_ns"]) == (0, HOUR + SECOND)
    assert "perhaps over its limit" in breach.message


def test_a_gap_told_after_its_samples_hides_as_much():
    plant = tank(mode=HoldMode.OVER_TEMPERATURE, condition=Condition("R101.TT", None, 8.0), limit_ns=HOUR)
    plant.samples((TT, H, 5.0), (TT, 4 * H, 5.0))
    plant.feed(Gap("g", "train1", TT, at(2 * H), at(3 * H + 1), GapCause.OVERFLOW))

    (breach,) = of_rule(plant.beat(4 * H), "hold.breach")
    assert (breach.evidence["counted_min_ns"], breach.evidence["counted_max_ns"]) == (0, HOUR + SECOND)


def test_an_endpoint_has_no_limit_warns_where_asked_and_is_recorded():
    plant = tank(mode=HoldMode.ENDPOINT, limit_ns=None, warn_after_ns=(6 * HOUR,))

    (warning,) = plant.beat(6 * H)
    assert warning.rule == "hold.warning"
    assert of_rule(plant.beat(1000 * H), "hold.breach") == []
    (record,) = of_rule(emptied(plant, 1001), "hold.record")
    assert (record.stage, record.evidence["elapsed_min_ns"]) == ("cleared", 1001 * HOUR)


def test_a_stores_mean_kinetic_temperature_is_evidence():
    plant = tank(storage=Storage("R101.TT", 24 * HOUR))
    plant.samples((TT, 10, 20.0), *((TT, number * H, 20.0) for number in range(1, 9)))

    (record,) = of_rule(emptied(plant, 9), "hold.record")
    assert record.evidence["mean_kinetic_degC"] == pytest.approx(20.0, abs=0.3)
    assert record.evidence["study"] == "HT-31"


@pytest.mark.parametrize(
    ("temperatures", "weights", "expected"),
    [([25], [1], 25.0), ([25, 40], [700, 20], 25.9364), ([20, 30], [23, 1], 20.7163), ([5, 15], [44, 4], 6.4623)],
)
def test_the_mean_kinetic_temperature_is_as_published(temperatures, weights, expected):
    weighted = sum(weight * rate(each, 83_144) for each, weight in zip(temperatures, weights, strict=True))

    assert mean_kinetic_c(weighted, sum(weights), 83_144) == pytest.approx(expected, abs=5e-5)


THREE = Shifts("UTC", (6 * 3600, 14 * 3600, 22 * 3600), ((0, 0),))  # T0 is 09:00 UTC


def test_what_runs_out_within_the_shift_is_told_to_that_shift():
    plant = tank(rules={"shifts": THREE})
    assert plant.beat(4.9 * H) == []

    (warning,) = plant.beat(5 * H)

    assert warning.rule == "hold.warning"
    assert warning.message.endswith("It runs out at 19:00, before this shift ends.")
    assert warning.evidence["runs_out_ns"] == at(10 * H)
    assert plant.restarted().beat(5.1 * H) == []


def test_what_lasts_longer_than_the_shift_is_not_told_to_it():
    plant = tank(rules={"shifts": THREE}, limit_ns=14 * HOUR)

    assert plant.beat(12.9 * H) == []


def shared(limit_ns: int) -> Plant:
    """A tank whose batch is told, with a budget of its own."""
    unit = replace(T201, batch_tag="R101.BATCH")
    hold = replace(TANK, limit_ns=None, budget="all")
    rules = {
        "units": {"T201": unit},
        "tags": {},
        "recipes": {},
        "holds": {"crude": hold},
        "budgets": {"all": Budget("all", limit_ns, (HOUR,), "HT-40")},
    }
    plant = Plant(rulebook(**rules))
    plant.samples((IN, -60, 0.0), (OUT, -60, 0.0))
    plant.feed(texts([(BATCH, -60, "")]))
    plant.beat(-30)
    plant.beat(-20)
    return plant


def stay(plant: Plant, name: str, begin: float, end: float) -> None:
    plant.feed(texts([(BATCH, begin * H, name)]))
    plant.samples((IN, begin * H, 1.0), (IN, begin * H + 60, 0.0))
    plant.beat(begin * H + 60)
    plant.beat(begin * H + 61)
    plant.samples((OUT, end * H - 60, 1.0), (OUT, end * H, 0.0))
    plant.feed(texts([(BATCH, end * H + 1, "")]))


def test_several_stays_of_one_batch_share_a_budget():
    plant = shared(10 * HOUR)
    stay(plant, "B-1", 0, 6)
    stay(plant, "B-1", 20, 23)
    assert of_rule(plant.said, "hold.breach") == []
    stay(plant, "B-1", 30, 32)

    (breach,) = [each for each in of_rule(plant.said, "hold.breach") if each.stage == "open"]
    assert (breach.subject, breach.batch) == ("all", "B-1")
    assert breach.evidence["elapsed_min_ns"] == 11 * HOUR
    assert breach.evidence["study"] == "HT-40"


def link(kind: EventKind, hours: float, parents: tuple[str, ...], children: tuple[str, ...]) -> BatchEvent:
    return BatchEvent(f"e{hours}", "", kind, at(hours * H), at(hours * H), parents=parents, children=children)


def test_a_merge_inherits_the_most_of_its_parents_and_never_their_sum():
    plant = shared(10 * HOUR)
    stay(plant, "B-1", 0, 6)
    stay(plant, "B-2", 10, 12)
    plant.feed(link(EventKind.MERGE, 13, ("B-1", "B-2"), ("M-1",)))
    stay(plant, "M-1", 14, 18)
    assert of_rule(plant.said, "hold.breach") == []
    stay(plant, "M-1", 20, 20.5)

    breach = of_rule(plant.said, "hold.breach")[-1]
    assert breach.batch == "M-1"
    assert breach.evidence["inherited_max_ns"] == 6 * HOUR
    assert breach.evidence["elapsed_max_ns"] == 10 * HOUR + 30 * MINUTE


def test_each_part_of_a_split_inherits_all():
    plant = shared(10 * HOUR)
    stay(plant, "B-1", 0, 6)
    plant.feed(link(EventKind.SPLIT, 7, ("B-1",), ("S-1", "S-2")))
    for name, begin in (("S-1", 8), ("S-2", 16)):
        stay(plant, name, begin, begin + 5)

    assert {each.batch for each in of_rule(plant.said, "hold.breach")} == {"S-1", "S-2"}


def test_the_next_batch_in_the_tank_proves_that_the_last_stay_is_over():
    plant = shared(100 * HOUR)
    plant.feed(texts([(BATCH, 0, "B-1")]))
    plant.samples((IN, 0, 1.0), (IN, 60, 0.0))
    plant.beat(60)
    plant.beat(5 * H)
    plant.samples((IN, 6 * H, 1.0), (IN, 6 * H + 60, 0.0))
    plant.feed(texts([(BATCH, 6 * H, "B-2")]))
    plant.beat(6 * H + 60)
    plant.beat(6 * H + 61)
    plant.beat(6 * H + 62)

    (found,) = of_rule(plant.said, "hold.indeterminate")
    assert (found.batch, found.evidence["missing"]) == ("B-1", "last_transfer_out")
    assert (found.evidence["elapsed_min_ns"], found.evidence["elapsed_max_ns"]) == (5 * HOUR, 6 * HOUR)
    (row,) = plant.detector.running_holds()
    assert (row.batch, row.started_ns) == ("B-2", at(6 * H))


@pytest.mark.parametrize("told_after", [True, False])
def test_what_leaves_is_what_came_in_though_the_tank_is_told_to_hold_the_next_batch_by_then(told_after):
    plant = shared(4 * HOUR)
    plant.feed(texts([(BATCH, 0, "B-1")]))
    plant.samples((IN, 0, 1.0), (IN, 60, 0.0), (OUT, 0, 0.0))
    plant.beat(60)
    plant.beat(4 * H)
    plant.samples((OUT, 5 * H - 60, 1.0))
    changed = 5 * H + 60 if told_after else 5 * H - 30  # the stop is told when the batch has changed already
    plant.feed(texts([(BATCH, changed, "B-2")]))
    plant.samples((IN, changed + 120, 0.0), (OUT, 5 * H, 0.0))
    plant.beat(6 * H)

    assert of_rule(plant.said, "hold.indeterminate") == []
    assert [(each.batch, each.stage) for each in of_rule(plant.said, "hold.breach")] == [
        ("B-1", "open"),
        ("B-1", "cleared"),
    ]
    assert plant.detector.running_holds() == ()


def test_a_stop_after_the_next_batch_came_in_is_that_batchs_and_the_last_one_has_none():
    plant = shared(4 * HOUR)
    plant.feed(texts([(BATCH, 0, "B-1")]))
    plant.samples((IN, 0, 1.0), (IN, 60, 0.0), (OUT, 0, 0.0))
    plant.beat(60)
    plant.beat(H)
    plant.samples((IN, 2 * H, 1.0), (IN, 2 * H + 60, 0.0))
    plant.feed(texts([(BATCH, 2 * H, "B-2")]))
    plant.samples((OUT, 3 * H - 60, 1.0), (OUT, 3 * H, 0.0))
    plant.beat(3 * H + 60)

    (found,) = of_rule(plant.said, "hold.indeterminate")
    assert (found.batch, found.evidence["missing"]) == ("B-1", "last_transfer_out")
    assert plant.detector.running_holds() == ()


def test_material_that_is_there_when_the_service_begins_has_waited_since_nobody_knows_when():
    unit = replace(T201, batch_tag="R101.BATCH")
    plant = Plant(rulebook(units={"T201": unit}, tags={}, recipes={}, holds={"crude": TANK}))
    plant.feed(texts([(BATCH, 0, "B-1")]))
    plant.samples((IN, 0, 0.0), (OUT, 0, 0.0))
    plant.beat(1)
    plant.beat(2)
    plant.beat(3)

    (found,) = of_rule(plant.said, "hold.indeterminate")
    assert (found.stage, found.batch, found.evidence["elapsed_max_ns"]) == ("open", "B-1", None)
    (row,) = plant.detector.running_holds()
    assert row.started_ns is None
    assert of_rule(plant.beat(9 * H), "hold.breach") == []
    assert len(of_rule(plant.beat(10 * H + 4), "hold.breach")) == 1


def correct(plant: Plant, kind: ActionKind, hours: float, now: float) -> list:
    action = PersonAction(f"c{now}", at(now * H), "eve", kind, "crude/", "the log says so", at(hours * H))
    return plant.feed(action)


def test_a_corrected_start_withdraws_a_breach_in_a_new_version():
    plant = tank()
    (breach,) = of_rule(plant.beat(10 * H + 1), "hold.breach")
    said = correct(plant, ActionKind.HOLD_START, 2, 10.1)

    (record,) = of_rule(said, "hold.corrected")
    assert record.evidence["corrected_from_ns"] == at(0)
    assert record.evidence["reason"] == "the log says so"
    (again,) = of_rule(said, "hold.breach")
    assert (again.id, again.version, again.stage) == (breach.id, 2, "cleared")
    assert again.evidence["elapsed_max_ns"] == round(8.1 * HOUR)
    assert of_rule(plant.restarted().beat(12 * H + 1), "hold.breach")[0].version == 1


def test_a_corrected_stop_of_a_stay_that_has_ended_judges_it_again():
    plant = tank()
    assert emptied(plant, 9) == []
    said = correct(plant.restarted(), ActionKind.HOLD_STOP, 11, 12)

    assert [(each.version, each.stage) for each in of_rule(said, "hold.breach")] == [(1, "open"), (2, "cleared")]
    assert of_rule(said, "hold.breach")[-1].evidence["person"] == "eve"


def test_a_missing_start_may_be_recorded_later():
    plant = Plant(rulebook(units={"T201": T201}, tags={}, recipes={}, holds={"crude": TANK}))
    (missing,) = plant.samples((OUT, 5 * H, 1.0), (OUT, 6 * H, 0.0))
    said = correct(plant, ActionKind.HOLD_START, 1, 7)

    (again,) = of_rule(said, "hold.indeterminate")
    assert (again.id, again.version) == (missing.id, 2)
    assert again.evidence["elapsed_min_ns"] == again.evidence["elapsed_max_ns"] == 5 * HOUR


@pytest.mark.parametrize(
    ("subject", "kind", "hours", "error"),
    [
        ("crude/B-99", ActionKind.HOLD_START, 0, "no stay of batch 'B-99' in hold 'crude' is known"),
        ("cruder/", ActionKind.HOLD_START, 0, "no hold is named 'cruder'"),
        ("crude/", ActionKind.HOLD_STOP, -1, "a stop at 2025-10-09T08:00:00Z would lie before the start at"),
    ],
)
def test_a_correction_that_can_be_true_of_no_stay_is_refused_and_changes_nothing(subject, kind, hours, error):
    plant = tank()
    before = plant.detector.snapshot()
    action = PersonAction("c", at(H), "eve", kind, subject, "typed wrongly", at(hours * H))

    (said,) = plant.feed(action)

    assert isinstance(said, HoldDecision)
    assert said.action == action
    assert error in said.error
    plant.detector.position = Position(plant.position - 1)
    assert plant.detector.snapshot() == before


def test_a_correction_that_counts_is_answered():
    (answer, *_) = correct(tank(), ActionKind.HOLD_START, 2, 10.1)

    assert isinstance(answer, HoldDecision)
    assert not answer.error


def beats(plant: Plant, *moments: tuple[float, int]) -> list:
    said: list = []
    for seconds, skew_ns in moments:
        said += plant.beat(seconds, skew_ns=skew_ns)
    return of_rule(said, "hold.breach")


def test_a_leap_of_the_sources_clock_is_no_waiting():
    plant = tank()
    said = beats(plant, (H, 0), (H + 5, 0), (H + 10, 20 * HOUR), (H + 15, 20 * HOUR), (9 * H, 20 * HOUR))
    assert said == []

    (breach,) = beats(plant, (10 * H, 20 * HOUR), (10 * H + 1, 20 * HOUR))
    assert breach.evidence["elapsed_min_ns"] == 10 * HOUR + SECOND


def test_a_leap_back_of_the_sources_clock_delays_nothing():
    plant = tank()
    beats(plant, (H, 0), (H + 5, 0), (H + 10, -5 * HOUR), (H + 15, -5 * HOUR))

    assert len(beats(plant, (10 * H, -5 * HOUR), (10 * H + 1, -5 * HOUR))) == 1


@pytest.mark.parametrize("step_h", [20, -20])
def test_a_step_of_our_clock_changes_nothing(step_h):
    plant = tank()
    beats(plant, (H, 0), (H + 5, 0), (H + 10 + step_h * H, -step_h * HOUR))

    assert beats(plant, ((10 + step_h) * H, -step_h * HOUR)) == []
    assert len(beats(plant, ((10 + step_h) * H + 1, -step_h * HOUR))) == 1


def test_a_start_that_was_stamped_after_the_leap_is_put_right():
    plant = Plant(rulebook(units={"T201": T201}, tags={}, recipes={}, holds={"crude": TANK}))
    plant.beat(0, skew_ns=0)
    plant.beat(5, skew_ns=0)
    plant.samples((IN, 6, 0.0), (IN, 20 * H + 7, 1.0))
    plant.beat(10, skew_ns=20 * HOUR)

    (row,) = plant.detector.running_holds()

    assert (row.elapsed_min_ns, row.elapsed_max_ns) == (3 * SECOND, 3 * SECOND)


def test_the_change_of_summer_time_is_no_time():
    """Times are UTC: 2025-10-26 has 25 hours in Berlin, and a hold over it lasts as long as it lasts."""
    night = 1_761_429_600  # 2025-10-25T22:00:00Z, midnight in Berlin
    plant = tank()
    offset = night - T0 / SECOND
    plant.samples((OUT, 100, 1.0), (OUT, 200, 0.0), (IN, offset, 1.0), (IN, offset + 60, 0.0))

    assert of_rule(plant.beat(offset + 10 * H), "hold.breach") == []
    assert len(of_rule(plant.beat(offset + 10 * H + 1), "hold.breach")) == 1


def test_a_pause_in_which_either_clock_may_have_been_set_makes_bounds():
    clock = SourceClock()
    clock.beat(0, 0)
    clock.beat(5 * SECOND, 0)
    begin = clock.stamp()
    clock.beat(5 * HOUR, HOUR)

    assert elapsed(6 * HOUR, begin, clock.stamp()) == (5 * HOUR, 6 * HOUR)


def test_a_warning_that_is_open_when_more_flows_out_is_not_left_behind():
    """The stop waits for the condition's tag; then more flows out, and the hold goes on with what was announced."""
    plant = tank(mode=HoldMode.IN_CONDITION, condition=COLD, warn_before_ns=(2 * HOUR,))
    (warning,) = of_rule(plant.beat(8 * H), "hold.warning")
    plant.samples((OUT, 8 * H + 10, 1.0), (OUT, 8 * H + 20, 0.0), (OUT, 8 * H + 30, 1.0), (OUT, 8 * H + 40, 0.0))
    plant.samples((TT, 8 * H + 50, 5.0))

    assert [(each.id, each.stage) for each in of_rule(plant.said, "hold.warning")] == [
        (warning.id, "open"),
        (warning.id, "cleared"),
    ]


def test_a_stop_that_nobody_recorded_stays_unknown_when_the_start_is_corrected():
    plant = shared(100 * HOUR)
    plant.feed(texts([(BATCH, 0, "B-1")]))
    plant.samples((IN, 0, 1.0), (IN, 60, 0.0))
    plant.beat(60)
    plant.beat(5 * H)
    plant.samples((IN, 6 * H, 1.0), (IN, 6 * H + 60, 0.0))
    plant.feed(texts([(BATCH, 6 * H, "B-2")]))
    for second in (60, 61, 62):
        plant.beat(6 * H + second)
    action = PersonAction("c", at(7 * H), "Ada", ActionKind.HOLD_START, "crude/B-1", "the log says so", at(H))

    (again,) = of_rule(plant.feed(action), "hold.indeterminate")

    assert (again.evidence["elapsed_min_ns"], again.evidence["elapsed_max_ns"]) == (4 * HOUR, 5 * HOUR)


def test_a_budgets_standing_names_each_hold_that_counts_to_it():
    plant = shared(10 * HOUR)
    stay(plant, "B-1", 0, 6)
    plant.feed(texts([(BATCH, 20 * H, "B-1")]))
    plant.samples((IN, 20 * H, 1.0), (IN, 20 * H + 60, 0.0))
    plant.beat(20 * H + 60)
    plant.beat(21 * H)

    (row,) = plant.detector.running_budgets()

    assert (row.budget, row.batch, row.used_min_ns, row.used_max_ns) == ("all", "B-1", 7 * HOUR, 7 * HOUR)
    assert (row.left_ns, row.inherited_max_ns) == (3 * HOUR, 0)
    assert row.of == (("crude", 6 * HOUR, 6 * HOUR, False), ("crude", HOUR, HOUR, True))


def test_what_is_left_has_two_figures_where_what_is_used_has():
    plant = tank(mode=HoldMode.OVER_TEMPERATURE, condition=Condition("R101.TT", None, 8.0), warn_before_ns=(2 * HOUR,))
    plant.feed(batch([(TT, H, 5.0, BAD)]))

    (warning,) = of_rule(plant.beat(9 * H), "hold.warning")

    assert (
        warning.message
        == "crude has been above 8 °C for 0 s to 8 h 00 min: 2 h 00 min to 10 h 00 min are left of 10 h 00 min."
    )


def test_a_stop_that_nobody_recorded_is_told_with_the_least_and_the_most():
    plant = shared(100 * HOUR)
    plant.feed(texts([(BATCH, 0, "B-1")]))
    plant.samples((IN, 0, 1.0), (IN, 60, 0.0))
    plant.beat(60)
    plant.beat(5 * H)
    plant.samples((IN, 6 * H, 1.0), (IN, 6 * H + 60, 0.0))
    plant.feed(texts([(BATCH, 6 * H, "B-2")]))
    for second in (60, 61, 62):
        plant.beat(6 * H + second)

    (found,) = of_rule(plant.said, "hold.indeterminate")
    assert "(5 h 00 min to 6 h 00 min), batch B-1." in found.message
