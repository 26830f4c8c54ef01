"""What each rule means where the configuration says nothing, and how it gives way to what is configured."""

from dataclasses import replace

import pytest

from alarms.alarm import alarm_id
from alarms.book import AlarmBook
from alarms.defaults import DEFAULTS, default_step, step_for
from domain.entries import NOWHERE
from domain.findings import RULES, Finding, FindingId, Stage
from domain.rationalisation import CLASSES, MATRIX, is_named_only, priority_of
from domain.recipes import RangeKind
from domain.rules import AlarmRule, Priority, Rulebook, Severity, TagRules
from tests.unit.alarms.shift import configured, finding, rulebook

EVERY_RULE = sorted({rule.format(kind=kind) for rule in RULES for kind in RangeKind})


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_every_rule_has_a_step_with_a_response(rule: str) -> None:
    step = DEFAULTS[rule]
    assert step.rule.rule == rule
    assert step.rule.action
    assert step.rule.consequence


@pytest.mark.parametrize("side", ["high", "low"])
def test_further_out_is_never_less_severe(side: str) -> None:
    order = [RangeKind.NOR, RangeKind.ALERT, RangeKind.ACTION, RangeKind.VALIDATED, RangeKind.PAR]
    steps = [DEFAULTS[f"excursion.{kind}.{side}"] for kind in order]
    assert steps == sorted(steps, key=lambda step: step.severity)
    assert {step.alarm for step in steps} == {side}


def test_a_rule_that_the_table_does_not_know_is_a_medium_alarm_of_its_own() -> None:
    step = default_step("multivariate.t2")
    assert (step.alarm, step.rule.priority) == ("multivariate.t2", Priority.MEDIUM)


def test_what_is_configured_on_the_tag_goes_before_the_table() -> None:
    own = configured(name="cooling", priority=Priority.LOW, action="Stop dosing")
    step = step_for(rulebook(own), finding("excursion.nor.high", Stage.OPEN, 1))
    assert step.rule == own
    assert step.alarm == "high"


def test_a_step_that_nobody_configured_is_as_severe_as_what_was_configured_inside_it() -> None:
    rules = rulebook(configured(priority=Priority.CRITICAL))
    outer = step_for(rules, finding("excursion.validated.high", Stage.OPEN, 1))
    other_side = step_for(rules, finding("excursion.validated.low", Stage.OPEN, 1))
    assert outer.rule.priority is Priority.CRITICAL
    assert other_side.rule.priority is Priority.HIGH


def test_a_tag_without_rules_has_the_table() -> None:
    step = step_for(Rulebook(), finding("bad", Stage.OPEN, 1))
    assert step.rule.priority is Priority.MEDIUM


def test_alarm_ids_need_no_escaping_in_a_url_and_stay_apart() -> None:
    assert alarm_id("R101.TT", "high") == "R101.TT~high"
    odd = [alarm_id(subject, "high") for subject in ("R 101/TT", "R-101-TT", "Ä" * 200, "Ä" * 201)]
    assert len(set(odd)) == len(odd)
    assert all(id_.isascii() and len(id_) < 80 and "/" not in id_ and " " not in id_ for id_ in odd)


@pytest.mark.parametrize("rule", ["model.spe", "excursion.validated.high"])
def test_what_only_advises_never_raises_an_alarm_whatever_is_configured(rule: str) -> None:
    loud = AlarmRule("loud", rule, Priority.CRITICAL)
    rules = Rulebook(tags={"R101": TagRules("R101", alarms=(loud,))})
    finding = Finding(
        FindingId("f"), 1, rule, "R101", Stage.OPEN, 0, None, 0, NOWHERE, "It is so.", evidence={"advisory": "yes"}
    )

    assert step_for(rules, finding).rule.priority is Priority.EVENT
    assert AlarmBook(rules).apply(finding) == []


HIGHER = {"side": "high"}


@pytest.mark.parametrize("rule", ["drift.ewma", "drift.cusum", "phase.expectation"])
def test_a_hint_is_the_innermost_step_of_its_side(rule: str) -> None:
    told = replace(finding(rule, Stage.OPEN, 1), evidence=HIGHER)
    step = step_for(Rulebook(), told)

    assert step.alarm == "high"
    assert step.severity < DEFAULTS["excursion.nor.high"].severity


def test_a_hint_is_no_worse_than_what_was_configured_for_the_range_that_it_comes_before() -> None:
    rules = rulebook(configured(priority=Priority.LOW))
    told = replace(finding("drift.cusum", Stage.OPEN, 1), evidence=HIGHER)

    assert step_for(rules, told).rule.priority is Priority.LOW


def test_a_range_that_nobody_configured_is_as_severe_as_a_hint_that_somebody_did() -> None:
    rules = rulebook(configured("drift.cusum", "drifts", priority=Priority.HIGH))

    assert step_for(rules, finding("excursion.nor.high", Stage.OPEN, 1)).rule.priority is Priority.HIGH


def test_a_hint_of_a_program_that_told_no_side_is_an_alarm_of_its_own() -> None:
    assert step_for(Rulebook(), finding("drift.cusum", Stage.OPEN, 1)).alarm == "drift"
    assert step_for(Rulebook(), finding("phase.expectation", Stage.OPEN, 1)).alarm == "phase.expectation"


@pytest.mark.parametrize("rule", sorted(DEFAULTS))
def test_every_default_is_rationalised_and_its_priority_is_what_severity_and_time_make(rule: str) -> None:
    default = DEFAULTS[rule].rule
    assert default.alarm_class in CLASSES
    if default.priority is Priority.EVENT:
        return
    assert default.cause
    assert default.consequence
    assert default.action
    assert default.respond_within_ns
    assert default.severity is not None
    made = priority_of(default.severity, default.respond_within_ns)

    assert default.priority is made or default.priority_reason
    assert not (default.priority is made and default.priority_reason)


def test_more_time_and_a_milder_consequence_never_make_a_higher_priority() -> None:
    rows = [[int(each) for each in MATRIX[severity]] for severity in Severity]  # from minor to severe

    assert all(row == sorted(row) for row in rows)
    assert all(list(column) == sorted(column, reverse=True) for column in zip(*rows, strict=True))


def test_who_suppresses_everything_hides_no_quality_and_nothing_that_is_not_proven() -> None:
    named = {rule for rule in DEFAULTS if is_named_only(rule)}

    assert {"bad", "source.disconnected", "hold.breach", "ranges.missing"} <= named
    assert {rule for rule in DEFAULTS if ".par." in rule} <= named
    assert "excursion.nor.high" not in named
