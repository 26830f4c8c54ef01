"""Which version of the ranges judges: pinned at a batch's start, approved by two people, and never changed later."""

from dataclasses import replace

import pytest

from detectors.bank import Bank
from domain.approvals import Decision
from domain.entries import Heartbeat
from domain.errors import Refused
from domain.findings import Finding, PhaseRecord, Stage
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind
from domain.tags import Tag
from tests.unit.detectors.approvals import approval, version_of
from tests.unit.detectors.plant import (
    BATCH,
    R101,
    STEP,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    findings,
    of_rule,
    ranges,
    rulebook,
    texts,
)

HIGH = "excursion.validated.high"
TIGHT = version_of(8, dose=Phase("dose", {"TT": ranges((58.0, 60.0), (55.0, 61.0))}))
REQUIRED = rulebook(approval="required")


def plant(*approved: object) -> Plant:
    made = Plant(REQUIRED)
    made.feed(*(approved or (approval(),)))  # type: ignore[arg-type]
    return made


def judged_at(found: Plant, seconds: float) -> list[Finding]:
    return of_rule(found.samples((TT, seconds, 60.0), (TT, seconds + 1, 63.0)), HIGH)


def test_what_nobody_approved_does_not_judge():
    found = Plant(REQUIRED).in_phase()

    assert found.samples((TT, 10, 60.0), (TT, 11, 90.0)) == []


def test_that_nothing_judges_is_said_at_the_next_heartbeat_and_ends_with_the_phase():
    found = Plant(REQUIRED).in_phase()
    (told,) = of_rule(found.beat(12), "ranges.missing")
    found.feed(batch([(STEP, 20, 30)]))
    ended = of_rule(found.beat(90) + found.beat(180), "ranges.missing")

    assert (told.stage, told.subject, told.onset_ns) == (Stage.OPEN, "R101", at(0))
    assert told.message == (
        "R101 is not judged in phase dose of batch B-17: no approved version of its ranges was in force."
    )
    assert (ended[0].id, ended[0].stage, ended[0].end_ns) == (told.id, Stage.CLEARED, at(20))


def test_cleaning_needs_no_ranges():
    found = Plant(REQUIRED).in_phase(step=90)

    assert of_rule(found.beat(12), "ranges.missing") == []


def test_with_approval_off_files_judge_whatever_was_approved():
    found = Plant()
    found.feed(approval(TIGHT))

    assert judged_at(found.in_phase(), 10) == []


def test_every_verdict_names_the_version():
    (told,) = judged_at(plant(approval(TIGHT)).in_phase(), 10)

    assert told.ranges_version == "API-1 v8"


def test_a_phase_record_names_the_version():
    records = [each for each in plant(approval(TIGHT)).in_phase().said if isinstance(each, PhaseRecord)]

    assert [each.recipe for each in records] == ["API-1 v8"]


def test_a_version_in_mid_batch_leaves_the_batch_alone_and_judges_the_next():
    found = plant().in_phase()
    found.feed(approval(TIGHT, seconds=8))
    same_batch = judged_at(found, 10)
    found.feed(batch([(STEP, 20, 30)]), batch([(STEP, 40, 20)]), batch([(TT, 60, 60.0)]))
    next_phase = judged_at(found, 70)
    found.feed(texts([(BATCH, 100, "B-18")]))
    next_batch = judged_at(found, 110)

    assert (same_batch, next_phase) == ([], [])
    assert [told.ranges_version for told in next_batch] == ["API-1 v8"]


@pytest.mark.parametrize(("start", "version"), [(49, "API-1 v7"), (50, "API-1 v8"), (51, "API-1 v8")])
def test_a_version_is_in_force_from_its_time_on_by_the_batchs_own_time(start, version):
    found = plant(approval(), approval(TIGHT, seconds=-50, valid_from=50)).in_phase(seconds=start)

    assert found.samples((TT, start + 10, 60.0), (TT, start + 11, 66.0))[-1].ranges_version == version


def test_an_approval_that_comes_late_is_in_force_for_a_batch_that_starts_after_it():
    """The entry was delayed by a power cut: what was judged by then stays, and its own time counts for the rest."""
    found = plant().in_phase()
    found.feed(approval(TIGHT, seconds=-60))
    before = judged_at(found, 10)
    found.feed(texts([(BATCH, 20, "B-18")]))

    assert before == []
    assert [told.ranges_version for told in judged_at(found, 40)] == ["API-1 v8"]


def test_of_two_versions_from_one_time_the_later_approval_counts():
    found = plant(approval(TIGHT, valid_from=-10), approval(seconds=-90, valid_from=-10)).in_phase()

    assert judged_at(found, 10) == []


def test_a_batch_pins_the_version_that_its_record_names():
    units = {"R101": replace(R101, recipe_tag="T201.IN")}
    found = Plant(rulebook(approval="required", units=units))
    found.feed(approval(), approval(TIGHT, seconds=-90))
    found.feed(texts([(4, -5, "API-1 v7")]))

    assert judged_at(found.in_phase(), 10) == []


def test_a_version_that_the_record_names_and_nobody_approved_is_replaced_by_no_other():
    units = {"R101": replace(R101, recipe_tag="T201.IN")}
    found = Plant(rulebook(approval="required", units=units))
    found.feed(approval(), texts([(4, -5, "API-1 v9")]))

    assert judged_at(found.in_phase(), 10) == []
    assert len(of_rule(found.beat(30), "ranges.missing")) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"approver": " ada "}, "a second person approves"),
        ({"approver": ""}, "nobody stands behind it"),
        ({"reason": "  "}, "it has no reason"),
        ({"change": ""}, "it has no change number"),
        ({"valid_from_ns": at(-101)}, "from a time in the past"),
        ({"hash": "00"}, "the hash differs"),
        ({"version": 9}, "its content is of another version"),
        ({"content": "{}"}, "the hash differs"),
    ],
)
def test_an_approval_that_counts_for_nothing_says_why_and_judges_nothing(changed, why):
    found = Plant(REQUIRED)
    (decision,) = found.feed(approval(**changed))

    assert isinstance(decision, Decision)
    assert why in decision.error
    assert judged_at(found.in_phase(), 10) == []


def test_a_version_number_means_one_content_for_good():
    found = plant()
    (again,) = found.feed(approval(replace(TIGHT, version=7), seconds=-50))

    assert "raise the version" in again.error
    assert judged_at(found.in_phase(), 10) == []


def test_the_same_approval_twice_is_one():
    """A power cut between the entry and the answer: the request is journaled again."""
    found = plant(approval(TIGHT), approval(TIGHT))

    assert [each.error for each in found.said] == ["", ""]
    assert len(found.detector._versions.state()["approved"]) == 1


def test_ranges_in_another_unit_than_the_tags_do_not_judge_and_that_is_said():
    in_kelvin = version_of(8, dose=Phase("dose", {"TT": ParameterRanges("TT", "K", "", {RangeKind.NOR: Limits(1, 2)})}))
    found = plant(approval(in_kelvin)).in_phase()

    assert judged_at(found, 10) == []
    (told,) = of_rule(found.beat(30), "ranges.missing")
    assert "its approved ranges of R101.TT are in K, the tag is in degC" in told.message


def _story() -> list[object]:
    return [
        approval(),
        texts([(BATCH, 0, "B-17")]),
        batch([(STEP, 0, 20)]),
        batch([(TT, 10, 60.0), (TT, 11, 63.0)]),
        approval(TIGHT, seconds=12),
        Heartbeat("train1", at(13), connected=True),
        batch([(TT, 14, 66.0), (TT, 15, 60.0)]),
        texts([(BATCH, 20, "B-18")]),
        batch([(TT, 30, 60.5), (TT, 31, 63.0)]),
        approval(TIGHT, seconds=12),
        approval(replace(TIGHT, version=9), seconds=32, valid_from=50),
        texts([(BATCH, 60, "B-19")]),
        batch([(TT, 70, 60.5), (TT, 71, 63.0), (TT, 72, 60.0)]),
    ]


@pytest.mark.parametrize("cut", range(14))
def test_a_restart_at_any_entry_gives_the_same_versions(cut):
    story = _story()
    straight = Plant(REQUIRED)
    straight.feed(*story)  # type: ignore[arg-type]
    first = Plant(REQUIRED)
    first.feed(*story[:cut])  # type: ignore[arg-type]
    after = first.restarted()

    said = first.said + after.feed(*story[cut:])  # type: ignore[arg-type]

    assert said == straight.said
    assert after.detector.snapshot() == straight.detector.snapshot()
    assert {told.ranges_version for told in findings(said)} == {"API-1 v7", "API-1 v8", "API-1 v9"}


@pytest.mark.parametrize("cut", range(1, 14))
def test_other_rules_leave_what_a_batch_pinned(cut):
    """Not the ranges but another rule changed: the batch goes on with its version, whatever was approved meanwhile."""
    story = _story()
    first = Plant(REQUIRED)
    first.feed(*story[:cut])  # type: ignore[arg-type]
    other = replace(REQUIRED, hash="fedcba9876543210")
    bank = Bank(other, TAGS)
    with pytest.raises(Refused):
        bank.restore(first.detector.snapshot())
    bank.carry_over(first.detector.snapshot())
    after = Plant(other, bank)
    after.position = first.position

    told = findings(after.feed(*story[cut:]))  # type: ignore[arg-type]

    by_batch = {each.batch: each.ranges_version for each in told if each.batch}
    wanted = {"B-17": "API-1 v7", "B-18": "API-1 v8", "B-19": "API-1 v9"}
    assert by_batch.items() <= wanted.items()


def test_turning_the_approval_on_takes_what_was_in_force_at_the_batchs_start():
    found = Plant()
    found.feed(approval(TIGHT))
    found.in_phase()
    bank = Bank(replace(REQUIRED, hash="fedcba9876543210"), TAGS)
    bank.carry_over(found.detector.snapshot())
    after = Plant(REQUIRED, bank)

    assert [told.ranges_version for told in judged_at(after, 10)] == ["API-1 v8"]


def test_a_new_definition_in_another_unit_is_said_of_a_phase_that_starts_after_it():
    found = plant()
    tag: Tag = replace(TAGS[TT], version=2, unit="K")
    found.detector._define(tag)
    found.in_phase()

    assert len(of_rule(found.beat(30), "ranges.missing")) == 1
