"""JUnit XML of runs, as test runners' front ends read it: a suite per run, a case per acceptance line and per label.

A label that was missed fails its case where the acceptance asked for it; where the acceptance holds all the same, the
case is skipped and says so. Every failure carries the command that repeats the run.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from service.bench.outputs import Outcome
from service.bench.scoring import Result, describe

_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(outcomes: Sequence[Outcome], file: Path) -> None:
    """Write the runs as one file."""
    suites = Element("testsuites", name="thermowell bench")
    for outcome in outcomes:
        _suite(suites, outcome)
    for counted in ("tests", "failures", "skipped"):
        suites.set(counted, str(sum(int(suite.get(counted, "0")) for suite in suites)))
    indent(suites)
    ElementTree(suites).write(file, encoding="utf-8", xml_declaration=True)


def _suite(suites: Element, outcome: Outcome) -> None:
    name = f"{outcome.scenario.name} (seed {outcome.scenario.seed})"
    suite = SubElement(suites, "testsuite", name=_clean(name), time=f"{outcome.cpu_s:.3f}")
    for check in outcome.checks:
        _case(suite, outcome, "acceptance", check.name, check.failure)
    for number, complaint in enumerate(outcome.complaints, 1):
        _case(suite, outcome, "service", f"complaint {number}", complaint)
    failed = {check.name for check in outcome.checks if check.failure is not None}
    for result in outcome.score.results:
        _label(suite, outcome, result, asked=f"found: {result.group}" in failed)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("errors", "0")


def _label(suite: Element, outcome: Outcome, result: Result, *, asked: bool) -> None:
    name = describe(result.label)
    if result.finding is not None:
        _case(suite, outcome, result.group, name, None)
        return
    missed = f"{name} was missed. {result.label.because}".rstrip()
    if asked:
        _case(suite, outcome, result.group, name, missed)
        return
    case = _case(suite, outcome, result.group, name, None)
    SubElement(case, "skipped", message=_clean(f"{missed}; the acceptance holds all the same"))


def _case(suite: Element, outcome: Outcome, group: str, name: str, failure: str | None) -> Element:
    place = f"{outcome.scenario.name}.{group}"
    case = SubElement(suite, "testcase", classname=_clean(place), name=_clean(name))
    if failure is not None:
        told = SubElement(case, "failure", message=_clean(failure))
        told.text = _clean(f"{failure}\nrepeat with: {outcome.repeat}")
    return case


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
