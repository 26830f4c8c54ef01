"""What a scenario file may say, and what is said of each wrong line, with its place."""

import re
from pathlib import Path

import pytest

from domain.errors import ConfigError
from service.bench.reading import find, read_scenario
from simulators.faults.spec import AtCondition, AtPhase, AtTime, Shape
from simulators.layout import SMALL, Layout, Line
from simulators.scenario import InstrumentChange, Scenario, Servers

GOOD = """\
name: a-scenario
teaches: What a reader of scenarios has to understand.
seed: 7
start: 2026-03-02T05:00:00Z
lasts: 9h
plant: {reactors: {R101: T101, R102: T201}}
recipe: {hold_limit: 3h, dose: {lasts: 2h, temperature: 61 degC, TT: {nor: [332.15 K, 62 degC]}}}
campaign: {starts: {R101: 20min, R102: -1h30min}, waits: 75min, batches: 2, spread: 0.4 %, fouling: 2 %/batch}
instruments: {R101.AT: {noise: 0.01, period: 10s}, R101.PT: {bias: 20 mbar, high: 300 kPa}}
faults:
  - {kind: cooling_lost, on: R101, start: {phase: dose, after: 30min}, lasts: 40min, left: 20 %}
  - {kind: drift, on: R101.AT, start: 4h, shape: {ramp: 2h, power: 2}, lasts: 3h, rate: 0.1 /h}
  - {kind: drift, on: R101.TT, start: 2026-03-02T07:00:00+01:00, lasts: 1h, rate: 1 delta_degF/min, id: warm}
  - {kind: leak, on: R102, start: {when: R102.TT, above: 331.15 K, for: 2min}, lasts: 10min}
  - {kind: cut, on: mqtt, start: {phase: react, of: R102, batch: every}, lasts: 5min, shape: {every: 60s, for: 10s}}
servers: {opcua: {publishing: 5s}, mqtt: uns}
acceptance: {found: 90 %, delay: {cooling_lost: 10min}, false_alarms: 0, lost: any}
"""


def read(folder: Path, text: str) -> Scenario:
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    return read_scenario(file)


def complaints(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return [str(complaint).removeprefix(f"{folder}/") for complaint in caught.value.complaints]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Scenario:
    return read(tmp_path_factory.mktemp("good"), GOOD)


def test_three_lines_are_a_scenario_of_the_usual_plant(tmp_path):
    scenario = read(tmp_path, "name: x\nteaches: The least that can be said.\nlasts: 1h\n")

    assert (scenario.layout, scenario.lasts_s, scenario.faults, scenario.servers) == (SMALL, 3600, (), Servers())


def test_a_lines_crystalliser_and_still_are_named_after_its_tank_unless_told_otherwise(tmp_path):
    plant = "plant: {reactors: {A1: T7, A2: T7, B1: HOLD}, lines: {HOLD: {crystalliser: K9, still: S9}}}"
    scenario = read(tmp_path, f"name: x\nteaches: Names of units.\nlasts: 1h\n{plant}\n")

    assert scenario.layout == Layout(("A1", "A2", "B1"), (Line("T7", "C7", "D7"), Line("HOLD", "K9", "S9")), (0, 0, 1))


def test_starts_may_lie_before_the_origin(good):
    assert good.plan.start_s == (1200, -5400)


def test_shares_are_read_as_shares(good):
    assert (good.plan.strength_spread, good.plan.fouling_per_batch) == (0.004, 0.02)


def test_a_phase_differs_only_where_it_says_so(good):
    dose = next(phase for phase in good.recipe.phases if phase.name == "dose")

    assert (dose.lasts_s, dose.temperature, dose.code) == (7200, pytest.approx(334.15), 20)


def test_ranges_are_converted_to_the_tags_unit_and_the_others_stay(good):
    dose = good.recipe.ranges["dose", "TT"]

    assert dose.nor == (pytest.approx(59.0), 62.0)
    assert dose.validated == (57.0, 65.0)


def test_instruments_differ_in_their_tags_unit(good):
    assert good.instruments["R101.AT"] == InstrumentChange(period_s=10, noise=0.01)
    assert good.instruments["R101.PT"] == InstrumentChange(bias=pytest.approx(0.02), high=pytest.approx(3.0))


def test_faults_start_by_time_phase_or_condition(good):
    assert [fault.start for fault in good.faults] == [
        AtPhase("R101", "dose", 1800, 1),
        AtTime(4 * 3600),
        AtTime(3600),
        AtCondition("R102.TT", above=pytest.approx(58.0), for_s=120),
        AtPhase("R102", "react", 0, None),
    ]


def test_faults_develop_as_a_step_a_ramp_or_come_and_go(good):
    step, ramp, _, _, comes = good.faults

    assert (step.shape, ramp.shape, ramp.ramp_s, ramp.power) == (Shape.STEP, Shape.RAMP, 7200, 2.0)
    assert (comes.shape, comes.period_s, comes.on_s) == (Shape.INTERMITTENT, 60, 10)


def test_settings_are_in_the_unit_of_the_catalogue_or_of_the_tag(good):
    assert good.faults[0].settings == {"left": pytest.approx(0.2)}
    assert good.faults[1].settings == {"rate": 0.1}
    assert good.faults[2].settings == {"rate": pytest.approx(60 / 1.8)}


def test_a_fault_is_called_after_its_kind_unless_it_has_an_id(good):
    assert [fault.id for fault in good.faults] == ["cooling_lost", "drift", "warm", "leak", "cut"]


def test_an_acceptance_asks_only_what_it_says(good):
    acceptance = good.acceptance

    assert (acceptance.found, acceptance.false_alarms, acceptance.lost, acceptance.doubled) == (0.9, 0, None, 0)
    assert acceptance.delay_s == {"cooling_lost": 600}


def test_a_scenario_of_the_library_is_found_by_its_name():
    assert read_scenario(find("cooling-lost-while-dosing")).faults[0].kind == "cooling_lost"


def test_a_name_that_is_none_is_told_with_what_was_meant():
    with pytest.raises(ConfigError, match="did you mean 'cooling-lost-while-dosing'"):
        find("cooling-lost-while-doseing")


WRONG = [
    ("seed: 7", "sed: 7", "scenario.yaml:3:1: sed: is not a known key; did you mean 'seed'?"),
    ("seed: 7", "seed: -7", "scenario.yaml:3:1: seed: must be at least 0, not -7"),
    ("name: a-scenario", "name: A Scenario", "scenario.yaml:1:1: name: 'A Scenario' must be like"),
    ("lasts: 9h", "lasts: 9", "scenario.yaml:5:1: lasts: 9 needs a unit (such as 40s, 10min, 1h30min)"),
    ("lasts: 9h", "lasts: 9 parsecs", "scenario.yaml:5:1: lasts: '9 parsecs' is no duration"),
    ("lasts: 9h", "lasts: 10s", "scenario.yaml:5:1: lasts: is too short"),
    ("lasts: 9h", "lasts: 9h\nstep: 3s", "scenario.yaml:6:1: step: must be 1s or 5s, not 3 s"),
    ("start: 2026-03-02T05:00:00Z", "start: 2026-02-30", "scenario.yaml:4:8: (yaml): '2026-02-30' is no time"),
    ("R102: T201}}", "R102: T201}, lines: {T9: {crystalliser: C, still: D}}}", "plant.lines.T9: no tank of a reactor"),
    ("R102: T201}}", "R102: R101}}", "scenario.yaml:6:1: plant: two units have the same name: R101"),
    ("R102: T201}}", "U1: T201}}", "plant.reactors.U1: 'U1' is the name of a server, or of the utilities"),
    ("R102: T201}}", "R 2: T201}}", "plant.reactors.R 2: 'R 2' must be like"),
    ("dose: {lasts: 2h", "doze: {lasts: 2h", "recipe.doze: no phase is named 'doze'; did you mean 'dose'?"),
    ("dose: {lasts: 2h", "dose: {last: 2h", "recipe.dose.last: must be a mapping; did you mean 'lasts'?"),
    ("temperature: 61 degC", "temperature: 61 bar", "recipe.dose.temperature: bar cannot be converted to K"),
    ("temperature: 61 degC", "temperature: 161 degC", "recipe.dose.temperature: is outside what the jacket reaches"),
    ("temperature: 61 degC", "ramp: 3h", "recipe.dose.ramp: the ramp of 10800 s does not fit into a phase of 7200 s"),
    ("[332.15 K, 62 degC]", "[332.15 K, 62 bar]", "recipe.dose.TT.nor.1: bar cannot be converted to degC"),
    ("[332.15 K, 62 degC]", "[50, 62]", "recipe.dose.TT.nor: nor does not lie inside validated"),
    ("[332.15 K, 62 degC]", "[63, 62]", "recipe.dose.TT.nor: 63 is not below 62"),
    ("TT: {nor", "XT: {nor", "recipe.dose.XT: no parameter of a reactor is named 'XT'"),
    ("{R101: 20min,", "{R103: 20min,", "campaign.starts.R103: no reactor is named 'R103'; did you mean"),
    ("{R101: 20min,", "{R101: 20h,", "campaign.starts.R101: is after the end of the run"),
    ("R102: -1h30min", "R102: -90h", "campaign.starts.R102: is more than a whole cycle before the start"),
    ("waits: 75min", "waits: -75min", "campaign.waits: '-75min' is negative"),
    ("batches: 2", "batches: 0", "campaign.batches: must be at least 1, not 0"),
    ("spread: 0.4 %", "spread: 140 %", "campaign.spread: '140 %' is not between 0 and 100 %"),
    ("R101.AT: {noise", "R101.A: {noise", "instruments.R101.A: no measured tag is named 'R101.A'; did you mean 'R101.AT'?"),
    ("R101.AT: {noise", "R101.STEP: {noise", "instruments.R101.STEP: no measured tag is named 'R101.STEP'"),
    ("noise: 0.01", "nosie: 0.01", "instruments.R101.AT.nosie: is not a known key; did you mean 'noise'?"),
    ("noise: 0.01", "noise: -0.01", "instruments.R101.AT.noise: is negative"),
    ("bias: 20 mbar", "bias: 20 kg", "instruments.R101.PT.bias: '20 kg' cannot be converted to bar"),
    ("high: 300 kPa", "high: 1, low: 2", "instruments.R101.PT.low: 2 is not below 1"),
    ("kind: cooling_lost", "kind: colling_lost", "scenario.yaml:11:6: faults.0.kind: no kind of fault is named"),
    ("on: R101, start: {p", "on: R110, start: {p", "faults.0.on: no unit, tag or server is named 'R110'; did you mean"),
    ("on: R101, start: {p", "on: R101.TT, start: {p", "faults.0.on: 'R101.TT' is a tag, and cooling_lost befalls a reactor"),
    ("phase: dose, after", "phase: dosing, after", "faults.0.start.phase: no phase of R101 is named 'dosing'; did you mean"),
    ("after: 30min}", "afterwards: 30min}", "faults.0.start.afterwards: is not a known key; did you mean 'after'?"),
    ("after: 30min}", "after: 3h}", "faults.0.start.after: the phase dose of R101 is over after 2 h 00 min"),
    ("after: 30min}", "batch: 3}", "faults.0.start.batch: R101 runs 2 batches in this campaign"),
    ("R101: 20min,", "R101: 8h,", "faults.0.start: is 2026-03-02T14:40:00Z at the earliest, and the run ends 2026-03-02T14"),
    ("left: 20 %", "rest: 20 %", "faults.0.rest: is no setting of cooling_lost (cooling_lost has left)"),
    ("left: 20 %", "left: 120 %", "faults.0.left: 1.2 is not within 0 … 0.99"),
    ("left: 20 %", "left: 3 bar", "faults.0.left: '3 bar' cannot be converted"),
    ("on: R101.AT, start: 4h", "on: R101.AT, start: 40h", "faults.1.start: is 2026-03-03T21:00:00Z at the earliest"),
    ("on: R101.AT, start: 4h", "on: R101.AT, start: -4h", "faults.1.start: -14400 s is before the campaign"),
    ("on: R101.AT, start: 4h", "on: R101.AT, start: noon", "faults.1.start: 'noon' is no duration"),
    ("on: R101.AT, start: 4h", "on: R101.BATCH, start: 4h", "faults.1.on: R101.BATCH is told by the control system"),
    ("{ramp: 2h, power: 2}", "{ramp: 4h}", "faults.1.shape.ramp: 14400 s is longer than the fault lasts (10800 s)"),
    ("{ramp: 2h, power: 2}", "stepp", "faults.1.shape: 'stepp' is none of step; did you mean 'step'?"),
    ("rate: 0.1 /h", "rate: 0.1 bar/h", "faults.1.rate: '0.1 bar/h' cannot be converted to pH/h"),
    (", rate: 0.1 /h", "", "faults.1.rate: drift needs it"),
    ("when: R102.TT", "when: R102.TTT", "faults.3.start.when: no measured tag is named 'R102.TTT'; did you mean 'R102.TT'?"),
    ("above: 331.15 K", "above: 331.15 bar", "faults.3.start.above: bar cannot be converted to degC"),
    ("above: 331.15 K, ", "", "faults.3.start: a condition needs a limit, above or below"),
    ("of: R102, batch", "batch", "faults.4.start: which unit's phase? `of` names it"),
    ("for: 10s}", "for: 90s}", "faults.4.shape.every: there for 90 s of every 60 s is impossible"),
    ("id: warm", "id: leak", "faults.3.id: another fault has the id 'leak'"),
    ("publishing: 5s", "publishing: 0ms", "servers.opcua.publishing: '0ms' is shorter than 1 ms"),
    ("mqtt: uns", "mqtt: usn", "servers.mqtt.payload: 'usn' is none of json, uns, sparkplug, none; did you mean 'uns'?"),
    ("mqtt: uns", "mqtt: none", "faults.4.on: this scenario has no mqtt server"),
    ("found: 90 %", "found: most", "acceptance.found: 'most' is no share (such as 0.4 %); or write `all` or `any`"),
    ("{cooling_lost: 10min}", "{cooling: 10min}", "acceptance.delay.cooling: no fault of this scenario is named 'cooling'"),
    ("false_alarms: 0", "false_alarms: few", "acceptance.false_alarms: 'few' is no count from 0 on, nor `any`"),
    ("seed: 7", "include: [other.yaml]", "no file matches 'other.yaml'"),
    ("R102: T201}}", "R102: T201}, lines: {T201: {crystalliser: mqtt, still: D}}}", "T201.crystalliser: 'mqtt' is the name"),
    ("hold_limit: 3h", "hold_limit: 0s", "recipe.hold_limit: must be above 0"),
    ("TT: {nor", "TT: {after: 50h, nor", "recipe.dose.TT.after: the phase dose is over after 7200 s"),
    ("noise: 0.01", "noise: 1e308", "instruments.R101.AT.noise: 1e+308 is far beyond what R101.AT can show"),
    ("rate: 0.1 /h", "rate: 1e308 /h", "faults.1.rate: 1e+308 is far beyond what R101.AT can show"),
    ("lasts: 40min, left", "lasts: 1s, left", "faults.0.lasts: is shorter than the plant's step of 5 s"),
    ("for: 10s}", "for: 1s}", "faults.4.shape.for: is shorter than the plant's step of 5 s"),
    ("above: 331.15 K", "above: 50 degC, below: 40 degC", "faults.3.start.below: above or below, not both"),
    ("{when: R102.TT,", "{when: R102.TT, phase: dose,", "faults.3.start.phase: does not go with what stands beside it"),
    ("kind: cut, on: mqtt", "kind: malformed, on: R101.TT", "faults.4.on: R101.TT is served over opcua: malformed befalls"),
    ("kind: cut, on: mqtt", "kind: nodes_invalid, on: T101.LT", "faults.4.on: T101.LT is served over mqtt: nodes_invalid"),
    ("publishing: 5s", "publishing: 5s, seed: 1", "servers.opcua.seed: is not a known key"),
    ("seed: 7", f"seed: 1{'0' * 30}", "scenario.yaml:3:1: seed: must be"),
    ("name: a-scenario", "name: [", "scenario.yaml:"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place_and_reason"), WRONG)
def test_a_wrong_line_is_named_with_its_place(tmp_path, old, new, place_and_reason):
    assert old in GOOD

    assert any(place_and_reason in said for said in complaints(tmp_path, GOOD.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch: every", "batch: 0", "faults.4.start.batch: 0 is no batch from 1 to 9999, nor `every`"),
        ("batch: every", "batch: all", "faults.4.start.batch: 'all' is no batch from 1 to 9999, nor `every`"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_once(tmp_path, old, new, said):
    found = complaints(tmp_path, GOOD.replace(old, new, 1))

    assert [re.sub(r"^scenario.yaml:15:\d+: ", "", each) for each in found] == [said]


def test_a_key_that_is_right_is_not_told_to_be_another(tmp_path):
    text = "name: x\nteaches: The least that can be said.\nlasts: 1h\nacceptance: [1]\n"

    assert complaints(tmp_path, text) == ["scenario.yaml:4:1: acceptance: must be a mapping"]


def test_every_wrong_line_is_told_at_once_from_the_top_to_the_end(tmp_path):
    text = (
        GOOD.replace("R101.AT: {noise", "R101.A: {noise")
        .replace("left: 20 %", "rest: 20 %")
        .replace("dose: {l", "doze: {l")
    )
    lines = [int(said.split(":")[1]) for said in complaints(tmp_path, text)]

    assert lines == [7, 9, 11]


def test_a_plant_without_any_server_is_refused(tmp_path):
    text = "name: x\nteaches: Nobody could see it.\nlasts: 1h\nservers: {opcua: false, mqtt: none}\n"

    assert complaints(tmp_path, text) == ["scenario.yaml:4:1: servers: names no server: neither OPC UA nor MQTT"]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_scenario(tmp_path / "nowhere.yaml")
