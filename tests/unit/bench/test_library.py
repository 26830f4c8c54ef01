"""The scenarios that come with the bench: all are read, each teaches something, together they show every fault."""

import argparse
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import ConfigError
from domain.time import ScaledTime
from service.bench.reading import library, read_scenario
from service.bench.service_config import Addresses, service_config
from service.cli import check
from service.config.build import Configuration, load
from simulators.faults.catalogue import CATALOGUE
from simulators.scenario import Scenario
from simulators.tags import scenario_tags

FILES = {file.stem: file for file in library()}
SCENARIOS = {name: read_scenario(file) for name, file in FILES.items()}


def loaded(folder: Path, scenario: Scenario, *more: object) -> Configuration:
    file = folder / "thermowell.yaml"
    file.write_text(service_config(scenario, *more), encoding="utf-8")
    return load(file)


def shape(scenario: Scenario) -> tuple[object, ...]:
    """What the service's configuration depends on."""
    return scenario.layout, scenario.servers, repr(scenario.recipe)


def test_there_are_at_least_forty():
    assert len(SCENARIOS) >= 40


def test_each_is_named_as_its_file():
    assert {name: scenario.name for name, scenario in SCENARIOS.items() if scenario.name != name} == {}


def test_each_teaches_one_sentence():
    assert [name for name, scenario in SCENARIOS.items() if not scenario.teaches.endswith(".")] == []


def test_no_two_teach_the_same_or_have_the_same_seed():
    told = [(scenario.teaches, scenario.seed) for scenario in SCENARIOS.values()]

    assert [
        pair for pair in itertools.combinations(told, 2) if pair[0][0] == pair[1][0] or pair[0][1] == pair[1][1]
    ] == []


def test_every_kind_of_fault_is_shown():
    shown = {spec.kind for scenario in SCENARIOS.values() for spec in scenario.faults}

    assert set(CATALOGUE) - shown == set()


def test_nothing_may_be_lost_or_doubled_in_any():
    assert {(scenario.acceptance.lost, scenario.acceptance.doubled) for scenario in SCENARIOS.values()} == {(0, 0)}


def test_days_and_a_week_of_normal_work_are_among_them():
    normal_h = sorted(scenario.lasts_s // 3600 for scenario in SCENARIOS.values() if not scenario.faults)

    assert (normal_h[-1], normal_h.count(24) >= 2) == (168, True)


@pytest.mark.parametrize("name", {repr(shape(scenario)): name for name, scenario in SCENARIOS.items()}.values())
def test_the_configuration_of_its_service_passes_check(tmp_path, capsys, name):
    configuration = loaded(tmp_path, SCENARIOS[name])

    assert check.run(argparse.Namespace(file=configuration.file)) == 0
    assert {tag.name for tag in configuration.tags} == set(scenario_tags(SCENARIOS[name]).names)


def test_the_service_judges_by_the_plants_own_ranges(tmp_path):
    rules = loaded(tmp_path, SCENARIOS["temperature-just-inside"]).rulebook.recipes["API-1"].phases
    recipe = SCENARIOS["temperature-just-inside"].recipe

    for (phase, role), ranges in recipe.ranges.items():
        built = rules[phase].parameters[role]
        for kind, limits in built.ranges.items():
            assert (limits.low, limits.high) == getattr(ranges, kind.value)
        assert built.after_ns == ranges.after_s * 10**9


def test_durations_follow_the_recipe_in_proportion(tmp_path):
    scenario = SCENARIOS["normal-day"]
    phases = tuple(
        replace(phase, lasts_s=2 * phase.lasts_s) if phase.name == "dose" else phase for phase in scenario.recipe.phases
    )
    longer = loaded(tmp_path, replace(scenario, recipe=replace(scenario.recipe, phases=phases)))
    dose = longer.rulebook.recipes["API-1"].phases["dose"].duration

    assert (dose.low, dose.high) == (5 * 3600 * 10**9, 8 * 3600 * 10**9)


def test_a_tank_that_reactors_share_has_its_holds_once(tmp_path):
    holds = loaded(tmp_path, SCENARIOS["parallel-reactors-one-tank"]).rulebook.holds

    assert {name: hold.unit for name, hold in holds.items() if hold.unit.startswith("T")} == {
        "T101_crude": "T101",
        "T101_warm": "T101",
    }


def test_every_alarm_of_a_reactor_says_what_to_do(tmp_path):
    rules = loaded(tmp_path, SCENARIOS["normal-day"]).rulebook.tags

    assert {
        alarm.name: bool(alarm.cause and alarm.consequence and alarm.action) for alarm in rules["R101.TT"].alarms
    } == {"high": True, "low": True, "high_nor": True, "low_nor": True}


def test_addresses_and_the_plants_clock_are_the_services(tmp_path):
    addresses = Addresses("opc.tcp://127.0.0.1:4999/", "mqtt://127.0.0.1:1999", "./elsewhere", "127.0.0.1:0")
    configuration = loaded(tmp_path, SCENARIOS["normal-day"], addresses, ScaledTime(10, 20, 360.0))

    assert configuration.clock == ScaledTime(10, 20, 360.0)
    assert configuration.sources["train"].opcua.url == "opc.tcp://127.0.0.1:4999/"
    assert configuration.sources["floor"].mqtt.url == "mqtt://127.0.0.1:1999"


def test_what_the_service_cannot_read_is_said_before_the_run():
    scenario = SCENARIOS["normal-day"]

    with pytest.raises(ConfigError, match="cannot read Sparkplug B"):
        service_config(replace(scenario, servers=replace(scenario.servers, mqtt="sparkplug")))
