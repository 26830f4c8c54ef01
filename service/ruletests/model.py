"""The shape of a file of tests, and the series of values that it speaks of."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from domain.errors import Complaint, ConfigError
from service.config.document import Document, PathKey, read_document
from service.config.quantities import duration_ns
from service.config.shape.values import Duration, Section

MOST_ROWS = 2_000_000
"""Rows of one test: a file that asks for more is refused."""


class Expected(Section):
    """A finding: what is left out is not compared. Times count from the start of the test."""

    rule: str
    tag: str | None = None  # a role of the unit, or a tag's name; None: any subject
    onset: Duration | None = None
    end: Duration | Literal["open"] | None = None
    within: Duration = 1_000_000_000
    peak: float | None = None
    peak_within: float = Field(default=1e-6, ge=0)
    area: float | None = None  # unit times minute
    area_within: float = Field(default=1e-6, ge=0)


class TestText(Section):
    """One test: the unit's phase begins at 0 and the series with it."""

    name: str
    unit: str | None = None
    phase: str | None = None
    recipe: str | None = None
    batch: str = "TEST-1"
    every: Duration = 1_000_000_000
    series: dict[str, list[str]] = Field(min_length=1)
    expect: list[Expected] = Field(default_factory=list)
    ignore: list[str] = Field(default_factory=list)  # rules; `drift.` ignores all that begin so


class TestsFile(Section):
    """A file of tests beside the configuration that they are for."""

    configuration: str
    tests: list[TestText] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a series: a straight line, or nothing that proves a value."""

    kind: str  # line | gap | bad
    first: float
    last: float
    lasts_ns: int


_NUMBER = r"([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
_RAMP = re.compile(rf"(?:from\s+{_NUMBER}\s+)?to\s+{_NUMBER}\s+over\s+(.+)", re.IGNORECASE)
_HOLD = re.compile(rf"{_NUMBER}\s+for\s+(.+)", re.IGNORECASE)
_NOTHING = re.compile(r"(gap|bad)\s+for\s+(.+)", re.IGNORECASE)


def read_step(text: str, before: float | None) -> Step:
    """A step from its words; `before` is the value that the one before ended with. ValueError says what is wrong."""
    text = text.strip()
    if match := _RAMP.fullmatch(text):
        first = before if match[1] is None else float(match[1])
        if first is None:
            raise ValueError(f"{text!r} begins nowhere: say from which value")
        return Step("line", first, float(match[2]), _lasts(match[3]))
    if match := _HOLD.fullmatch(text):
        return Step("line", float(match[1]), float(match[1]), _lasts(match[2]))
    if match := _NOTHING.fullmatch(text):
        value = 0.0 if before is None else before
        return Step(match[1].lower(), value, value, _lasts(match[2]))
    raise ValueError(
        f"{text!r} is no step (such as `60 for 10min`, `from 60 to 85 over 30min`, `gap for 2min`, `bad for 5s`)"
    )


def _lasts(text: str) -> int:
    lasts_ns = duration_ns(text)
    if lasts_ns <= 0:
        raise ValueError(f"{text!r} is no time to last")
    return lasts_ns


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A test with its series read, and the places of what it expects."""

    text: TestText
    series: dict[str, list[Step]]
    place: Complaint  # of the test
    expected: list[Complaint]  # the place of each expectation, in order


def read_tests(file: Path) -> tuple[Path, list[RuleTest]]:
    """The configuration's path, and the tests; ConfigError carries every complaint, each with its place."""
    document = read_document(file)
    try:
        tests = TestsFile.model_validate(document.values)
    except ValidationError as error:
        raise ConfigError(
            tuple(document.complain(tuple(map(str, each["loc"])), each["msg"]) for each in error.errors())
        ) from error
    complaints: list[Complaint] = []
    read = [_read(document, ("tests", str(number)), test, complaints) for number, test in enumerate(tests.tests)]
    if complaints:
        raise ConfigError(tuple(complaints))
    return (file.parent / tests.configuration).resolve(), read


def _read(document: Document, path: PathKey, test: TestText, complaints: list[Complaint]) -> RuleTest:
    series: dict[str, list[Step]] = {}
    rows = 0
    for name, texts in test.series.items():
        steps = series[name] = []
        for number, text in enumerate(texts):
            try:
                steps.append(read_step(text, steps[-1].last if steps else None))
            except ValueError as error:
                complaints.append(document.complain((*path, "series", name, str(number)), str(error)))
        rows += sum(step.lasts_ns // test.every for step in steps)
    if rows > MOST_ROWS:
        complaints.append(document.complain((*path, "every"), f"makes {rows} rows, more than {MOST_ROWS}"))
    expected = [document.complain((*path, "expect", str(number)), "") for number in range(len(test.expect))]
    return RuleTest(test, series, document.complain((*path, "name"), ""), expected)
