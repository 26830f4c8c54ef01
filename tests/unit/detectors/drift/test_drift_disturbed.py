"""What happens to charts in a plant: rows stop, quality is lost, readings are coarse, clocks step, services restart."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from domain.findings import Finding
from domain.rules import DriftRule
from tests.unit.detectors.plant import BAD, MINUTE, RULES, TT, Plant, batch, of_rule, rulebook

Rows = list[tuple[int, float, float, int]]
HOUR = 3600.0
LEARNT = DriftRule(MINUTE, learn=20)


def noise(rows: int, sigma: float = 0.05, seed: int = 3) -> list[float]:
    return np.random.default_rng(seed).normal(60.0, sigma, rows).tolist()


def readings(start_s: float, values: list[float], quality: int = 0) -> Rows:
    return [(TT, start_s + 10.0 * number, value, quality) for number, value in enumerate(values)]


def judged(rows: Rows, rule: DriftRule, *, restarts: bool = False) -> list[Finding]:
    """What is said of rows, in entries of 37 (so that windows span them), with a restart before each of them or none."""
    tags = {**RULES, "R101.TT": replace(RULES["R101.TT"], drift=rule)}
    plant = Plant(rulebook(tags=tags)).in_phase()
    said: list[Finding] = []
    for begin in range(0, len(rows), 37):
        plant = plant.restarted() if restarts else plant
        said += of_rule_of_drift(plant.feed(batch(rows[begin : begin + 37])))
    return said


def of_rule_of_drift(said: Iterable[object]) -> list[Finding]:
    return [each for rule in ("drift.cusum", "drift.ewma") for each in of_rule(said, rule)]


def quiet_then(later: Callable[[float], Rows]) -> Rows:
    """Two quiet hours, and what comes after them."""
    return readings(10, noise(720)) + later(2 * HOUR + 10)


QUIET: dict[str, Rows] = {
    "rows stop and go on hours later": quiet_then(lambda at: readings(at + 5 * HOUR, noise(720, seed=4))),
    "one bad hour": quiet_then(lambda at: readings(at, [0.0] * 360, BAD) + readings(at + HOUR, noise(360, seed=4))),
    "a clock that steps back": quiet_then(lambda at: readings(at - HOUR, noise(720, seed=4))),
    "a clock that steps forward": quiet_then(lambda at: readings(at + HOUR, noise(720, seed=4))),
    "all readings equal": readings(10, [60.0] * 1440),
    "readings of two neighbouring steps": readings(10, [60.0 if number % 3 else 60.1 for number in range(1440)]),
    "equal readings while it is learnt, then the least step": readings(10, [60.0] * 720 + [60.0001] * 720),
}


@pytest.mark.parametrize("what", QUIET)
@pytest.mark.parametrize("rule", [LEARNT, DriftRule(MINUTE, target=60.0, sigma=0.05)], ids=["learnt", "given"])
def test_nothing_of_this_is_a_drift(what: str, rule: DriftRule) -> None:
    if rule is not LEARNT and what == "readings of two neighbouring steps":
        pytest.skip("their mean is no 60.0: it is off what was given")

    assert judged(QUIET[what], rule) == []


def ramp_that_pauses() -> Rows:
    """It drifts for forty minutes, nothing comes for three hours, and it goes on where it would be."""
    drifts = [value + 0.02 * number / 6 for number, value in enumerate(noise(480, seed=5))]
    return quiet_then(lambda at: readings(at, drifts[:240]) + readings(at + 3 * HOUR, drifts[240:]))


def test_a_drift_that_pauses_is_one_drift() -> None:
    said = judged(ramp_that_pauses(), LEARNT)

    assert [each.rule for each in said if each.version == 1] == ["drift.cusum", "drift.ewma"]
    assert {each.stage for each in said} == {"open"}


@pytest.mark.parametrize("rows", [ramp_that_pauses(), *list(QUIET.values())[:2]], ids=["ramp", *list(QUIET)[:2]])
def test_a_restart_at_each_entry_changes_nothing(rows: Rows) -> None:
    assert judged(rows, LEARNT, restarts=True) == judged(rows, LEARNT)
