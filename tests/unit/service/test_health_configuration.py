"""What is watched on instruments and compared within a unit: what the file may say, and what is refused with its place."""

import re

import pytest

from domain.errors import ConfigError
from domain.health import TagHealth
from service.config.build import load

FILE = """
sources: {train: {opcua: {url: "opc.tcp://127.0.0.1:4840/"}}}
tags:
  R1.TT: {source: train, node: "ns=2;s=TT", unit: degC, health: auto, frozen: 2h}
  R1.TT2: {source: train, node: "ns=2;s=TT2", unit: degC, stale: auto}
  R1.PT: {source: train, node: "ns=2;s=PT", unit: bar, reference: gauge, sensor: {calibrated: 2026-01-10, every: 180d}}
units:
  R1: {checks: CHECKS}
recipes:
  API-1: {version: 1, phases: {dose: {expects: EXPECTS}}}
"""


def loaded(tmp_path, checks="{pairs: [{roles: [TT, TT2], limit: 0.5 delta_degC}]}", expects="{TT: {above: 50}}"):
    file = tmp_path / "thermowell.yaml"
    file.write_text(FILE.replace("CHECKS", checks).replace("EXPECTS", expects), encoding="utf-8")
    return load(file)


def test_auto_turns_on_all_that_needs_no_figure_and_a_time_goes_before_it(tmp_path):
    tags = loaded(tmp_path).rulebook.tags

    assert tags["R1.TT"].health == TagHealth(stale=True, noise=True, spike=True, jump=True, sensor_range=True)
    assert tags["R1.TT"].frozen_after_ns == 7200 * 10**9
    assert tags["R1.TT2"].health == TagHealth(stale=True)
    calibration = tags["R1.PT"].health
    assert calibration.calibration_due_ns - calibration.calibrated_ns == 180 * 86400 * 10**9


def test_checks_and_expectations_are_in_the_tags_units(tmp_path):
    rules = loaded(tmp_path, expects="{TT: {rises: 30 delta_degC/h, until: 50, after: 5min}}").rulebook

    assert rules.units["R1"].checks.pairs[0].limit == 0.5
    (expected,) = rules.recipes["API-1"].phases["dose"].expects
    assert expected.rises_per_min == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("checks", "complaint"),
    [
        ("{pairs: [{roles: [TT, JT]}]}", "the unit has no tag for the parameter 'JT'"),
        ("{pairs: [{roles: [TT, PT]}]}", "R1.TT and R1.PT differ in unit or reference"),
        ("{witnesses: {TT: [XX]}}", "the unit has no tag for the parameter 'XX'"),
        ("{vapour: {phases: [distil]}}", "needs exactly one of `solvent` and `antoine`"),
        ("{jacket: {phases: [heat], transfer: 1}}", "needs both of `transfer` and `limit`, or none of them"),
        ("{balances: {b: {level: TT, terms: {PT: {factor: 1}}, phases: [x], over: 2h}}}", "must be 1 min to 40 min"),
    ],
)
def test_checks_that_cannot_judge_are_refused_with_their_place(tmp_path, checks, complaint):
    with pytest.raises(ConfigError, match=rf"thermowell\.yaml:8:\d+: units\.R1\.checks.*{re.escape(complaint)}"):
        loaded(tmp_path, checks)


@pytest.mark.parametrize(
    ("expects", "complaint"),
    [
        ("{JT: {above: 5}}", "no unit has a tag for the parameter 'JT'"),
        ("{TT: {after: 5min}}", "needs one of `above`, `below`, `rises`, `falls` and `steady`"),
    ],
)
def test_expectations_that_cannot_judge_are_refused_with_their_place(tmp_path, expects, complaint):
    with pytest.raises(ConfigError, match=rf"thermowell\.yaml:10:\d+: .*expects.*{re.escape(complaint)}"):
        loaded(tmp_path, expects=expects)
