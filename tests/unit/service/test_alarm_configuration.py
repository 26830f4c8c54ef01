"""Alarms as files write them: rationalised, or refused with the place."""

from pathlib import Path

import pytest

from alarms.defaults import default_step
from domain.errors import ConfigError
from domain.rules import AlarmRule, Priority
from service.config.build import Configuration, load

TEXTS = "cause: Cooling lost, consequence: Impurity D, action: Stop dosing"
GOOD = f"""\
site: north
sources: {{line: {{opcua: {{url: "opc.tcp://127.0.0.1:4840/"}}}}}}
tags:
  R101.TT:
    source: line
    node: ns=2;s=TT
    unit: degC
    alarms:
      high: {{limit: nor, severity: major, respond_within: 10min, {TEXTS}, phases: [dose]}}
  R101.STEP: {{source: line, node: ns=2;s=STEP}}
  R101.MODE: {{source: line, node: ns=2;s=MODE, kind: text}}
units:
  R101:
    phase: {{tag: R101.STEP, map: {{10: charge, 20: dose}}}}
    equipment: {{tag: R101.MODE, states: {{MAINT: maintenance, AUTO: running}}}}
positions: {{reactors: {{units: [R101]}}}}
alarms:
  classes:
    gmp: {{latching: true}}
    utilities: {{standard_comment: Seen, longest_shelf: 2h, shelve: [shift_lead]}}
  longest_shelf: {{low: 12h}}
  suppress:
    repair: {{alarms: [all], equipment: [maintenance]}}
    waiting: {{alarms: [nor, stale, bad], units: [R101], idle: 10min}}
"""
ALARM = "      high: {limit: nor, severity: major, respond_within: 10min, " + TEXTS + ", phases: [dose]}"


def loaded(folder: Path, text: str) -> Configuration:
    file = folder / "thermowell.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def complaints(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return "\n".join(str(each).removeprefix(f"{folder}/") for each in caught.value.complaints)


def test_the_example_of_the_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "alarms.md").read_text()
    (rule,) = loaded(tmp_path, page.split("```yaml\n")[1].split("```")[0]).rulebook.tags["R101.TT"].alarms

    assert (rule.priority, rule.dcs_alarm, rule.phases) == (Priority.HIGH, "TIC101.HI", ("dose", "react"))


def alarm(folder: Path, written: str) -> AlarmRule:
    text = GOOD.replace(ALARM, "      high: {" + written + "}")
    (rule,) = loaded(folder, text).rulebook.tags["R101.TT"].alarms
    return rule


@pytest.mark.parametrize("missing", ["cause: Cooling lost, ", "consequence: Impurity D, ", ", action: Stop dosing"])
def test_an_alarm_without_its_rationalisation_is_refused_with_its_place(tmp_path: Path, missing: str) -> None:
    told = complaints(tmp_path, GOOD.replace(missing, ""))

    name = missing.strip(", ").partition(":")[0]
    assert told == (
        f"thermowell.yaml:9:7: tags.R101.TT.alarms.high: needs `{name}`: "
        "what nobody can say of an alarm, nobody can do when it sounds"
    )


def test_everything_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    told = complaints(tmp_path, GOOD.replace(ALARM, "      high: {limit: nor}"))

    assert "needs `cause`, `consequence`, `action`, `respond_within`" in told
    assert "needs `severity`, or `priority` with a `priority_reason`" in told


@pytest.mark.parametrize(
    ("severity", "within", "priority"),
    [
        ("severe", "5min", Priority.CRITICAL),
        ("severe", "1h", Priority.HIGH),
        ("major", "10min", Priority.HIGH),
        ("major", "20min", Priority.MEDIUM),
        ("moderate", "4h", Priority.LOW),
        ("minor", "5min", Priority.MEDIUM),
    ],
)
def test_the_priority_follows_from_severity_and_time_to_respond(
    tmp_path: Path, severity: str, within: str, priority: Priority
) -> None:
    rule = alarm(tmp_path, f"limit: nor, severity: {severity}, respond_within: {within}, {TEXTS}")

    assert rule.priority is priority


def test_another_priority_than_that_needs_its_reason(tmp_path: Path) -> None:
    written = f"limit: nor, severity: major, respond_within: 10min, {TEXTS}, priority: low"
    told = complaints(tmp_path, GOOD.replace(ALARM, "      high: {" + written + "}"))
    rule = alarm(tmp_path, f"{written}, priority_reason: The DCS has closed the valve by then")

    assert "alarms.high.priority: a major consequence within 10 min is high: it needs a `priority_reason`" in told
    assert (rule.priority, rule.priority_reason) == (Priority.LOW, "The DCS has closed the valve by then")


def test_what_asks_nobody_needs_no_rationalisation(tmp_path: Path) -> None:
    assert alarm(tmp_path, "limit: stale, priority: event").priority is Priority.EVENT


def test_an_alarm_is_of_the_class_of_what_it_listens_to_or_of_its_own(tmp_path: Path) -> None:
    bad = alarm(tmp_path, f"limit: bad, severity: major, respond_within: 5min, {TEXTS}")
    own = alarm(tmp_path, f"limit: bad, severity: major, respond_within: 5min, {TEXTS}, class: utilities")

    assert (bad.alarm_class, own.alarm_class) == (default_step("bad").rule.alarm_class, "utilities")


def test_a_file_says_what_holds_for_classes_shelves_and_suppression(tmp_path: Path) -> None:
    rules = loaded(tmp_path, GOOD).rulebook
    repair, waiting = rules.suppressions

    assert rules.classes["gmp"].latching
    assert rules.classes["gmp"].shelve, "what the file leaves out stays as it is built in"
    assert rules.positions == {"R101": "reactors"}
    assert "excursion.nor.high" in repair.rules
    assert not {"bad", "excursion.par.high", "hold.breach", "source.disconnected"} & repair.rules
    assert waiting.rules == {"excursion.nor.high", "excursion.nor.low", "stale", "bad"}


def test_what_is_judged_does_not_depend_on_what_people_may_do(tmp_path: Path) -> None:
    before = loaded(tmp_path, GOOD).rulebook
    after = loaded(tmp_path, GOOD.replace("low: 12h", "low: 6h").replace("latching: true", "latching: false")).rulebook

    assert before.hash == after.hash


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("phases: [dose]}", "phases: [doze]}", "9:133: tags.R101.TT.alarms.high.phases: unit 'R101': no phase is named 'doze'"),
        ("phases: [dose]}", "class: gpm}", "tags.R101.TT.alarms.high.class: no class is named 'gpm'; did you mean 'gmp'?"),
        ("phases: [dose]}", "dcs_priority: low}", "tags.R101.TT.alarms.high.dcs_priority: needs `dcs_alarm`"),
        ("phases: [dose]}", "longest_shelf: 25h}", "alarms.high.longest_shelf: is more than nothing, and 24 h at most"),
        ("alarms: [all]", "alarms: [al]", "23:14: alarms.suppress.repair.alarms: no alarm is named 'al'; did you mean 'all'?"),
        ("equipment: [maintenance]", "equipment: [repair]", "23:29: alarms.suppress.repair.equipment: no equipment state"),
        (", idle: 10min", "", "24:5: alarms.suppress.waiting: needs one of `idle`, `phases` and `equipment`"),
        ("units: [R101], idle", "units: [R110], idle", "alarms.suppress.waiting.units: no unit is named 'R110'"),
        ("{tag: R101.MODE", "{tag: R101.MOOD", "15:17: units.R101.equipment.tag: no tag is named 'R101.MOOD'"),
        ("longest_shelf: 2h", "longest_shelf: 2d", "alarms.classes.utilities.longest_shelf: is more than nothing"),
        ("[shift_lead]", "[admin]", "alarms.classes.utilities.shelve.0: 'admin' is none of"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in GOOD

    assert said in complaints(tmp_path, GOOD.replace(before, after))
