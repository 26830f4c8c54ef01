"""Phase durations against their validated limits."""

from tests.unit.detectors.plant import HOUR, PT, SECOND, STEP, Plant, at, batch, of_rule

H = HOUR / SECOND


def ended(plant: Plant, seconds: float) -> Plant:
    plant.feed(batch([(STEP, seconds, 0)]), batch([(PT, seconds + 6, 0.1)]))
    return plant


def test_a_phase_that_is_too_long_is_announced_without_new_samples():
    plant = Plant().in_phase()
    assert of_rule(plant.beat(6 * H), "duration.long") == []

    (found,) = of_rule(plant.beat(6 * H + 1e-9), "duration.long")

    assert found.message == "R101 lasts longer than the validated 6 h 00 min, in phase dose of batch B-17."
    assert found.onset_ns == at(6 * H)
    assert found.evidence["study"] == "VR-13"


def test_it_is_said_once_and_cleared_at_the_end():
    plant = Plant().in_phase()
    plant.beat(7 * H)
    plant.beat(8 * H)
    said = ended(plant, 9 * H).said

    versions = of_rule(said, "duration.long")
    assert [(each.stage, each.version) for each in versions] == [("open", 1), ("cleared", 2)]
    assert versions[-1].evidence["lasted_ns"] == 9 * HOUR


def test_a_phase_that_ended_too_long_is_judged_by_its_own_times():
    said = ended(Plant().in_phase(), 6 * H + 1).said

    assert [each.stage for each in of_rule(said, "duration.long")] == ["open", "cleared"]


def test_the_limits_themselves_are_inside():
    for hours in (4, 6):
        said = ended(Plant().in_phase(), hours * H).said
        assert of_rule(said, "duration.long") == of_rule(said, "duration.short") == []


def test_a_phase_that_ends_a_nanosecond_too_soon_is_short():
    (found,) = of_rule(ended(Plant().in_phase(), 4 * H - 1e-9).said, "duration.short")

    assert found.end_ns == at(4 * H - 1e-9)
    assert "below the validated 4 h 00 min" in found.message


def test_a_phase_whose_end_is_still_settling_is_not_announced_as_running():
    plant = Plant().in_phase()
    plant.feed(batch([(STEP, 6 * H - 1, 0)]))

    assert of_rule(plant.beat(6 * H + 1), "duration.long") == []
    assert of_rule(ended(plant, 6 * H - 1).said, "duration.long") == []


def test_a_change_that_settles_too_late_is_announced_before_it_has_settled():
    plant = Plant().in_phase()
    plant.feed(batch([(STEP, 6 * H + 1, 0)]))

    assert len(of_rule(plant.beat(6 * H + 2), "duration.long")) == 1


def test_the_skew_of_the_clocks_delays_the_announcement():
    plant = Plant().in_phase()
    plant.beat(1, skew_ns=-60 * SECOND)

    assert of_rule(plant.beat(6 * H + 59, skew_ns=0), "duration.long") == []
    assert len(of_rule(plant.beat(6 * H + 61), "duration.long")) == 1


def test_a_restart_does_not_forget_what_was_announced():
    plant = Plant().in_phase()
    plant.beat(7 * H)

    assert of_rule(plant.restarted().beat(8 * H), "duration.long") == []
