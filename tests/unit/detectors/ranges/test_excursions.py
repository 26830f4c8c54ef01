"""Excursions, exactly: at the limit and one bit beyond, crossings, areas, gaps, phases and deadbands."""

import math
from dataclasses import replace

import pytest

from domain.entries import Gap, GapCause, TagDefined
from domain.findings import Stage
from domain.rules import TagRules
from domain.tags import Tag, TagId
from tests.unit.detectors.approvals import approval
from tests.unit.detectors.plant import (
    BAD,
    LT,
    MINUTE,
    PT,
    SECOND,
    STEP,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    of_rule,
    rulebook,
    stages,
)

HIGH = "excursion.validated.high"


def outside(value: float, tag: int = TT) -> list[str]:
    said = Plant().in_phase().samples((tag, 10, 60.0 if tag == TT else 0.1), (tag, 11, value))
    return [finding.rule for finding in said]


def test_the_limit_itself_is_inside():
    assert outside(62.0) == []
    assert outside(58.0) == []


def test_one_bit_beyond_the_limit_is_outside():
    assert outside(math.nextafter(62.0, math.inf)) == ["excursion.nor.high"]
    assert outside(math.nextafter(58.0, -math.inf)) == ["excursion.nor.low"]
    assert outside(math.nextafter(62.0, -math.inf)) == []


def test_every_kind_of_range_speaks_for_itself():
    assert outside(66.0) == ["excursion.nor.high", HIGH]
    assert outside(200.0) == ["excursion.nor.high", HIGH, "fixed.high"]
    assert outside(0.0) == ["excursion.nor.low", "excursion.validated.low"]


def test_a_one_sided_range_has_no_other_side():
    assert outside(-1000.0, PT) == []
    assert outside(0.6, PT) == ["excursion.nor.high"]


def test_the_sentence_names_thing_value_limit_phase_and_batch():
    (_, found) = Plant().in_phase().samples((TT, 10, 60.0), (TT, 11, 65.4))

    assert found.message == "R101.TT is 65.4 °C, above the validated 65 °C, in phase dose of batch B-17."
    assert found.ranges_version == "API-1 v7 (not approved)"
    assert found.rules_hash == "0123456789abcdef"
    assert found.id == f"{HIGH}/R101.TT/B-17/dose-1/{found.detected.entry}.{found.detected.row}"


def test_an_approved_rulebook_says_no_more_than_its_version():
    plant = Plant(rulebook(approval="required"))
    plant.feed(approval())
    (found, *_) = plant.in_phase().samples((TT, 10, 60.0), (TT, 11, 65.4))

    assert found.ranges_version == "API-1 v7"


def test_onset_end_peak_and_area_are_those_of_the_straight_lines():
    said = Plant().in_phase().samples((TT, 10, 63.0), (TT, 20, 67.0), (TT, 30, 69.0), (TT, 40, 61.0))
    ended = of_rule(said, HIGH)[-1]

    assert ended.onset_ns == at(15)  # 63 to 67 passes 65 half-way
    assert ended.end_ns == at(35)  # 69 to 61 passes 65 half-way
    assert ended.evidence["peak"] == 69.0
    assert ended.evidence["peak_ns"] == at(30)
    # A triangle of 5 s by 2, a trapezoid of 10 s from 2 to 4, a triangle of 5 s by 4.
    assert ended.evidence["area"] == pytest.approx((5 + 30 + 10) / 60)
    assert ended.evidence["dur_min_ns"] == ended.evidence["dur_max_ns"] == 20 * SECOND


def test_the_low_side_is_the_mirror_of_the_high_side():
    said = Plant().in_phase().samples((TT, 10, 57.0), (TT, 20, 53.0), (TT, 30, 51.0), (TT, 40, 59.0))
    ended = of_rule(said, "excursion.validated.low")[-1]

    assert (ended.onset_ns, ended.end_ns) == (at(15), at(35))
    assert ended.evidence["area"] == pytest.approx(45 / 60)


def test_one_excursion_is_one_finding_with_few_versions():
    plant = Plant().in_phase()
    said = plant.series(TT, 10, 1, [60.0] + [66.0] * 3600 + [60.0])

    versions = of_rule(said, HIGH)
    assert {each.id for each in versions} == {versions[0].id}
    assert len(versions) <= 2 + 7  # told after a minute, then at doubling intervals
    assert [each.version for each in versions] == list(range(1, len(versions) + 1))


def test_a_peak_further_out_by_a_tenth_of_the_range_is_news_at_once():
    said = Plant().in_phase().samples((TT, 10, 60.0), (TT, 11, 66.0), (TT, 12, 66.9), (TT, 13, 67.0))

    assert [each.evidence["peak"] for each in of_rule(said, HIGH)] == [66.0, 67.0]


def test_the_alarm_clears_past_the_deadband_and_the_record_ends_at_the_crossing():
    said = Plant().in_phase().samples((TT, 10, 60.0), (TT, 11, 63.0), (TT, 12, 61.8), (TT, 13, 61.6), (TT, 14, 61.5))

    nor = of_rule(said, "excursion.nor.high")
    assert [each.stage for each in nor] == [Stage.OPEN, Stage.ENDED, Stage.CLEARED]
    assert nor[1].end_ns == nor[2].end_ns
    assert nor[2].at_ns == at(14)


def test_leaving_again_within_the_deadband_is_a_new_excursion_and_the_old_one_is_not_cleared_before_it():
    said = Plant().in_phase().samples((TT, 10, 60.0), (TT, 11, 63.0), (TT, 12, 61.8), (TT, 13, 63.0), (TT, 14, 60.0))

    nor = of_rule(said, "excursion.nor.high")
    assert len({each.id for each in nor}) == 2
    assert [each.stage for each in nor] == ["open", "ended", "open", "cleared", "cleared"]


def test_a_phase_that_ends_ends_its_excursions():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 11, 66.0))
    plant.feed(batch([(STEP, 20, 0)]))
    said = plant.samples((PT, 26, 0.1))

    (cleared,) = of_rule(said, HIGH)
    assert cleared.stage is Stage.CLEARED
    assert cleared.end_ns == at(20)
    assert cleared.message.endswith("The phase ended.")
    assert cleared.evidence["dur_min_ns"] < cleared.evidence["dur_max_ns"]


def test_a_crossing_is_never_drawn_across_phases():
    plant = Plant().in_phase(10)
    plant.samples((TT, 10, 20.0))
    plant.feed(batch([(STEP, 15, 20)]))
    said = plant.samples((TT, 20, 70.0), (TT, 30, 70.0))

    (found,) = of_rule(said, HIGH)
    assert found.onset_ns == at(20)


def test_samples_around_a_phase_switch_are_judged_by_the_phase_of_their_own_time():
    plant = Plant().in_phase(10)
    plant.samples((TT, 10, 20.0))
    # All in one entry: 20 degC belongs to charge until second 15, to dose from then on.
    said = plant.feed(batch([(TT, 14, 20.0), (STEP, 15, 20), (TT, 14.9, 20.0), (TT, 16, 60.0), (TT, 21, 60.0)]))

    assert of_rule(said, "excursion.nor.low") == []
    assert of_rule(said, "excursion.nor.high") == []


def test_ranges_hold_from_their_time_into_the_phase():
    plant = Plant().in_phase(30)
    said = plant.series(TT, 10, 60, [60.0] * 9)
    assert of_rule(said, "excursion.nor.high") == []

    said = plant.samples((TT, 610, 60.0))

    (found,) = of_rule(said, "excursion.nor.high")
    assert found.onset_ns == at(600)  # it was outside when its range came into force


def test_a_gap_is_not_in_range_and_bounds_the_duration():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0))
    plant.feed(Gap("g", "train1", None, at(12), at(18), GapCause.DISCONNECT))
    (_, opened) = plant.samples((TT, 20, 66.0))
    assert opened.onset_ns == at(20)  # proven from here
    plant.feed(Gap("h", "train1", TT, at(22), at(28), GapCause.OVERFLOW))
    said = plant.samples((TT, 30, 66.0), (TT, 31, 60.0))

    ended = of_rule(said, HIGH)[-1]
    end = ended.end_ns - at(0)
    assert ended.evidence["dur_max_ns"] == end - 12 * SECOND
    assert ended.evidence["dur_min_ns"] == end - 20 * SECOND - 6 * SECOND


def test_bad_quality_neither_ends_nor_begins_an_excursion():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 66.0))
    said = plant.feed(batch([(TT, 30, 60.0, BAD)]), batch([(TT, 40, 66.0)]), batch([(TT, 50, 60.0)]))

    ended = of_rule(said, HIGH)
    assert [each.stage for each in ended] == [Stage.CLEARED]
    assert ended[0].evidence["dur_max_ns"] - ended[0].evidence["dur_min_ns"] == 10 * SECOND


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_bad_and_no_excursion(odd):
    said = Plant().in_phase().samples((TT, 10, 60.0), (TT, 11, odd), (TT, 12, 60.0))

    assert [finding.rule for finding in said] == ["bad", "bad"]


def test_an_end_that_a_gap_hides_is_the_first_sample_that_proves_it():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 66.0))
    plant.feed(Gap("g", "train1", None, at(25), at(30), GapCause.DISCONNECT))
    ended = of_rule(plant.samples((TT, 40, 60.0)), HIGH)[-1]

    assert ended.end_ns == at(40)
    assert ended.evidence["dur_max_ns"] - ended.evidence["dur_min_ns"] == 15 * SECOND


def test_fixed_limits_hold_outside_any_phase():
    said = Plant().samples((LT, 0, 5.0), (LT, 10, 10.0), (LT, 20, 5.0), (LT, 30, 0.5))

    assert [(each.rule, each.stage) for each in said] == [
        ("fixed.high", "open"),
        ("fixed.high", "cleared"),
        ("fixed.low", "open"),
    ]
    assert said[0].onset_ns == at(8)
    assert said[0].message == "T7.LT is 10 m³, above its fixed limit of 9 m³."


def test_a_fixed_excursion_goes_on_through_a_phase_switch():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 11, 150.0))
    plant.feed(batch([(STEP, 20, 0)]))
    said = plant.samples((TT, 26, 150.0), (TT, 27, 100.0))

    assert stages(said, "fixed.high") == ["cleared"]
    assert stages(said, HIGH) == ["cleared"]


def test_several_samples_of_a_tag_in_one_entry_are_judged_in_their_order():
    plant = Plant().in_phase()
    said = plant.feed(batch([(TT, 10, 60.0), (PT, 10, 0.1), (TT, 11, 66.0), (PT, 11, 0.1), (TT, 12, 60.0)]))

    assert stages(said, HIGH) == ["open", "cleared"]


def test_two_parameters_outside_nor_at_once_are_a_finding_of_their_own():
    plant = Plant().in_phase()
    said = plant.samples((TT, 10, 60.0), (PT, 10, 0.1), (TT, 11, 63.0), (PT, 12, 0.6), (TT, 13, 60.0), (PT, 14, 0.1))

    together = of_rule(said, "outside_nor")
    assert [each.stage for each in together] == ["open", "cleared"]
    assert together[0].message == (
        "R101.PT and R101.TT are outside their normal ranges at once, in phase dose of batch B-17."
    )
    assert together[0].detected == of_rule(said, "excursion.nor.high")[1].detected


def test_one_parameter_above_and_below_is_not_two():
    said = Plant().in_phase().samples((TT, 10, 63.0), (TT, 11, 57.0), (TT, 12, 63.0))

    assert of_rule(said, "outside_nor") == []


def test_an_excursion_survives_a_restart():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 63.0), (TT, 20, 67.0))
    after = plant.restarted()

    ended = of_rule(after.samples((TT, 30, 69.0), (TT, 40, 61.0)), HIGH)[-1]

    assert ended.evidence["area"] == pytest.approx(45 / 60)
    assert ended.version == 3


def test_a_tag_that_is_defined_late_is_judged_from_then_on():
    plant = Plant(rulebook(tags={"X.TT": TagRules("X.TT", fixed_high=1.0)}))
    assert plant.samples((900, 0, 5.0)) == []

    plant.feed(TagDefined(Tag(TagId(900), "u", 1, "X.TT", "train1", "s=X"), at(1)))

    assert [each.rule for each in plant.samples((900, 2, 5.0))] == ["fixed.high"]


def test_a_renamed_tag_is_judged_by_the_rules_of_its_new_name():
    plant = Plant()
    plant.feed(TagDefined(replace(TAGS[LT], name="T8.LT", version=2), at(1)))

    assert plant.samples((LT, 2, 10.0)) == []


def test_a_minute_is_the_unit_of_areas():
    said = Plant().samples((LT, 0, 9.0), (LT, MINUTE / SECOND, 11.0), (LT, 2 * MINUTE / SECOND, 9.0))

    assert said[-1].evidence["area"] == pytest.approx(2.0)


def test_a_value_is_said_as_finely_as_its_range_needs():
    plant = Plant().in_phase(20)
    (open_,) = of_rule(plant.series(TT, 10, 10, [60.0, 63.123456]), "excursion.nor.high")

    assert "R101.TT is 63.123 °C, above the" in open_.message
    assert open_.evidence["peak"] == 63.123456
