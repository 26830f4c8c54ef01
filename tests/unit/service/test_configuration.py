"""What the configuration accepts, what it refuses, and where it says the fault is."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.equipment import FlowRule
from domain.errors import ConfigError
from domain.recipes import Limits, RangeKind
from domain.rules import Priority
from domain.tags import TagId
from service.config.build import Configuration, load
from service.sources import routes_of

GOOD = """\
site: test
data: ./data
sources:
  train1:
    opcua: {url: "opc.tcp://127.0.0.1:4840/", publishing_interval: 500ms}
  floor:
    mqtt: {url: "mqtt://127.0.0.1:1883", topics: [plant/#]}
templates:
  reactor:
    tags:
      "{unit}.TT":
        node: "nsu=urn:example:plant;s={unit}.TT"
        unit: degC
        sensor: {range: [-50, 200]}
        rate: 2 delta_degC/min
        alarms:
          high: {limit: nor, severity: major, on_delay: 30s, deadband: 0.5 delta_degC, cause: Cooling lost,
                 consequence: Impurity D, action: Stop dosing, respond_within: 10min}
      "{unit}.PT": {node: "nsu=urn:example:plant;s={unit}.PT", unit: bar, reference: gauge}
      "{unit}.BATCH": {node: "nsu=urn:example:plant;s={unit}.BATCH", kind: text}
      "{unit}.STEP": {node: "nsu=urn:example:plant;s={unit}.STEP"}
units:
  R101: {template: reactor, source: train1, batch: {tag: R101.BATCH, settle: 5s}, phase: {tag: R101.STEP, map: {10: charge, 20: dose}}}
tags:
  T7.LT: {source: floor, topic: plant/t7/level, value: /v, time: /t, unit: m3}
recipes:
  API-1:
    version: 7
    change: CR-1234
    phases:
      dose:
        duration: {unit: h, validated: [4, 6]}
        TT: {unit: K, after: 10min, nor: [331.15, 335.15], validated: [328.15, 338.15], study: VR-12}
        PT: {unit: kPa, reference: gauge, validated: [null, 50], study: VR-12}
holds:
  R101_dirty: {kind: dirty, unit: R101, start: last_use_end, stop: cleaning_start, limit: 48h, warn_before: [2h, 6h]}
"""


def load_text(folder: Path, text: str) -> Configuration:
    file = folder / "thermowell.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def complaints(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(folder, text)
    return [str(complaint).removeprefix(f"{folder}/") for complaint in caught.value.complaints]


def test_a_template_becomes_a_units_tags_and_parameters(tmp_path):
    configuration = load_text(tmp_path, GOOD)

    assert configuration.rulebook.units["R101"].parameters["TT"] == "R101.TT"
    assert {tag.name for tag in configuration.tags} == {"T7.LT", "R101.TT", "R101.PT", "R101.BATCH", "R101.STEP"}


def test_ranges_are_converted_to_the_tags_unit(tmp_path):
    dose = load_text(tmp_path, GOOD).rulebook.recipes["API-1"].phases["dose"]

    assert dose.parameters["TT"].ranges[RangeKind.NOR].low == pytest.approx(58)
    assert dose.parameters["PT"].ranges[RangeKind.VALIDATED] == Limits(None, pytest.approx(0.5))


def test_durations_are_whole_nanoseconds(tmp_path):
    dose = load_text(tmp_path, GOOD).rulebook.recipes["API-1"].phases["dose"]

    assert dose.duration == Limits(4 * 3600 * 10**9, 6 * 3600 * 10**9)


def test_an_alarm_listens_to_the_rule_that_its_limit_names(tmp_path):
    (alarm,) = load_text(tmp_path, GOOD).rulebook.tags["R101.TT"].alarms

    assert (alarm.rule, alarm.priority, alarm.deadband) == ("excursion.nor.high", Priority.HIGH, 0.5)


def test_warnings_before_a_hold_come_longest_first(tmp_path):
    hold = load_text(tmp_path, GOOD).rulebook.holds["R101_dirty"]

    assert hold.warn_before_ns == (6 * 3600 * 10**9, 2 * 3600 * 10**9)


def test_what_tells_the_state_of_a_unit_by_mqtt_is_known_to_hold_until_another_comes(tmp_path):
    text = """\
http: {listen: 127.0.0.1:0}
sources: {floor: {mqtt: {url: "mqtt://127.0.0.1:1883", topics: [plant/#]}}}
tags:
  BATCH: {source: floor, topic: plant/batch, kind: text}
  STEP: {source: floor, topic: plant/step}
  MODE: {source: floor, topic: plant/mode}
  TT: {source: floor, topic: plant/tt, unit: degC}
units:
  R101:
    batch: {tag: BATCH}
    phase: {tag: STEP, map: {10: charge}}
    equipment: {tag: MODE, states: {1: running}}
"""
    configuration = load_text(tmp_path, text)
    tags = [replace(tag, id=TagId(id_)) for id_, tag in enumerate(configuration.tags)]

    states = {route.topic for route in routes_of(configuration, tags) if route.is_state}
    assert states == {"plant/batch", "plant/step", "plant/mode"}


def test_sources_tags_and_http_alone_are_a_valid_file(tmp_path):
    text = """\
http: {listen: 127.0.0.1:0}
sources: {a: {opcua: {url: "opc.tcp://127.0.0.1:4840"}}}
tags: {X: {source: a, node: "ns=2;s=X"}}
"""

    assert load_text(tmp_path, text).tags[0].address == "ns=2;s=X"


def test_the_rules_hash_changes_with_a_limit_and_not_with_a_comment(tmp_path):
    before = load_text(tmp_path, GOOD).rulebook.hash
    commented = load_text(tmp_path, "# a comment\n" + GOOD).rulebook.hash
    changed = load_text(tmp_path, GOOD.replace("331.15", "331.25")).rulebook.hash

    assert before == commented != changed


@pytest.mark.parametrize(
    ("old", "new", "place_and_reason"),
    [
        ("500ms}", "500}", "thermowell.yaml:5:47: sources.train1.opcua.publishing_interval: 500 needs a unit"),
        (
            "unit: degC",
            "unit: degX",
            "thermowell.yaml:13:9: templates.reactor.tags.{unit}.TT.unit: 'degX' is no known unit",
        ),
        ("topics: [plant/#]", "topic: plant/#", "thermowell.yaml:7:42: sources.floor.mqtt.topic: is not a known key"),
        (
            "source: floor, topic",
            "source: flor, topic",
            "thermowell.yaml:25:11: tags.T7.LT.source: no source is named 'flor'",
        ),
        (
            "topic: plant/t7/level",
            "topic: hall/t7",
            "tags.T7.LT.topic: 'hall/t7' is in none of the topics of source 'floor'",
        ),
        (
            "topics: [plant/#]",
            "topics: [plant/#], events: [hall/batches]",
            "sources.floor.mqtt.events.0: 'hall/batches' is in none of the topics of source 'floor'",
        ),
        ("topics: [plant/#]", "topics: [plant/#], events: [plant/+]", "events.0: 'plant/+' is a pattern"),
        (
            "topics: [plant/#]",
            "topics: [plant/#], events: [plant/t7/level]",
            "events.0: 'plant/t7/level' feeds tag 'T7.LT' already",
        ),
        ("nor: [331.15", "nor: [300", "recipes.API-1.phases.dose.TT.nor: nor does not lie inside validated"),
        (
            "reference: gauge, validated",
            "reference: absolute, validated",
            "dose.PT: is absolute, but tag 'R101.PT' is gauge: write `reference: gauge`",
        ),
        ("PT: {unit: kPa", "PT: {unit: K", "dose.PT.unit: K cannot be converted to bar of tag 'R101.PT'"),
        ("PT: {unit: kPa", "XT: {unit: kPa", "dose.XT: no unit has a tag for the parameter 'XT'"),
        ("tag: R101.STEP", "tag: R101.STP", "units.R101.phase.tag: no tag is named 'R101.STP'"),
        ("unit: R101, start", "unit: R9, start", "holds.R101_dirty.unit: no unit is named 'R9'"),
        ("start: last_use_end", "start: yesterday", "holds.R101_dirty.start: 'yesterday' is no event"),
        (
            "start: last_use_end",
            "start: dosing.start",
            "holds.R101_dirty.start: unit 'R101' is never in a phase 'dosing'; did you mean 'dose'?",
        ),
        (
            "start: last_use_end",
            "start: cleaning_end",
            "unit 'R101' has no cleaning phase (clean, cleaning, cip) to tell 'cleaning_end'",
        ),
        (
            "20: dose}",
            "20: dosing}",
            "recipes.API-1.phases.dose: no unit is ever in a phase 'dose'; did you mean 'dosing'?",
        ),
        ("validated: [4, 6]", "validated: 4h", "dose.duration.validated: must be a list of two, such as [55, 65]"),
        ("validated: [4, 6]", 'validated: ["> 6", 6]', "dose.duration.validated: nothing is inside"),
        ("validated: [4, 6]", 'validated: ["< 4", 6]', "validated: '< 4' is the upper end of a range, not its lower"),
        ("validated: [4, 6]", 'validated: [4, "< x"]', "validated: '< x' is no end of a range: write a number, null"),
        ("validated: [4, 6]", 'nor: [4, 6], validated: ["> 4", 6]', "duration.nor: nor does not lie inside validated"),
        ("unit: h, validated", "unit: K, validated", "dose.duration.unit: K is no unit of time (such as min, h)"),
        ("version: 7", "version: 7.1", "recipes.API-1.version: must be a whole number, not 7.1"),
        ("change: CR", "changes: CR", "recipes.API-1.changes: is not a known key; did you mean 'change'?"),
        ("PT: {unit: kPa", "TTT: {unit: kPa", "no unit has a tag for the parameter 'TTT'; did you mean 'TT'?"),
        ("start: last_use_end", "start: first_transfer_in", "unit 'R101' has no `transfer_in` tag"),
        ("0.5 delta_degC", "0.5 degC", "alarms.high.deadband: '0.5 degC' is a temperature, not a difference"),
        ("2 delta_degC/min", "2 bar/min", "{unit}.TT.rate: '2 bar/min' cannot be converted"),
        ("[-50, 200]", "[200, -50]", "{unit}.TT.sensor.range: 200 is not below -50"),
        ("limit: nor", "limit: norm", "alarms.high.limit: 'norm' is none of nor"),
        ("48h", "two days", "holds.R101_dirty.limit: 'two days' is no duration"),
        ("template: reactor, ", "template: reacto, ", "units.R101.template: no template is named 'reacto'"),
        ("site: test", "site: [", "thermowell.yaml:"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path, old, new, place_and_reason):
    assert old in GOOD

    assert any(place_and_reason in complaint for complaint in complaints(tmp_path, GOOD.replace(old, new, 1)))


TANK = """\
  TANK:
    events: true
    settle: 2s
    phase: {tag: R101.STEP, map: {1: hold}, state: R101.BATCH, idle_states: [Complete]}
    transfer_out: {level: T7.LT, step: 20 l, for: 30s, valve: R101.STEP, other: R101}
"""
WITH_TANK = GOOD.replace("tags:\n  T7.LT", TANK + "tags:\n  T7.LT", 1)


def test_a_unit_may_be_told_by_events_rules_and_the_state_of_its_phase(tmp_path):
    tank = load_text(tmp_path, WITH_TANK).rulebook.units["TANK"]

    assert tank.transfer_out_rule == FlowRule("T7.LT", pytest.approx(0.02), 30 * 10**9, "R101.STEP", "R101")
    assert (tank.transfer_out_tag, tank.transfer_in_rule) == (None, None)
    assert (tank.phase_state_tag, tank.idle_states, tank.settle_ns) == ("R101.BATCH", ("complete",), 2 * 10**9)


def test_a_hold_may_begin_with_events_where_no_tag_tells(tmp_path):
    hold = "  tank: {kind: intermediate, unit: TANK, start: first_transfer_in, stop: first_transfer_out, limit: 1h}\n"

    assert "tank" in load_text(tmp_path, WITH_TANK + hold).rulebook.holds
    assert complaints(tmp_path, WITH_TANK.replace("events: true", "events: false") + hold)


@pytest.mark.parametrize(
    ("old", "new", "place_and_reason"),
    [
        ("level: T7.LT", "level: T8.LT", "units.TANK.transfer_out.level: no tag is named 'T8.LT'"),
        ("valve: R101.STEP", "valve: R9.XV", "units.TANK.transfer_out.valve: no tag is named 'R9.XV'"),
        ("step: 20 l", "step: 20 degC", "units.TANK.transfer_out.step: "),
        ("step: 20 l", "step: 0 l", "units.TANK.transfer_out.step: '0 l' is not above 0"),
        ("for: 30s", "for: 0s", "units.TANK.transfer_out.for: must be longer than nothing"),
        ("other: R101", "other: R9", "units.TANK.transfer_out.other: no other unit is named 'R9'"),
        ("other: R101", "other: TANK", "units.TANK.transfer_out.other: no other unit is named 'TANK'"),
        ("state: R101.BATCH", "state: R9.X", "units.TANK.phase.state: no tag is named 'R9.X'"),
    ],
)
def test_a_fault_in_what_tells_of_a_unit_is_named(tmp_path, old, new, place_and_reason):
    assert old in WITH_TANK

    assert any(place_and_reason in each for each in complaints(tmp_path, WITH_TANK.replace(old, new, 1)))


@pytest.mark.parametrize(("quota", "reason"), [("1500 kB", "is too little"), ("much", "is no size")])
def test_a_quota_that_cannot_work_is_refused(tmp_path, quota, reason):
    (complaint,) = complaints(tmp_path, GOOD.replace("site: test", f"journal: {{quota: {quota}}}"))

    assert complaint.startswith("thermowell.yaml:1:11: journal.quota: ")
    assert reason in complaint


def test_every_fault_is_told_at_once(tmp_path):
    text = GOOD.replace("source: floor, topic", "source: flor, topic").replace("unit: R101, start", "unit: R9, start")

    assert len(complaints(tmp_path, text)) == 2


def test_tags_come_from_a_table_beside_the_file(tmp_path):
    (tmp_path / "tags.csv").write_text("name,source,node,unit\nA,a,ns=2;s=A,degC\nB,a,ns=2;s=B,\n", encoding="utf-8")
    text = 'include: [tags.csv]\nsources: {a: {opcua: {url: "opc.tcp://127.0.0.1:4840"}}}\n'

    assert [(tag.name, tag.unit) for tag in load_text(tmp_path, text).tags] == [("A", "degC"), ("B", "")]


def test_a_fault_in_a_table_is_named_by_its_line(tmp_path):
    (tmp_path / "tags.csv").write_text("name,source,node,unit\nA,a,ns=2;s=A,degX\n", encoding="utf-8")
    text = 'include: [tags.csv]\nsources: {a: {opcua: {url: "opc.tcp://127.0.0.1:4840"}}}\n'

    (complaint,) = complaints(tmp_path, text)
    assert complaint.startswith("tags.csv:2:")


def test_the_same_tag_in_two_files_is_refused(tmp_path):
    (tmp_path / "more.yaml").write_text("tags: {T7.LT: {source: floor, topic: plant/x}}\n", encoding="utf-8")

    (complaint,) = complaints(tmp_path, GOOD.replace("data: ./data", "include: [more.yaml]"))
    assert "more.yaml:1:8: tags.T7.LT: is already defined in" in complaint


def test_words_that_yaml_1_1_takes_for_booleans_stay_words(tmp_path):
    text = GOOD.replace("site: test", "site: no")

    assert load_text(tmp_path, text).site == "no"


def test_shifts_begin_by_the_clock_of_a_named_zone(tmp_path):
    shifts = load_text(tmp_path, GOOD + 'shifts: {zone: Europe/Berlin, starts: ["14:00", "06:00"]}\n').rulebook.shifts

    assert shifts is not None
    assert shifts.starts_s == (6 * 3600, 14 * 3600)


def test_a_calendar_that_means_nothing_is_refused(tmp_path):
    found = complaints(tmp_path, GOOD + 'shifts: {zone: Europe/Berlim, starts: ["6", "22:00", "22:00"]}\n')

    line = len(GOOD.splitlines()) + 1
    assert [each.partition(": ")[2] for each in found] == [
        "shifts.starts.0: '6' is no time of the day (such as 06:00)",
        "shifts.starts: two shifts begin at the same time",
        "shifts.zone: no time zone is named 'Europe/Berlim' (such as Europe/Berlin)",
    ]
    assert all(f"thermowell.yaml:{line}:" in each for each in found)


HOLDS = GOOD.replace(
    "holds:\n",
    """\
budgets:
  cold: {limit: 96h, warn_before: [8h], study: HT-40}
holds:
  chilled: {kind: intermediate, unit: R101, start: charge.end, stop: dose.start, limit: 72h, mode: in_condition, counts: in_condition,
            condition: {tag: R101.TT, unit: K, range: [275.15, 281.15]}, budget: cold, storage: {tag: R101.TT, window: 24h}}
  warm: {kind: intermediate, unit: R101, start: charge.end, stop: dose.start, limit: 4h, mode: over_temperature,
         condition: {tag: R101.TT, unit: degC, above: 8}}
  reaction: {kind: step, unit: R101, start: dose.start, stop: dose.end, mode: endpoint, warn_after: [10h]}
""",
)


def test_holds_have_modes_conditions_budgets_and_stores(tmp_path):
    rulebook = load_text(tmp_path, HOLDS).rulebook

    chilled, warm, reaction = (rulebook.holds[name] for name in ("chilled", "warm", "reaction"))
    assert chilled.condition is not None
    assert (chilled.condition.low, chilled.condition.high) == (pytest.approx(2), pytest.approx(8))
    assert chilled.counts_in_condition
    assert chilled.storage is not None
    assert chilled.storage.heat_j_per_mol == pytest.approx(83_144)
    assert warm.condition is not None
    assert (warm.condition.low, warm.condition.high) == (None, 8)
    assert (reaction.limit_ns, reaction.warnings_ns) == (None, (10 * 3600 * 10**9,))
    assert rulebook.budgets["cold"].limit_ns == 96 * 3600 * 10**9


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("mode: endpoint, ", "mode: endpoint, limit: 3h, ", "nothing limits it"),
        ("limit: 4h, mode: over_temperature", "mode: over_temperature", "holds.warm.limit: is missing"),
        ("above: 8", "range: [2, 8]", "counts what is `above` a temperature"),
        ("counts: in_condition,\n", "\n", "no budget is named 'hot'"),
        ("unit: degC, above: 8", "unit: bar, above: 8", "cannot be converted to degC"),
        ("warn_before: [8h], study: HT-40", "warn_before: [97h]", "warns before the hold has begun"),
        ("window: 24h}", "window: 24h, heat: 83 J}", "cannot be converted to J/mol"),
    ],
)
def test_a_hold_that_cannot_judge_is_refused(tmp_path, good, bad, said):
    assert good in HOLDS
    text = HOLDS.replace(good, bad).replace("budget: cold", "budget: hot" if "hot" in said else "budget: cold")

    assert any(said in each for each in complaints(tmp_path, text))


def test_a_phase_that_a_unit_without_a_map_may_be_in_is_taken(tmp_path):
    text = GOOD.replace("phase: {tag: R101.STEP, map: {10: charge, 20: dose}}", "phase: {tag: R101.STEP}")

    assert "dose" in load_text(tmp_path, text).rulebook.recipes["API-1"].phases


def test_a_hold_of_a_phase_that_no_recipe_has_is_refused_where_the_tag_names_any(tmp_path):
    text = GOOD.replace("phase: {tag: R101.STEP, map: {10: charge, 20: dose}}", "phase: {tag: R101.STEP}")
    text = text.replace("start: last_use_end", "start: dosing.end")

    told = complaints(tmp_path, text)

    assert [each[each.index("holds.") :] for each in told] == [
        "holds.R101_dirty.start: no recipe has a phase 'dosing'; did you mean 'dose'?"
    ]


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        ("nor: [331.15, 335.15]", "nor: [331,15, 335,15]", "33:37: recipes.API-1.phases.dose.TT.nor: must be a list of two"),
        ("validated: [328.15, 338.15]", "validated: [.nan, 338.15]", "TT.validated: an end is no number that can be"),
        ("nor: [331.15, 335.15]", "nor: [331.15, .inf]", "TT.nor: an end is no number that can be compared"),
        ("[null, 50]", "[null, null]", "PT.validated: has no limit on either side: leave it out, or give one"),
        ("reference: gauge, v", "reference: gauges, v", "'gauges' is none of gauge, absolute; did you mean 'gauge'?"),
        ("        PT: {unit: kPa", "        TT: {unit: kPa", "34:9: (yaml): the key 'TT' stands twice, in the mapping that"),
        ("stop: cleaning_start", "stop: last_use_end", "R101_dirty.stop: is the same event as `start`"),
        ("        rate:", "        drift: {every: 0s}\n        rate:", "`every` is no time: a window needs one"),
        ("        rate:", "        drift: {k: 9}\n        rate:", "15:17: templates.reactor.tags.{unit}.TT.drift.k: must be at most 3"),
        ('BATCH", kind: text}', 'BATCH", kind: text, drift: {every: 60s}}', "drift: the tag holds text"),
    ],
)  # fmt: skip
def test_what_an_engineer_gets_wrong_is_told_with_its_place(tmp_path, line, wrong, said):
    assert line in GOOD

    assert said in "\n".join(complaints(tmp_path, GOOD.replace(line, wrong)))


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        ("opc.tcp://127", "127", "5:13: sources.train1.opcua.url: '127.0.0.1:4840/' is no server's address: opc.tcp://"),
        ("opc.tcp://127.0.0.1:4840", "opc.tcp://127.0.0.1:48x40", "5:13: sources.train1.opcua.url: 'opc.tcp://127.0.0.1:48x40"),
        ("mqtt://127", "tcp://127", "7:12: sources.floor.mqtt.url: 'tcp://127.0.0.1:1883' is no broker address: mqtt://"),
        ("mqtt://127", "mqtt://ada:s3cret@127", "7:12: sources.floor.mqtt.url: a broker address carries no password"),
        ("[plant/#]", "['plant/#', '#/x']", "7:62: sources.floor.mqtt.topics.1: '#/x' is no topic filter"),
        ("[plant/#]", "[plant/#], user: us, password_file: nix", "mqtt.password_file: no file 'nix'"),
        ("[plant/#]", "[plant/#], password_file: thermowell.yaml", "mqtt.password_file: is of no use without `user`"),
        ("value: /v", "value: v", "tags.T7.LT.value: 'v' is no JSON pointer: write /v"),
        ('"nsu=urn:example:plant;s={unit}.STEP"', '"{unit}.STEP"', "'R101.STEP' is no node such as nsu="),
        ("unit: m3", "unit: deg C", "tags.T7.LT.unit: 'deg C' is two units beside each other"),
        ("site: test", 'site: ""', "1:1: site: "),
    ],
)  # fmt: skip
def test_what_a_newcomer_gets_wrong_about_a_source_is_told_with_its_place(tmp_path, line, wrong, said):
    assert line in GOOD

    found = "\n".join(complaints(tmp_path, GOOD.replace(line, wrong)))

    assert said in found
    assert "s3cret" not in found


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_no_configuration(tmp_path, text):
    assert complaints(tmp_path, text)[0].startswith("thermowell.yaml:1:1: (file): says nothing")


def test_positions_take_units_by_pattern_and_the_rest_has_one(tmp_path: Path) -> None:
    told = GOOD + "positions: {north: {units: [R1*]}, south: {}}\n"

    positions = load_text(tmp_path, told).positions

    assert (positions.of_unit, positions.rest) == ({"R101": "north"}, "south")
    assert load_text(tmp_path, GOOD).positions.names == ("plant",)


def test_a_unit_belongs_to_one_position(tmp_path: Path) -> None:
    told = GOOD + "positions:\n  a: {units: [R101, R2*]}\n  b: {units: [R101]}\n  c: {}\n  d: {}\n"

    found = complaints(tmp_path, told)

    assert [each.partition(": ")[2] for each in found] == [
        "positions.a.units.1: no unit is named 'R2*' (there are R101)",
        "positions.b.units.0: unit 'R101' belongs to position 'a' already",
        "positions.d: only one position may be without `units`; 'c' is",
    ]


def test_a_report_goes_to_somebody_at_a_time_of_the_week(tmp_path: Path) -> None:
    told = (
        GOOD + "alarms: {report: {to: leeds, at: Monday, zone: Europe/Berlim}}\nnotify: {leads: {url: 'console://'}}\n"
    )

    found = complaints(tmp_path, told)

    assert [each.partition(": ")[2] for each in found] == [
        "alarms.report.to: no channel, person or rota is named 'leeds'; did you mean 'leads'?",
        "alarms.report.at: 'Monday' is no time of the week (such as Mon 07:00)",
        "alarms.report.zone: no time zone is named 'Europe/Berlim' (such as Europe/Berlin)",
    ]
