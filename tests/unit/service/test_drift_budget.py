"""The plant's budget of false alarms, and what a tag gets of it."""

from argparse import Namespace

import pytest

from domain.errors import ConfigError
from domain.rules import ConfirmedRunLength, DriftRule
from service.cli.check import run as run_check
from service.config.build import load

FILE = """
sources:
  train: {{opcua: {{url: "opc.tcp://127.0.0.1:4840/", security: None}}}}
{budget}
tags:
  A: {{source: train, node: "ns=2;s=A", drift: {{every: 60s}}}}
  B: {{source: train, node: "ns=2;s=B", drift: {{every: 10s}}}}
  C: {{source: train, node: "ns=2;s=C", drift: {{every: 60s, {own}}}}}
"""
WEEK_MIN = 7 * 24 * 60


def rules(tmp_path, budget="", own="arl0: 500") -> dict[str, DriftRule]:
    file = tmp_path / "thermowell.yaml"
    file.write_text(FILE.format(budget=budget, own=own))
    found = load(file).rulebook.tags
    return {name: tag.drift for name, tag in found.items() if tag.drift is not None}


def test_one_a_week_is_shared_by_all_charts_of_the_tags_without_a_run_length_of_their_own(tmp_path):
    found = rules(tmp_path)

    # Two tags share; each has two CUSUMs and an EWMA.
    assert found["A"].arl0 == pytest.approx(3 * 2 * WEEK_MIN)
    assert found["B"].arl0 == pytest.approx(3 * 2 * WEEK_MIN * 6)
    assert found["C"].arl0 == 500.0


def test_all_charts_together_alarm_falsely_as_often_as_the_budget_says(tmp_path):
    found = rules(tmp_path, "drift: {false_alarms: 2 per day}", "k: 0.5")
    per_day = sum(rule.charts * 86_400e9 / (rule.arl0 * rule.every_ns) for rule in found.values())

    assert found["C"].charts == 2
    assert per_day == pytest.approx(2.0)


def test_a_budget_that_is_no_rate_is_refused_with_its_place(tmp_path):
    with pytest.raises(ConfigError, match=r"drift.false_alarms: 'seldom' is no rate"):
        rules(tmp_path, "drift: {false_alarms: seldom}")


@pytest.mark.parametrize("k", ["k: [0.5, 0.25, 0.1]", "k: 0", "k: []"])
def test_a_tag_has_one_cusum_or_two(tmp_path, k):
    with pytest.raises(ConfigError, match="drift"):
        rules(tmp_path, own=k)


_WINDOWS = "{CUSUM k 0.5: [400, 700], EWMA λ 0.2: [450, null]}"
CONFIRMED = f"arl0: 500, confirmed: {{on: 2026-11-02, stated: 500, windows: {_WINDOWS}}}"


def test_what_was_confirmed_of_charts_stands_in_the_rule(tmp_path):
    assert rules(tmp_path, own=CONFIRMED)["C"].confirmed == (
        ConfirmedRunLength("CUSUM k 0.5", "2026-11-02", 500.0, 400.0, 700.0),
        ConfirmedRunLength("EWMA λ 0.2", "2026-11-02", 500.0, 450.0, None),
    )


def test_what_was_confirmed_of_a_chart_that_is_not_there_is_refused_with_its_place(tmp_path):
    with pytest.raises(
        ConfigError, match=r"thermowell\.yaml:8:\d+: .*the tag has no chart 'EWMA λ 0.2' but CUSUM k 0.5"
    ):
        rules(tmp_path, own=f"lambda: 0.1, {CONFIRMED}")


PLANT = """
sources:
  train: {{opcua: {{url: "opc.tcp://127.0.0.1:4840/", security: None}}}}
units:
  R101: {{phase: {{tag: R101.STEP, map: {{10: charge, 20: dose}}}}}}
tags:
  R101.STEP: {{source: train, node: "ns=2;s=S"}}
  R101.TT: {{source: train, node: "ns=2;s=T", unit: degC, drift: {{target: {target}, sigma: 0.1}}}}
  R101.TSP: {{source: train, node: "ns=2;s=SP", unit: degC}}
recipes:
  API-1:
    version: 1
    phases:
      charge: {{{charge}}}
      dose: {{TT: {{unit: degC, set_point: TSP, relative: {{unit: delta_degC, nor: [-2, 2], alert: [-80, 80]}}}}}}
"""


def check(tmp_path, target: float, charge: str = "") -> None:
    file = tmp_path / "thermowell.yaml"
    file.write_text(PLANT.format(target=target, charge=charge))
    load(file)


@pytest.mark.parametrize("target", [-2.0, 0.0, 2.0])
def test_a_target_within_the_ranges_around_a_set_point_is_a_deviation(tmp_path, target):
    check(tmp_path, target)


@pytest.mark.parametrize("target", [60.0, -2.001, 2.001])
def test_a_target_outside_the_innermost_range_around_a_set_point_is_refused(tmp_path, target):
    with pytest.raises(
        ConfigError, match=r"drift\.target: .* lies outside the ranges around the set point in phase 'dose'"
    ):
        check(tmp_path, target)


def test_a_target_cannot_be_a_reading_and_a_deviation(tmp_path):
    with pytest.raises(
        ConfigError, match=r"deviation .* in phase 'dose' of API-1 and by its reading in phase 'charge'"
    ):
        check(tmp_path, 0.0, "TT: {unit: degC, nor: [-5, 5]}")


@pytest.mark.parametrize(
    ("own", "place"),
    [
        ("learn: 99", "8:48"),
        ("arl0: 500", "8:40"),
        ("learn: 60, target: 1.0", "8:48"),
    ],
)
def test_a_chart_that_learns_from_few_windows_is_warned_of_with_its_place(tmp_path, capsys, own, place):
    file = tmp_path / "thermowell.yaml"
    file.write_text(
        FILE.replace("{{every: 60s}}", "{{learn: 100}}")
        .replace("{{every: 10s}}", "{{learn: 100}}")
        .format(budget="", own=own)
        .replace("every: 60s, ", "")
    )

    assert run_check(Namespace(file=file)) == 0

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{file}:{place}: tags.C.drift.learn: warning: a baseline learnt from ")


@pytest.mark.parametrize("own", ["learn: 100", "target: 1.0, sigma: 0.1", CONFIRMED])
def test_a_chart_that_learns_from_many_or_nothing_or_was_confirmed_is_not_warned_of(tmp_path, own):
    file = tmp_path / "thermowell.yaml"
    file.write_text(FILE.format(budget="", own=own))

    assert [each.path for each in load(file).warnings] == ["tags.A.drift.learn", "tags.B.drift.learn"]


def test_a_template_is_warned_of_once_for_all_its_units(tmp_path):
    file = tmp_path / "thermowell.yaml"
    file.write_text("""
sources:
  train: {opcua: {url: "opc.tcp://127.0.0.1:4840/", security: None}}
templates:
  reactor: {tags: {"{unit}.TT": {node: "ns=2;s={unit}.TT", drift: {learn: 20}}}}
units:
  R101: {template: reactor, source: train}
  R102: {template: reactor, source: train}
""")

    (warning,) = load(file).warnings
    assert (warning.line, warning.path) == (5, "templates.reactor.tags.{unit}.TT.drift.learn")
