"""Holds from events, announced without samples, across restarts, skews, gaps and clock steps."""

from dataclasses import replace

import pytest

from domain.entries import Gap, GapCause
from domain.holds import Hold, HoldKind
from tests.unit.detectors.plant import (
    HOLDS,
    HOUR,
    IN,
    MINUTE,
    OUT,
    PT,
    SECOND,
    STEP,
    Plant,
    at,
    batch,
    findings,
    of_rule,
    rulebook,
)

H = HOUR / SECOND  # in the seconds of rows


def quiet_plant(**changed: object) -> Plant:
    """No rules on tags: what is said is about holds."""
    return Plant(rulebook(**{"tags": {}, **changed}))


def transferred(plant: Plant | None = None) -> Plant:
    """Material comes into T201 from 0 to 1 h."""
    plant = quiet_plant() if plant is None else plant
    plant.samples((IN, -60, 0.0), (OUT, -60, 0.0), (IN, 0, 1.0), (IN, H, 0.0))
    return plant


def test_a_hold_breach_is_announced_without_new_samples():
    plant = transferred()
    assert plant.beat(63 * H) == []

    said = [plant.beat(64 * H), plant.beat(70 * H), plant.beat(72 * H), plant.beat(72 * H + 1)]

    assert [[(each.rule, each.stage) for each in each_beat] for each_beat in said] == [
        [("hold.warning", "open")],
        [("hold.warning", "cleared"), ("hold.warning", "open")],
        [],
        [("hold.breach", "open"), ("hold.warning", "cleared")],
    ]


def test_the_limit_itself_is_kept_and_one_nanosecond_more_is_not():
    plant = transferred()
    plant.beat(71 * H)
    assert of_rule(plant.beat(72 * H), "hold.breach") == []

    (breach,) = of_rule(plant.beat(72 * H + 1e-9), "hold.breach")

    assert breach.evidence["started_ns"] == at(0)
    assert breach.evidence["limit_ns"] == 72 * HOUR
    assert breach.evidence["study"] == "HT-31"
    assert breach.message == "crude has waited 3 d 0 h, over its limit of 3 d 0 h."


def test_a_hold_that_stops_in_time_says_nothing():
    plant = transferred()
    said = plant.samples((OUT, 10 * H, 1.0), (OUT, 11 * H, 0.0))

    assert said == []
    assert plant.beat(100 * H) == []


def test_a_breach_that_no_heartbeat_announced_is_judged_at_the_stop():
    said = transferred().samples((OUT, 72 * H, 1.0), (OUT, 72 * H + 1, 0.0))

    assert [(each.rule, each.stage) for each in said] == [("hold.breach", "open"), ("hold.breach", "cleared")]
    assert said[-1].evidence["elapsed_min_ns"] == said[-1].evidence["elapsed_max_ns"] == 72 * HOUR + SECOND


def test_a_hold_goes_on_from_its_first_start_while_more_flows_out():
    plant = transferred()
    plant.samples((OUT, 10 * H, 1.0), (OUT, 11 * H, 0.0))
    plant.samples((OUT, 20 * H, 1.0))

    assert [each.rule for each in plant.beat(73 * H)] == ["hold.breach"]


def test_a_transfer_may_be_a_flow():
    plant = quiet_plant()
    plant.samples((IN, 0, 0.0), (IN, 10, 12.5), (IN, 20, 12.7), (IN, 30, 11.0))

    assert findings(plant.beat(72 * H + 11))[0].evidence["started_ns"] == at(10)


def test_a_hold_survives_a_restart():
    plant = transferred()
    plant.beat(64 * H)
    after = plant.restarted()

    said = after.beat(72 * H + 1)

    assert [(each.rule, each.stage, each.version) for each in said] == [
        ("hold.breach", "open", 1),
        ("hold.warning", "cleared", 2),
    ]


def test_clocks_that_differ_and_nobody_knows_why_make_bounds_and_the_worst_one_alarms():
    plant = transferred()
    plant.beat(2 * H, skew_ns=10 * MINUTE)
    plant.beat(3 * H, skew_ns=0)

    assert of_rule(plant.beat(72 * H - 600), "hold.breach") == []
    (breach,) = of_rule(plant.beat(72 * H - 599), "hold.breach")
    assert breach.evidence["elapsed_min_ns"] == 72 * HOUR - 599 * SECOND
    assert breach.evidence["elapsed_max_ns"] == 72 * HOUR + SECOND
    assert breach.message.endswith("perhaps over its limit of 3 d 0 h.")
    (proven,) = of_rule(plant.beat(72 * H + 1), "hold.breach")
    assert (proven.version, proven.stage) == (2, "open")
    assert "perhaps" not in proven.message


def test_our_clock_stepping_forward_is_no_breach_where_the_skew_shows_it():
    plant = transferred()
    plant.beat(1 * H)

    assert of_rule(plant.beat(101 * H, skew_ns=-100 * HOUR), "hold.breach") == []


def test_our_clock_stepping_back_takes_nothing_back():
    plant = transferred()
    plant.beat(72 * H + 1)

    assert plant.beat(60 * H) == []
    assert plant.beat(72 * H + 2) == []


def test_a_missing_start_is_indeterminate_and_never_zero():
    plant = quiet_plant()
    said = plant.samples((OUT, 0, 1.0), (OUT, 10, 0.0), (OUT, 20, 1.0), (OUT, 30, 0.0))

    (found,) = said
    assert found.rule == "hold.indeterminate"
    assert found.evidence["elapsed_max_ns"] is None
    assert found.message == "crude: first_transfer_in was not recorded, so nobody can prove how long it waited."


def test_a_gap_that_hides_the_start_counts_from_its_worst_case():
    plant = quiet_plant()
    plant.samples((IN, 0, 0.0))
    plant.feed(Gap("g", "train1", None, at(100), at(2 * H), GapCause.DISCONNECT))
    plant.samples((IN, 2 * H, 1.0))

    (breach,) = of_rule(plant.beat(72 * H + 101), "hold.breach")

    assert breach.evidence["elapsed_min_ns"] == 70 * HOUR + 101 * SECOND
    assert breach.evidence["elapsed_max_ns"] == 72 * HOUR + SECOND


def test_a_gap_that_hides_the_end_of_a_use_counts_from_its_worst_case():
    plant = quiet_plant().in_phase(20)
    plant.feed(Gap("g", "train1", None, at(3 * H), at(5 * H), GapCause.DISCONNECT))
    plant.feed(batch([(STEP, 5 * H, 0)]), batch([(PT, 5 * H + 6, 0.1)]))

    (breach,) = of_rule(plant.beat(51 * H + 1), "hold.breach")

    assert breach.evidence["elapsed_min_ns"] == 46 * HOUR + SECOND
    assert breach.evidence["elapsed_max_ns"] == 48 * HOUR + SECOND


def dirty(plant: Plant, seconds: float) -> Plant:
    plant.feed(batch([(STEP, seconds, 0)]), batch([(PT, seconds + 6, 0.1)]))
    return plant


def test_a_dirty_hold_runs_from_the_last_use_to_the_cleaning():
    plant = dirty(quiet_plant().in_phase(20), 5 * H)

    assert [each.rule for each in plant.beat(48 * H)] == ["hold.warning"]
    assert [each.rule for each in plant.beat(53 * H + 1)] == ["hold.breach", "hold.warning"]
    plant.feed(batch([(STEP, 54 * H, 90)]))
    said = plant.feed(batch([(PT, 55 * H, 0.1)]))
    (ended,) = of_rule(said, "hold.breach")
    assert ended.evidence["elapsed_min_ns"] == 49 * HOUR


def test_a_new_use_begins_the_dirty_hold_anew():
    plant = dirty(quiet_plant().in_phase(20), 5 * H)
    plant.in_phase(10, "B-18", 10 * H)
    dirty(plant, 11 * H)

    assert [each.rule for each in plant.beat(53 * H + 1)] == ["hold.warning"]
    assert of_rule(plant.beat(59 * H + 1), "hold.breach")[0].batch == "B-18"


def test_the_next_phase_of_the_same_use_is_no_hold():
    plant = quiet_plant().in_phase(10)
    plant.feed(batch([(STEP, 100, 20)]), batch([(PT, 106, 0.1)]))

    assert plant.beat(49 * H + 200) == of_rule(plant.said, "duration.long")


def step_hold(**changed: object) -> Plant:
    hold = replace(
        Hold("filter", HoldKind.STEP, "R101", "charge.end", "cool.start", 2 * HOUR, (HOUR,)),
        **changed,  # type: ignore[arg-type]
    )
    return quiet_plant(holds={"filter": hold})


def test_phases_by_name_start_and_stop_a_hold():
    plant = step_hold().in_phase(10)
    plant.feed(batch([(STEP, 1 * H, 20)]), batch([(PT, 1 * H + 6, 0.1)]))

    assert [each.rule for each in plant.beat(2 * H)] == ["hold.warning"]
    plant.feed(batch([(STEP, 2.5 * H, 30)]))
    said = plant.feed(batch([(PT, 3 * H, 0.1)]))
    assert [each.stage for each in of_rule(said, "hold.warning")] == ["cleared"]
    assert of_rule(plant.beat(9 * H), "hold.breach") == []


def test_a_batch_whose_stop_was_never_recorded_is_indeterminate_when_the_next_one_starts_the_hold():
    plant = step_hold().in_phase(10)
    dirty(plant, 600)
    plant.in_phase(10, "B-18", 1200)
    said = dirty(plant, 1800).said

    (found,) = of_rule(said, "hold.indeterminate")
    assert found.batch == "B-17"
    assert found.evidence["missing"] == "cool.start"


@pytest.mark.parametrize("name", list(HOLDS))
def test_a_hold_of_nothing_is_silent(name):
    assert quiet_plant(holds={name: HOLDS[name]}).beat(1000 * H) == []
