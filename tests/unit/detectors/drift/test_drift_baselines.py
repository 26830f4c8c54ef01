"""Baselines of a phase: its course and spread by the preceding batches, frozen, named, and kept over restarts."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.bank import Bank
from domain.entries import Position
from domain.rules import DriftRule
from tests.unit.detectors.plant import (
    BATCH,
    MINUTE,
    PT,
    RECIPE,
    RULES,
    STEP,
    TAGS,
    TT,
    Plant,
    batch,
    findings,
    of_rule,
    rulebook,
    texts,
)

MINUTES = 120
EVERY_H = 4.0  # hours from batch to batch


def rules(**given: object):
    drift = DriftRule(MINUTE, learn=15, batches=3, **given)  # type: ignore[arg-type]
    return rulebook(tags={**RULES, "R101.TT": replace(RULES["R101.TT"], drift=drift)})


def heating(minutes: np.ndarray) -> np.ndarray:
    """A phase with a course: from 58.2 towards 60.2."""
    return 60.2 - 2.0 * np.exp(-minutes / 25.0)


def run(plant: Plant, number: int, extra=lambda minutes: 0.0 * minutes, minutes: int = MINUTES, offset: float = 0.0):
    """One batch in the dosing phase, a sample every twelve seconds, then an idle unit; what is said of it."""
    start = number * EVERY_H * 3600
    random = np.random.default_rng(100 + number)
    at = np.arange(minutes * 5) * 12.0
    noise = random.normal(0.0, 0.08, len(at)) + random.normal(0.0, 0.03)
    value = heating(at / 60) + noise + extra(at / 60) + offset
    plant.feed(texts([(BATCH, start, f"B-{number}")]), batch([(STEP, start, 20)]), batch([(PT, start + 6, 0.1)]))
    said = plant.feed(batch([(TT, start + 10 + float(t), float(v)) for t, v in zip(at, value, strict=True)]))
    end = start + minutes * 60 + 60
    said += plant.feed(batch([(STEP, end, 0)]), texts([(BATCH, end, "")]), batch([(PT, end + 6, 0.1)]))
    return findings(said)


def learnt(plant: Plant | None = None, batches: int = 3) -> Plant:
    plant = Plant(rules()) if plant is None else plant
    for number in range(batches):
        run(plant, number)
    return plant


def slow(minutes: np.ndarray) -> np.ndarray:
    return 0.012 * minutes


def drifts(said) -> list:
    return [each for each in said if each.rule.startswith("drift.")]


def test_a_slow_ramp_from_the_first_minute_on_is_found_by_what_preceding_batches_did():
    found = drifts(run(learnt(), 7, slow))

    assert found[0].version == 1
    assert found[0].at_ns < at_minute(7, 60)


def at_minute(number: int, minute: float) -> int:
    return TAGS and 1_760_000_400_000_000_000 + round((number * EVERY_H * 3600 + 60 * minute) * 1e9)


def test_the_course_of_a_phase_is_no_drift_once_it_is_known():
    plant = learnt()

    assert [drifts(run(plant, number)) for number in range(4, 12)] == [[]] * 8


def test_a_finding_names_the_baseline_its_batches_and_a_digest():
    found = drifts(run(learnt(), 7, slow))[0]

    assert str(found.evidence["baseline"]).startswith("API-1 v7 dose: 3 batches, B-0 to B-2 (")
    assert found.evidence["learnt"] == "from 238 windows"


def test_a_baseline_is_frozen_after_its_batches():
    plant = learnt()
    first = drifts(run(plant, 7, slow))[0].evidence["baseline"]
    for number in range(8, 11):
        run(plant, number)

    assert drifts(run(plant, 12, slow))[0].evidence["baseline"] == first


def test_until_there_are_enough_batches_a_run_is_charted_by_itself():
    found = drifts(run(learnt(batches=2), 7, lambda minutes: 1.5 * (minutes > 80)))

    assert found[0].evidence["baseline"] == "the first windows of this phase"


def test_a_batch_that_left_a_range_is_no_reference():
    plant = learnt(batches=2)
    run(plant, 3, lambda minutes: 3.0 * (minutes > 100))
    named = lambda: drifts(run(plant, 9, slow))  # noqa: E731

    run(plant, 4)
    assert "3 batches, B-0 to B-4" in str(named()[0].evidence["baseline"])


def test_a_run_that_was_not_seen_from_its_start_is_no_reference():
    plant = learnt(batches=2)
    start = 3 * EVERY_H * 3600
    plant.feed(texts([(BATCH, start, "B-3")]), batch([(STEP, start, 20)]), batch([(PT, start + 6, 0.1)]))
    plant.feed(batch([(TT, start + 1800 + 12.0 * n, 60.0) for n in range(300)]))
    plant.feed(batch([(STEP, start + 6000, 0)]), batch([(PT, start + 6006, 0.1)]))
    run(plant, 4)

    assert "B-0 to B-4" in str(drifts(run(plant, 9, slow))[0].evidence["baseline"])


def test_a_longer_batch_makes_longer_steps_of_the_same_course():
    plant = Plant(rules())
    for number, minutes in enumerate((60, 120, 200)):
        run(plant, number, minutes=minutes)

    assert drifts(run(plant, 7, minutes=200)) == []
    assert drifts(run(plant, 9, slow, minutes=200))


def test_batches_that_differ_in_level_are_not_alarmed_of_for_that():
    plant = Plant(rules())
    for number, offset in enumerate((0.3, -0.3, 0.2)):
        run(plant, number, offset=offset)

    assert drifts(run(plant, 7, offset=-0.3)) == []


def test_another_recipe_version_learns_anew():
    plant = learnt()
    newer = replace(rules(), recipes={"API-1": replace(RECIPE, version=8)}, hash="fedcba9876543210")
    detector = Bank(newer, TAGS)
    detector.carry_over(plant.detector.snapshot())
    other = Plant(newer, detector)
    other.position = plant.position
    found = drifts(run(other, 7, lambda minutes: 1.5 * (minutes > 80)))

    assert found[0].evidence["baseline"] == "the first windows of this phase"


def test_a_change_of_rules_keeps_the_baselines():
    plant = learnt()
    stricter = rulebook(tags={**rules().tags, "R101.PT": replace(RULES["R101.PT"], rate_per_min=0.1)}, hash="fed")
    detector = Bank(stricter, TAGS)
    detector.carry_over(plant.detector.snapshot())
    other = Plant(stricter, detector)
    other.position = plant.position

    assert "3 batches" in str(drifts(run(other, 7, slow))[0].evidence["baseline"])


@pytest.mark.parametrize("minute", [0, 30, 119])
def test_a_restart_within_a_run_changes_nothing(minute):
    straight, stopped = learnt(batches=2), learnt(batches=2)
    for plant in (straight, stopped):
        start = 3 * EVERY_H * 3600
        plant.feed(texts([(BATCH, start, "B-3")]), batch([(STEP, start, 20)]), batch([(PT, start + 6, 0.1)]))
        values = heating(np.arange(120.0)) + 0.05 * np.sin(np.arange(120.0))
        rows = [(TT, start + 30 + 60 * n, float(value)) for n, value in enumerate(values)]
        if minute:
            plant.feed(batch(rows[:minute]))
        if plant is stopped:
            plant = stopped = stopped.restarted()  # noqa: PLW2901
        plant.feed(batch(rows[minute:]))
        plant.feed(batch([(STEP, start + 8000, 0)]), batch([(PT, start + 8006, 0.1)]))

    assert straight.detector.snapshot() == stopped.detector.snapshot()
    assert drifts(run(straight, 7, slow)) == drifts(run(stopped, 7, slow)) != []


def test_how_rows_are_cut_into_entries_does_not_matter_to_what_is_learnt():
    whole, cut = learnt(), Plant(rules())
    original = cut.detector.update
    calls = iter(range(10**9))

    def in_pieces(position: Position, entry):
        del position
        if hasattr(entry, "rows") and len(entry) > 10:
            return [
                said
                for start in range(0, len(entry), 7)
                for said in original(Position(next(calls) + 1), entry.rows(slice(start, start + 7)))
            ]
        return original(Position(next(calls) + 1), entry)

    cut.detector.update = in_pieces  # type: ignore[method-assign]
    learnt(cut)
    one, other = (drifts(run(plant, 7, slow)) for plant in (whole, cut))

    assert [(each.at_ns, dict(each.evidence)) for each in one] == [(each.at_ns, dict(each.evidence)) for each in other]


def test_drift_findings_of_a_rule_without_baselines_say_so():
    plant = Plant(rules(target=60.0, sigma=0.1))

    assert of_rule(run(plant, 0, slow), "drift.cusum")[0].evidence["baseline"] == "given"
