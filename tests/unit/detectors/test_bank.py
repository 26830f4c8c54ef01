"""The fold as a whole: late rows, snapshots, unknown tags, and the hashes in what it says."""

import json
from dataclasses import replace

import pytest

from detectors.bank import Bank
from detectors.identity import detector_hash
from detectors.snapshots import pack, unpack
from domain.entries import Position, TagDefined
from domain.errors import DamagedFile, NewerFormat, Refused
from domain.findings import RULES, Recheck
from domain.tags import TagId
from tests.unit.detectors.plant import BAD, LT, PT, TAGS, TT, Plant, at, batch, findings, of_rule, rulebook
from tests.unit.detectors.streams import stream


def test_a_late_row_is_not_judged_and_asks_for_a_recheck_at_the_next_heartbeat():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 60.0))
    assert plant.samples((TT, 15, 90.0)) == []

    plant.beat(30)

    assert [each for each in plant.said if isinstance(each, Recheck)] == [Recheck(TT, at(15), at(15))]


def test_late_rows_of_a_backfill_are_one_recheck_per_tag():
    plant = Plant()
    plant.samples((TT, 1000, 60.0), (PT, 1000, 0.1))
    plant.feed(batch([(tag, second, 0.0) for second in range(100, 200) for tag in (PT, TT)]))
    plant.beat(1001)
    plant.beat(1002)

    rechecks = [each for each in plant.said if isinstance(each, Recheck)]
    assert rechecks == [Recheck(TT, at(100), at(199)), Recheck(PT, at(100), at(199))]


def test_a_late_row_does_not_disturb_what_follows():
    with_late, without = Plant().in_phase(), Plant().in_phase()
    for plant in (with_late, without):
        plant.samples((TT, 10, 63.0), (TT, 20, 67.0))
    with_late.samples((TT, 12, 0.0))
    without.feed(batch([]))

    assert with_late.samples((TT, 30, 61.0)) == without.samples((TT, 30, 61.0))


def test_an_exact_copy_of_the_newest_row_changes_no_verdict():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 66.0))

    assert plant.samples((TT, 20, 66.0)) == []


def test_late_rows_of_one_tag_leave_the_others_of_the_entry_alone():
    plant = Plant().in_phase()
    plant.samples((TT, 20, 60.0), (PT, 20, 0.1))
    said = plant.feed(batch([(TT, 10, 90.0), (PT, 21, 0.6), (TT, 21, 66.0)]))

    assert [each.rule for each in findings(said)] == [
        "excursion.nor.high",
        "excursion.nor.high",
        "outside_nor",
        "excursion.validated.high",
    ]


def test_rows_of_tags_that_nobody_defined_are_left_alone():
    assert Plant().feed(batch([(5000, 0, 1.0), (LT, 0, 10.0)]))[0].subject == "T7.LT"


def test_a_snapshot_of_other_rules_is_refused():
    state = Plant().in_phase().detector.snapshot()

    with pytest.raises(Refused, match="other rules"):
        Bank(rulebook(hash="another"), TAGS).restore(state)


@pytest.mark.parametrize("place", [0, 3, 40, -1])
def test_a_damaged_snapshot_is_refused(place):
    state = bytearray(Plant().in_phase().detector.snapshot())
    state[place] ^= 1

    with pytest.raises(DamagedFile):
        Bank(rulebook(), TAGS).restore(bytes(state))


@pytest.mark.parametrize("state", [b"", b"TWBK", b"something else altogether, and longer than a head"])
def test_what_is_no_snapshot_is_refused(state):
    with pytest.raises(DamagedFile):
        Bank(rulebook(), TAGS).restore(state)


def test_a_snapshot_of_a_newer_program_is_left_alone():
    state = bytearray(pack({}, {}))
    state[4] += 1

    with pytest.raises(NewerFormat):
        Bank(rulebook(), TAGS).restore(bytes(state))


def test_a_snapshot_takes_the_tags_along():
    plant = Plant().in_phase()
    after = Bank(plant.rules, ())
    after.restore(plant.detector.snapshot())

    assert after.snapshot() == plant.detector.snapshot()
    assert after.position == Position(plant.position)


def test_every_finding_names_what_judged():
    said = Plant().in_phase().samples((TT, 10, 60.0), (TT, 11, 66.0))

    assert {each.rules_hash for each in said} == {"0123456789abcdef"}
    assert {each.evidence["detector"] for each in said} == {detector_hash()[:12]}


def test_every_rule_that_is_said_is_a_rule_that_is_known():
    known = {rule.format(kind=kind) for rule in RULES for kind in ("nor", "alert", "action", "validated", "par")}
    bank = Bank(rulebook(), TAGS)
    said = [each for number, entry in enumerate(stream(3, 200), 1) for each in bank.update(Position(number), entry)]

    assert {each.rule for each in findings(said)} <= known


def test_findings_come_in_the_order_of_their_rows():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (PT, 10, 0.1), (LT, 10, 5.0))
    said = findings(plant.feed(batch([(LT, 11, 10.0), (PT, 11, 0.1, BAD), (TT, 11, 63.0)])))

    assert [each.detected.row for each in said] == [0, 1, 2]


def test_a_bank_without_rules_says_nothing_of_values():
    plant = Plant(rulebook(recipes={}, units={}, holds={}, tags={}))

    assert of_rule(plant.samples((TT, 0, 1e9), (TT, 1, -1e9)), "fixed.high") == []


def test_a_state_of_the_first_format_is_read():
    plant = Plant().in_phase()
    plant.series(TT, 10, 10, [60.0] * 200)
    state, arrays = unpack(plant.detector.snapshot())
    names, tags = json.loads(arrays.pop("tags").tobytes())
    state["tags"] = [dict(zip(names, tag, strict=True)) for tag in tags]
    del arrays["drifts/places"]
    known = {tag: told for tag, *told in state["parts"]["drifts"]}
    state["parts"]["drifts"] = [[tag, *known.get(tag, [0, 5, 0, None, None, []])] for tag in _drifting()]

    other = Plant()
    other.detector.restore(pack(state, arrays))
    assert other.detector.snapshot() == plant.detector.snapshot()


def _drifting() -> list[int]:
    return [tag.id for tag in TAGS if (rules := rulebook().tags.get(tag.name)) is not None and rules.drift is not None]


def test_tags_that_come_after_a_restore_find_room():
    plant = Plant().in_phase()
    other = plant.restarted()
    for each in (plant, other):
        each.detector.update(
            Position(1000), TagDefined(replace(TAGS[0], id=TagId(200), uuid="200", name="X1.TT", address="X1"), at(0))
        )
    rows = [(200, 20.0, 1.0), (TT, 21.0, 70.0)]

    assert plant.feed(batch(rows)) == other.feed(batch(rows))
    assert plant.detector.snapshot() == other.detector.snapshot()
