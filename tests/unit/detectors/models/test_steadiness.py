"""Units that should stay as they are, and tags that are where they never were: what the bank says is what the core says."""

from dataclasses import replace

import numpy as np
import pytest

from alarms.defaults import step_for
from detectors.bank import Bank
from detectors.drift.novelty import Novelty, NoveltyRule
from detectors.models.steady import USUAL_CHANGE, Steady
from domain.entries import TagDefined
from domain.findings import Finding, Stage
from domain.rules import AlarmRule, Priority, TagRules
from domain.watches import NoveltyWatch, SteadyRule
from tests.unit.detectors.plant import (
    MINUTE,
    PT,
    R101,
    SECOND,
    STEP,
    T0,
    T201,
    TAGS,
    TT,
    Plant,
    batch,
    findings,
    of_rule,
    rulebook,
)

REFERENCE = 120
ALWAYS = SteadyRule(("TT", "PT"), 2 * SECOND, MINUTE, REFERENCE)


def quiet(rows: int, seed: int = 2) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.stack([random.normal(60.0, 0.5, rows), random.normal(0.2, 0.01, rows)], axis=1)


def shifted(rows: int = 400, at: int = 200) -> np.ndarray:
    values = quiet(rows)
    values[at : at + 100, 1] += 0.12
    return values


def watched(steady: SteadyRule | None = ALWAYS, novelty: NoveltyWatch | None = None, **more: object) -> Plant:
    tags = {} if novelty is None else {"R101.TT": TagRules("R101.TT", novelty=novelty)}
    units = {"R101": replace(R101, steady=steady), "T201": T201}
    return Plant(rulebook(**{"recipes": {}, "holds": {}, "tags": tags, "units": units, **more}))


def rows(values: np.ndarray, first: int = 0) -> list[object]:
    """A row of each tag in every cell of two seconds."""
    return [
        batch([(TT, 2 * cell + 0.5, row[0]), (PT, 2 * cell + 1.0, row[1])])
        for cell, row in enumerate(values.tolist(), start=first)
    ]


def advice(said: list[object]) -> list[Finding]:
    return [each for each in findings(said) if each.rule.startswith("advice.")]


def cells(found: list[Finding], stage: Stage, rule: str) -> list[int]:
    return [(each.at_ns - T0) // (2 * SECOND) - 1 for each in found if each.stage is stage and each.rule == rule]


def test_the_bank_says_what_the_core_says_of_the_same_rows() -> None:
    values = shifted()
    core, begins, ends, changes = Steady(2, 190), [], [], []
    before = False
    for cell, row in enumerate(values):
        core.update(row)
        changes += [cell] * core.told
        begins += [cell] * (core.alarm and not before)
        ends += [cell] * (before and not core.alarm)
        before = core.alarm

    said = advice(watched(replace(ALWAYS, reference=190)).feed(*rows(np.vstack([values, quiet(2)]))))

    assert any(200 <= cell < 210 for cell in begins)
    assert any(200 <= cell < 215 for cell in changes)
    assert cells(said, Stage.OPEN, "advice.shift") == begins
    assert cells(said, Stage.CLEARED, "advice.shift") == ends
    assert cells(said, Stage.CLEARED, "advice.change") == changes


def test_it_names_the_tags_and_says_advisory_wherever_it_speaks() -> None:
    said = advice(watched().feed(*rows(shifted())))

    first = next(each for each in of_rule(said, "advice.shift") if each.at_ns > T0 + 400 * SECOND)
    assert first.subject == first.unit == "R101"
    assert first.evidence["top1"] == "R101.PT"
    assert first.message.startswith("Advisory: R101 is no longer as it was in its reference: R101.PT 0.0")
    assert " bar higher" in first.message
    assert {each.evidence["advisory"] for each in said} == {"yes"}
    assert {each.ranges_version.endswith("(advisory)") for each in said} == {True}
    assert all(each.message.startswith("Advisory: ") for each in said)


def test_it_never_becomes_an_alarm_whatever_is_configured() -> None:
    plant = watched()
    wanted = AlarmRule("high", "advice.shift", Priority.CRITICAL)
    rules = replace(plant.rules, tags={"R101": TagRules("R101", alarms=(wanted,))})

    for each in advice(plant.feed(*rows(shifted()))):
        assert step_for(rules, each).rule.priority is Priority.EVENT


def test_nothing_is_said_before_the_reference_is_whole_and_nothing_of_it_is_learnt_again() -> None:
    values = quiet(REFERENCE)
    values[60:, 0] += 40.0
    steady = Steady(2, REFERENCE)
    versions = []
    for row in [*values, *quiet(100, seed=5)]:
        steady.update(row)
        versions.append((steady.is_learning, steady.version))

    assert advice(watched().feed(*rows(values))) == []
    assert [learning for learning, _ in versions] == [True] * (REFERENCE - 1) + [False] * 101
    assert len({version for learning, version in versions if not learning}) == 1


@pytest.mark.parametrize("stop", [1, REFERENCE - 1, REFERENCE, 205, 301])
def test_a_restart_at_any_row_changes_nothing(stop: int) -> None:
    rule = NoveltyWatch(2 * SECOND, MINUTE, 60)
    entries = rows(shifted(340))
    straight, stopped = watched(novelty=rule), watched(novelty=rule)
    never = straight.feed(*entries)

    before = stopped.feed(*entries[:stop])
    after = stopped.restarted()
    then = after.feed(*entries[stop:])

    assert [*before, *then] == never
    assert after.detector.snapshot() == straight.detector.snapshot()


def test_of_one_phase_the_reference_is_of_one_run_and_what_is_open_ends_with_it() -> None:
    plant = watched(replace(ALWAYS, phase="dose"))
    plant.feed(batch([(STEP, 0, 20)]), *rows(quiet(REFERENCE - 20)))  # too short a run
    plant.feed(batch([(STEP, 200, 0)]), *rows(quiet(20), 155))
    plant.feed(batch([(STEP, 400, 20)]), *rows(quiet(REFERENCE + 20), 200))
    plant.feed(batch([(STEP, 700, 0)]), *rows(quiet(20, seed=3) + 50.0, 352))  # out of the phase nothing is read
    assert advice(plant.said) == []

    far = quiet(150, seed=3)
    far[:, 0] += 5.0
    plant.feed(batch([(STEP, 800, 20)]), *rows(far, 400), batch([(STEP, 1100, 0)]), *rows(quiet(10), 551))

    opened, closed = of_rule(plant.said, "advice.shift")
    assert opened.onset_ns < T0 + 830 * SECOND
    assert opened.phase == "dose"
    assert closed.at_ns == T0 + 1100 * SECOND
    assert closed.message.startswith("Advisory: R101 was not as in its reference until the end of phase dose")


def test_a_run_that_begins_is_no_change_of_the_one_before() -> None:
    steady = Steady(2, REFERENCE)
    for row in quiet(REFERENCE):
        steady.update(row)
    steady.restart()
    told = []
    for row in quiet(USUAL_CHANGE.rows - 1, seed=3) + 30.0:
        steady.update(row)
        told.append(steady.told)

    assert not any(told)


def test_in_another_unit_of_measurement_it_begins_anew() -> None:
    plant = watched(novelty=NoveltyWatch(2 * SECOND, MINUTE, 60))
    far = quiet(200)
    far[190:, 1] += 0.2
    plant.feed(*rows(far))
    plant.feed(TagDefined(replace(TAGS[TT], version=2, unit="K"), T0), TagDefined(replace(TAGS[PT], version=2), T0))

    kelvin = quiet(55, seed=3)
    kelvin[:, 0] += 273.15

    said = advice(plant.feed(*rows(kelvin, 200)))
    assert [(each.stage, each.message) for each in said] == [
        (Stage.CLEARED, "Advisory: R101 gets another reference: a tag is in another unit of measurement.")
    ]


def test_other_rules_keep_the_reference_of_what_is_watched_as_before() -> None:
    plant = watched()
    plant.feed(*rows(quiet(200)))
    for steady, expected in ((ALWAYS, True), (replace(ALWAYS, stale_ns=2 * MINUTE), False)):
        rules = watched(steady, hash="another").rules
        bank = Bank(rules, TAGS)
        bank.carry_over(plant.detector.snapshot())
        other = Plant(rules, bank)
        other.position = plant.position
        far = quiet(60, seed=3)
        far[:, 1] += 0.2

        said = other.feed(*rows(far, 200))

        assert bool(of_rule(said, "advice.shift")) is expected


def test_a_tag_that_never_moved_in_the_reference_counts_for_nothing() -> None:
    values = np.hstack([quiet(400), np.full((400, 2), 7.0)])
    values[:REFERENCE, 3] = np.nan  # nothing is known of it
    values[200:, 2] += 1e-3
    alone, beside = Steady(2, REFERENCE), Steady(4, REFERENCE)
    for row in values:
        alone.update(row[:2])
        beside.update(row)
        assert (beside.score, beside.alarm, beside.told) == (alone.score, alone.alarm, alone.told)


def test_values_beyond_all_sense_are_not_known() -> None:
    plain, odd = Steady(2, REFERENCE), Steady(2, REFERENCE)
    for number, row in enumerate(quiet(300)):
        holed, wild = row.copy(), row.copy()
        if number % 7 == 0:
            holed[0], wild[0] = np.nan, (1e300, -np.inf, 1e100)[number % 3]
        plain.update(holed)
        odd.update(wild)
        assert odd.score == plain.score


def test_a_reference_no_longer_than_a_change_looks_back_is_refused() -> None:
    with pytest.raises(ValueError, match="a reference of 92 rows"):
        Steady(2, USUAL_CHANGE.rows)


def test_the_bank_says_of_a_tag_what_the_novelty_says() -> None:
    values = quiet(400)
    values[250, 0] = 75.0
    core, told = Novelty(NoveltyRule(), quiet=60), []
    for cell, value in enumerate(values[:, 0].tolist()):
        core.update(value)
        told += [cell] * core.told

    said = advice(watched(None, NoveltyWatch(2 * SECOND, MINUTE, 60)).feed(*rows(np.vstack([values, quiet(2)]))))

    assert 250 in told
    assert cells(said, Stage.CLEARED, "advice.novelty") == told
    at = next(each for each in said if each.evidence["value"] == 75.0)
    assert at.message.startswith("Advisory: R101.TT is where it never was: 75 °C, nearest before 6")
    assert at.evidence["nearest"] == max(values[:250, 0])


def test_what_is_remembered_of_a_tag_is_taken_back_to_the_last_bit() -> None:
    rule = NoveltyRule(memory=40, window=30, smooth=5, rest=20, warm=10)
    values = np.random.default_rng(3).normal(0.0, 1.0, 150).round(2)
    straight, scores = Novelty(rule), []
    for value in values.tolist():
        straight.update(value)
        scores.append((straight.score, straight.told))
    for stop in range(0, 150, 7):
        first, second = Novelty(rule), Novelty(rule)
        for value in values[:stop].tolist():
            first.update(value)
        second.load(first.state(), first.arrays())
        for number, value in enumerate(values[stop:].tolist(), start=stop):
            second.update(value)
            assert (second.score, second.told) == scores[number]
