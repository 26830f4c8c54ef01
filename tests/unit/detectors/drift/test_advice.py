"""Second opinions of online models: advisory, an event, and without any state of theirs."""

from dataclasses import replace

import numpy as np
import pytest

from alarms.defaults import DEFAULTS
from detectors.drift.advice import Remembered, opinions
from domain.rules import DriftRule, Priority
from tests.unit.detectors.plant import MINUTE, PT, RULES, STEP, TT, Plant, batch, of_rule, rulebook


def asking(advisory: bool = True):
    drift = DriftRule(MINUTE, target=60.0, sigma=0.1, advisory=advisory)
    return rulebook(tags={**RULES, "R101.TT": replace(RULES["R101.TT"], drift=drift)})


def drift(plant: Plant):
    noise = np.random.default_rng(3).normal(0.0, 0.1, 100)
    steps = noise + 60.0 + 0.6 * (np.arange(100) > 60)
    said = []
    for number, value in enumerate(steps.tolist()):
        said += plant.series(TT, 10 + 60 * number, 30, [value] * 2) + plant.beat(45 + 60 * number)
    return said


def test_a_drift_that_is_found_gets_a_second_opinion_that_says_advisory():
    said = drift(Plant(asking()).in_phase())
    (advice,) = of_rule(said, "advice.drift")

    assert advice.message.startswith("Advisory: ")
    assert advice.evidence["advisory"] == "yes"
    assert advice.evidence["of"] in {each.id for each in said if each.rule.startswith("drift.")}
    assert 0.0 <= advice.evidence["half_space_trees"] <= 1.0
    assert advice.evidence["one_class_svm"] > 0.0


def test_it_is_an_event_and_alarms_nobody():
    assert DEFAULTS["advice.drift"].rule.priority is Priority.EVENT


def test_nobody_is_advised_who_did_not_ask():
    assert of_rule(drift(Plant(asking(advisory=False)).in_phase()), "advice.drift") == []


def test_what_judges_does_not_depend_on_it():
    with_it, without = (drift(Plant(asking(advisory)).in_phase()) for advisory in (True, False))

    assert [each for each in with_it if each.rule != "advice.drift"] == without


def test_it_ends_with_the_drift_also_after_a_restart():
    plant = Plant(asking()).in_phase()
    drift(plant)
    plant = plant.restarted()
    said = plant.feed(batch([(STEP, 9000, 0)]), batch([(PT, 9006, 0.1)]))

    assert [each.stage for each in of_rule(said, "advice.drift")] == ["cleared"]


def test_a_restart_just_before_the_drift_gives_the_same_opinion():
    told = []
    for stops in (False, True):
        plant = Plant(asking()).in_phase()
        noise = np.random.default_rng(3).normal(0.0, 0.1, 60) + 60.0
        plant.series(TT, 10, 60, noise.tolist())
        plant = plant.restarted() if stops else plant
        found = plant.series(TT, 3610, 60, [60.8] * 20)
        plant = plant.restarted() if stops else plant
        told.append(of_rule(found + plant.beat(4810), "advice.drift"))

    assert told[0] == told[1] != []


@pytest.mark.parametrize(("step", "said"), [(0.0, "no change"), (4.0, "change")])
def test_page_hinkley_sees_a_step_and_none_in_noise(step, said):
    own = np.random.default_rng(1).normal(0.0, 1.0, 32) + step * (np.arange(32) > 16)

    assert opinions(Remembered(own, own[:, None], 17))["page_hinkley"] == said


def test_few_windows_before_the_drift_give_no_score():
    own = np.zeros(20)

    assert "half_space_trees" not in opinions(Remembered(own, own[:, None], 5))
