"""Tests of limits: series of values over a phase, and what is to be found in them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from service.config.build import load
from service.ruletests.model import read_tests
from service.ruletests.running import Outcome, run_test


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is tested, and by which file."""
    parser.add_argument("what", choices=("rules",))
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--junit", type=Path, metavar="XML", help="write the outcome as JUnit XML too")


def run(options: argparse.Namespace) -> int:
    """Exit 0 if every test passes, 1 if one fails, 2 if the file or its configuration is wrong."""
    path, tests = read_tests(options.file)
    configuration = load(path)
    outcomes = [run_test(configuration, test) for test in tests]
    for outcome in outcomes:
        print(f"{'FAILED' if outcome.failures else 'passed'}  {outcome.name}")
        for failure in outcome.failures:
            print(f"  {failure.file}:{failure.line}: {failure.message}")
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    if options.junit is not None:
        _write_junit(options.file, outcomes, options.junit)
    return 1 if failed else 0


def _write_junit(file: Path, outcomes: Sequence[Outcome], to: Path) -> None:
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    suites = Element("testsuites", name="thermowell test rules")
    suite = SubElement(suites, "testsuite", name=str(file), tests=str(len(outcomes)), failures=str(failed), errors="0")
    for outcome in outcomes:
        case = SubElement(suite, "testcase", classname=file.stem, name=outcome.name)
        for failure in outcome.failures:
            told = SubElement(case, "failure", message=failure.message)
            told.text = f"{failure.file}:{failure.line}: {failure.message}"
    indent(suites)
    ElementTree(suites).write(to, encoding="utf-8", xml_declaration=True)
