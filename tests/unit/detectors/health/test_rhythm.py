"""What a tag's rhythm and quality tell: bad, frozen, stale, too fast; and the sources themselves."""

import math

import pytest

from detectors.bank import Bank
from detectors.health.silence import SourceLimits
from domain.entries import Heartbeat
from domain.samples import SampleBatch
from tests.unit.detectors.plant import (
    BAD,
    LT,
    PT,
    SECOND,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    findings,
    of_rule,
    rulebook,
    stages,
    texts,
)


def test_bad_quality_is_a_finding_of_its_own_from_its_first_sample_to_the_next_good_one():
    plant = Plant()
    said = plant.feed(batch([(TT, 0, 60.0), (TT, 1, 60.0, BAD), (TT, 2, 60.0, BAD), (TT, 5, 60.0)]))

    assert [(each.stage, each.onset_ns, each.end_ns) for each in of_rule(said, "bad")] == [
        ("open", at(1), None),
        ("cleared", at(1), at(5)),
    ]


def test_uncertain_quality_is_not_bad_and_is_kept_as_an_event_from_its_first_sample_to_the_next_other_one():
    said = Plant().feed(
        batch([(TT, 0, 60.0), (TT, 1, 60.0, 0x4000_0000), (TT, 2, 60.0, 0x7FFF_0000), (TT, 5, 60.0), (TT, 6, 60.0)])
    )

    assert [(each.rule, each.stage, each.onset_ns, each.end_ns) for each in said] == [
        ("uncertain", "open", at(1), None),
        ("uncertain", "cleared", at(1), at(5)),
    ]


def test_a_bad_sample_ends_uncertain_quality():
    said = Plant().feed(batch([(TT, 1, 60.0, 0x4000_0000), (TT, 2, 60.0, BAD)]))

    assert [(each.rule, each.stage) for each in said] == [
        ("uncertain", "open"),
        ("uncertain", "cleared"),
        ("bad", "open"),
    ]


@pytest.mark.parametrize("cut", range(4))
def test_an_excursion_that_rests_on_uncertain_values_says_so_to_its_end(cut):
    rows = [(TT, 10, 60.0), (TT, 11, 90.0, 0x4000_0000), (TT, 12, 90.0), (TT, 13, 60.0)]
    plant = Plant().in_phase(20)
    said = plant.feed(batch(rows[:cut])) if cut else []
    plant = plant.restarted()
    said = [*said, *plant.feed(batch(rows[cut:]))]
    found = [each for each in said if each.rule == "excursion.validated.high"]

    assert found[0].stage == "open"
    assert found[-1].end_ns is not None
    assert {each.evidence.get("quality") for each in found} == {"uncertain"}


def test_good_with_the_overflow_bit_is_good():
    assert Plant().feed(batch([(TT, 0, 60.0, 0x480)])) == []


def test_a_text_is_not_bad():
    assert Plant().feed(texts([(TT, 0, "no number")])) == []


def test_a_bad_sample_sent_again_with_an_old_time_counts_from_its_server_time():
    plant = Plant()
    plant.samples((TT, 10, 60.0))
    resent = batch([(TT, 10, 60.0, BAD)])
    resent = SampleBatch(
        "train1", 0, resent.tag, resent.time_ns, resent.time_ns + 5 * SECOND, resent.value, resent.status
    )
    (found,) = findings(plant.feed(resent))

    assert found.onset_ns == at(15)
    (cleared,) = plant.samples((TT, 12, 60.0))
    assert cleared.stage == "cleared"


def test_a_value_that_stays_the_same_to_the_bit_is_frozen():
    said = Plant().series(LT, 0, 10, [5.0, 5.5, 5.5, 5.5, 5.5, 5.5, 5.5, 5.5, 5.5, math.nextafter(5.5, 6)])

    assert [(each.rule, each.stage, each.onset_ns) for each in said] == [
        ("frozen", "open", at(10)),
        ("frozen", "cleared", at(10)),
    ]
    assert said[0].at_ns == at(70)
    assert said[1].end_ns == at(90)


def test_a_value_may_freeze_and_thaw_within_one_entry():
    rows = [(LT, 10.0 * number, 5.0) for number in range(8)] + [(LT, 80, 6.0)]
    said = Plant().feed(batch(rows))

    assert stages(said, "frozen") == ["open", "cleared"]


def test_silence_is_not_frozen():
    plant = Plant()
    plant.samples((LT, 0, 5.0))

    assert of_rule(plant.feed(Heartbeat("train1", at(3600), connected=True)), "frozen") == []


def test_a_tag_without_samples_is_stale_while_its_source_is_heard():
    plant = Plant()
    plant.samples((LT, 0, 5.0))
    assert [plant.beat(1), plant.beat(60.9)] == [[], []]

    (found,) = plant.beat(61)

    assert (found.rule, found.subject, found.onset_ns) == ("stale", "T7.LT", at(0))
    assert plant.beat(62) == []
    plant.samples((LT, 63, 5.0))
    (cleared,) = plant.beat(64)
    assert (cleared.stage, cleared.end_ns) == ("cleared", at(63))


def test_a_tag_is_not_stale_while_its_source_is_away():
    plant = Plant()
    plant.samples((LT, 0, 5.0))
    plant.beat(1)
    for seconds in range(2, 200, 10):
        plant.beat(seconds, connected=False)

    assert of_rule(plant.said, "stale") == []
    assert plant.beat(203) == of_rule(plant.said, "source.disconnected")[1:]
    assert [each.rule for each in plant.beat(264)] == ["stale"]


def test_another_sources_heartbeat_makes_no_tag_stale():
    plant = Plant()
    plant.samples((LT, 0, 5.0))

    assert plant.feed(Heartbeat("floor", at(1), connected=True), Heartbeat("floor", at(900), connected=True)) == []


def test_a_source_that_is_not_heard_is_said_after_ten_seconds():
    plant = Plant(rulebook(tags={}))
    assert [plant.beat(0, connected=False), plant.beat(10, connected=False)] == [[], []]

    (found,) = plant.beat(10.001, connected=False)
    assert (found.rule, found.onset_ns) == ("source.disconnected", at(0))

    assert plant.beat(11, connected=False) == []
    (cleared,) = plant.beat(12)
    assert (cleared.stage, cleared.end_ns) == ("cleared", at(12))


def test_a_short_absence_is_not_said():
    plant = Plant(rulebook(tags={}))
    plant.beat(0, connected=False)

    assert [plant.beat(9), plant.beat(15, connected=False)] == [[], []]


def test_a_clock_that_is_off_is_said_once():
    plant = Plant(rulebook(tags={}))
    assert plant.beat(0, skew_ns=2 * SECOND) == []

    (found,) = plant.beat(1, skew_ns=-2 * SECOND - 1)
    assert found.message == "The clock of train1 is 2 s behind ours."

    assert [plant.beat(2, skew_ns=2 * SECOND), plant.beat(3)] == [[], []]
    assert [each.stage for each in plant.beat(4, skew_ns=SECOND)] == ["cleared"]


def test_the_limits_of_a_source_can_be_set():
    limits = SourceLimits(disconnected_after_ns=60 * SECOND, skew_ns=120 * SECOND)
    plant = Plant(rulebook(tags={}), Bank(rulebook(tags={}), TAGS, limits))

    assert [plant.beat(0, connected=False), plant.beat(60, connected=False, skew_ns=100 * SECOND)] == [[], []]


def test_a_change_faster_than_allowed_is_said_until_it_is_slower():
    said = Plant().samples((PT, 0, 0.1), (PT, 10, 0.1), (PT, 20, 0.2), (PT, 30, 0.3), (PT, 40, 0.31))

    assert [(each.rule, each.stage, each.at_ns) for each in said] == [
        ("rate", "open", at(20)),
        ("rate", "cleared", at(40)),
    ]
    assert said[0].evidence["rate_per_min"] == pytest.approx(0.6)
    assert said[0].message == "R101.PT changes by 0.6 bar a minute, faster than the 0.5 bar allowed."


def test_the_allowed_rate_itself_is_kept():
    assert Plant().samples((PT, 0, 0.0), (PT, 60, 0.5), (PT, 120, 1.0)) == []


@pytest.mark.parametrize("begin", [0.0, 0.1, 3.3, 8.6, 15.1, -0.7, 100.7])
def test_the_allowed_rate_in_decimals_does_not_flap(begin: float):
    """16.1 - 15.6 is 0.5000000000000018 as floats; every minute on the limit would begin and end a finding."""
    assert Plant().samples(*[(PT, 60 * number, round(begin + 0.5 * number, 1)) for number in range(40)]) == []


@pytest.mark.parametrize("begin", [0.0, 15.1, 100.7])
def test_the_least_step_above_the_allowed_rate_is_too_fast(begin: float):
    said = Plant().samples((PT, 0, begin), (PT, 60, round(begin + 0.5 + 1e-9, 9)))

    assert [each.rule for each in said] == ["rate"]


def test_a_fall_is_a_change_too():
    assert [each.rule for each in Plant().samples((PT, 0, 1.0), (PT, 60, 0.4))] == ["rate"]


def test_two_samples_of_nearly_the_same_time_are_no_rate():
    assert Plant().samples((PT, 9.999, 0.10), (PT, 10.0, 0.14), (PT, 10.001, 0.10)) == []


def test_the_rate_is_the_same_however_many_samples_lie_between():
    rows = [(PT, second / 4, 0.1 + 0.01 * second / 4) for second in range(200)]
    said = Plant().feed(batch(rows))

    assert stages(said, "rate") == ["open"]
    assert of_rule(said, "rate")[0].evidence["rate_per_min"] == pytest.approx(0.6)
