"""A drift that stays at another level: the chart restarts there, says so, and alarms no more often than before."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.drift.charts import Charts
from domain.rules import DriftRule
from tests.unit.detectors.plant import HOUR, MINUTE, RULES, TT, Plant, at, batch, of_rule, rulebook


def plant(**given: object) -> Plant:
    rule = DriftRule(MINUTE, restart_ns=HOUR, **given)  # type: ignore[arg-type]
    return Plant(rulebook(tags={**RULES, "R101.TT": replace(RULES["R101.TT"], drift=rule)})).in_phase()


def values(*levels: tuple[float, int], seed: int = 1) -> list[float]:
    """Levels, each for so many minutes, a sample every ten seconds."""
    mean = np.concatenate([np.full(6 * minutes, level) for level, minutes in levels])
    return (mean + np.random.default_rng(seed).normal(0.0, 0.05, len(mean))).tolist()


GIVEN = {"target": 60.0, "sigma": 0.1}
STEPS = values((60.0, 100), (60.6, 120), (60.0, 60))


def test_a_new_level_is_said_with_the_old_one_and_charted_from_there():
    said = plant(**GIVEN).series(TT, 10, 10, STEPS)

    over = of_rule(said, "drift.cusum")
    first = next(each for each in over if each.stage == "cleared")
    assert abs(first.onset_ns - at(100 * 60 + 10)) <= 2 * MINUTE
    assert first.evidence["restarted"] == "yes"
    assert first.evidence["old_level"] == 60.0
    assert first.evidence["new_level"] == pytest.approx(60.6, abs=0.05)
    assert HOUR <= first.at_ns - first.onset_ns <= HOUR + 2 * MINUTE
    assert "has stayed at 60.6" in first.message
    back = next(each for each in over if each.version == 1 and each.onset_ns > first.at_ns)
    assert back.evidence["target"] == pytest.approx(60.6, abs=0.05)
    assert abs(back.onset_ns - at(220 * 60 + 10)) <= 2 * MINUTE


def test_a_learnt_baseline_restarts_too():
    said = plant().series(TT, 10, 10, STEPS)

    assert [each for each in of_rule(said, "drift.cusum") if each.evidence.get("restarted") == "yes"]


def test_without_the_rule_a_drift_lasts():
    rule = DriftRule(MINUTE, target=60.0, sigma=0.1)
    other = Plant(rulebook(tags={**RULES, "R101.TT": replace(RULES["R101.TT"], drift=rule)})).in_phase()
    said = other.series(TT, 10, 10, values((60.0, 100), (60.6, 120)))

    assert {each.stage for each in of_rule(said, "drift.cusum")} == {"open"}


def test_what_still_moves_is_not_taken_for_a_level():
    moving = (60.0 + 0.012 * np.maximum(np.arange(6 * 200) / 6 - 40, 0)).tolist()
    said = plant(**GIVEN).series(TT, 10, 10, moving)

    assert {each.stage for each in of_rule(said, "drift.cusum")} == {"open"}


def test_an_excursion_goes_on_though_the_chart_restarts():
    said = plant(**GIVEN).series(TT, 10, 10, values((60.0, 60), (63.0, 120)))

    assert [each for each in of_rule(said, "drift.cusum") if each.evidence.get("restarted") == "yes"]
    assert {each.stage for each in of_rule(said, "excursion.nor.high")} == {"open"}


@pytest.mark.parametrize("cut", [0, 650, 1000, 1010, 1025, 1400])
def test_neither_a_restart_of_the_service_nor_the_batching_shows(cut):
    rows = [(TT, 10 + 10 * number, value) for number, value in enumerate(STEPS)]
    whole = plant(**GIVEN)
    said = whole.feed(batch(rows))
    parts = plant(**GIVEN)
    first = parts.feed(batch(rows[:cut])) if cut else []
    other = parts.restarted()
    other.position = whole.position - 1
    again = [*first, *other.feed(batch(rows[cut:]))]

    def alike(found):
        return [(each.rule, each.version, each.stage, each.at_ns, each.message, each.evidence) for each in found]

    assert alike(again) == alike(said)


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_false_alarms_after_a_restart_are_as_rare_as_stated(phi):
    count, arl0, windows = 300, 300.0, 1200
    random = np.random.default_rng(3)
    charts, places = Charts(), np.arange(1, count + 1)
    rule = DriftRule(MINUTE, arl0=arl0, target=0.0, sigma=1.0)
    for place in places.tolist():
        charts.add(place, rule)
        charts.start(place, rule, 0, 0.0)
        charts.phi[place] = phi
    level = random.normal(0.0, 1.0, count) / np.sqrt(1.0 - phi * phi)
    alarms = 0
    for number in range(40 + windows):
        now_ns = np.full(count, number * MINUTE)
        charts.keep(places, level + 5.0, now_ns)
        charts.chart(places, level + 5.0, now_ns)
        if number >= 40:
            beyond = charts.sums[1 : count + 1, 0:2].max(axis=1) > charts.h[1 : count + 1, 0]
            alarms += int(beyond.sum())
            charts.sums[1 : count + 1][beyond] = 0.0
        if number == 39:
            settled = [charts.restart(place, rule) is not None for place in places.tolist()]
            assert np.mean(settled) > 0.8
            places = places[np.array(settled)]
            level, count = level[settled], len(places)
            charts = _only(charts, places)
            places = np.arange(1, count + 1)
        level = phi * level + random.normal(0.0, 1.0, count)

    assert 0.5 < windows * count / alarms / arl0 < 2.5


def _only(charts: Charts, places: np.ndarray) -> Charts:
    chosen = Charts()
    chosen.load({name: column[[0, *places.tolist()]] for name, column in charts.arrays().items()} | _courses(places))
    return chosen


def _courses(places: np.ndarray) -> dict[str, np.ndarray]:
    return {"course": np.zeros((0, 32)), "rough": np.ones((0, 32))}
