"""Versions that only change a verdict, and versions of late rows: one count, across restarts."""

import json
from dataclasses import replace

from detectors.cases import Origin, open_case
from detectors.relations.comparisons import Comparisons
from detectors.relations.verdicts import Verdicts
from domain.checks import UnitChecks
from domain.entries import Heartbeat, Position, RowPosition
from domain.findings import Finding, Stage
from tests.unit.detectors.plant import R101, TAGS, at, rulebook

ORIGIN = Origin("rules", "detectors", approved=True)


def verdicts() -> Verdicts:
    unit = replace(R101, checks=UnitChecks(witnesses={"TT": ("PT",)}))
    rules = rulebook(units={"R101": unit})
    comparisons = Comparisons(rules, ORIGIN)
    comparisons.grow(len(TAGS))
    for tag in TAGS:
        comparisons.bind(tag, "R101" if tag.name in R101.parameters.values() else "")
    return Verdicts(rules, comparisons)


def finding(rule: str, stage: Stage, version: int = 1) -> Finding:
    case = open_case(ORIGIN, rule, "R101.TT", at(0), RowPosition(Position(1), 0), None, "R101")
    said = case.say(stage, at(version), "R101.TT is 70 °C.", {}, None if stage is Stage.OPEN else at(version))
    return replace(said, version=version)


def test_a_finding_that_late_rows_bring_back_goes_on_from_its_newest_version_also_after_a_restart():
    before = verdicts()
    opened = before.explained(finding("fixed.high", Stage.OPEN))
    before.explained(finding("bad", Stage.OPEN))
    (revised,) = before.revised(Heartbeat("train1", at(5), connected=True))
    cleared = before.explained(finding("fixed.high", Stage.CLEARED, 2))
    after = verdicts()
    after.load(json.loads(json.dumps(before.state())), {})
    # As the detectors count it is the third version, as people know it the fourth.
    rejudged = after.explained(replace(finding("fixed.high", Stage.CLEARED, 3), evidence={"rejudged": 9}))

    assert [each.version for each in (opened, revised, cleared, rejudged)] == [1, 2, 3, 4]


def test_what_turned_out_to_be_none_has_no_verdict():
    known = verdicts()
    known.explained(finding("bad", Stage.OPEN))
    withdrawn = replace(finding("fixed.high", Stage.CLEARED, 2), evidence={"withdrawn": "late rows"})

    assert known.explained(withdrawn) == withdrawn
