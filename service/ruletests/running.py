"""Run tests of limits: the very detectors over the series, and what they find beside what was expected."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from detectors.bank import Bank
from domain.entries import BatchEvent, Entry, EventKind, Gap, GapCause, Heartbeat, Position, TextBatch
from domain.equipment import UnitModel
from domain.errors import Complaint, Refused
from domain.findings import Finding
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.status import BAD
from domain.tags import Tag, TagTable
from domain.time import SECOND_NS, format_duration
from service.config.build import Configuration
from service.ruletests.model import Expected, RuleTest, Step
from service.tag_table import define

START_NS = 1_767_225_600 * SECOND_NS
"""When every test begins: 2026-01-01."""

_BEAT_NS = 5 * SECOND_NS
_FRAME_ROWS = 1_000

_Row = tuple[int, int, float, int]  # time, tag, value, status


@dataclass(frozen=True, slots=True)
class Outcome:
    """A test that was run; `failures` with the place of each. None: it passed."""

    name: str
    failures: tuple[Complaint, ...]
    found: int


def run_test(configuration: Configuration, test: RuleTest) -> Outcome:
    """Run one test by the files as they are, approved or not; Refused names what it speaks of that is not there."""
    rulebook = replace(configuration.rulebook, approval="off")
    table = TagTable()
    define(table, configuration.tags, START_NS, lambda: "test")
    newest: dict[str, Finding] = {}
    bank = Bank(rulebook, table)
    for number, entry in enumerate(_entries(rulebook, table, test), start=1):
        for each in bank.update(Position(number), entry):
            if isinstance(each, Finding):
                newest[each.id] = each
    found = [each for each in newest.values() if not _is_ignored(each, test.text.ignore)]
    return Outcome(test.text.name, tuple(_compared(rulebook, test, found)), len(found))


def _is_ignored(finding: Finding, rules: Iterable[str]) -> bool:
    return any(finding.rule == rule or (rule.endswith(".") and finding.rule.startswith(rule)) for rule in rules)


# ---- what happens


def _entries(rulebook: Rulebook, table: TagTable, test: RuleTest) -> Iterator[Entry]:
    """The phase begins, then the series in the order of time, with a heartbeat of every source now and then."""
    tags = {name: _tag(rulebook, table, test, name) for name in test.series}
    source = next(iter(tags.values())).source
    unit = _unit(rulebook, test)
    settle_ns = 0 if unit is None else unit.settle_ns
    if unit is not None:
        yield from _context(unit, table, test, source)
    rows: list[_Row] = []
    gaps: list[tuple[int, Gap]] = []
    end_ns = START_NS
    for name, steps in test.series.items():
        end_ns = max(end_ns, _lay_out(tags[name], steps, test.text.every, rows, gaps))
    sources = sorted({tag.source for tag in table})
    yield from _in_time(rows, gaps, {tag.id: tag.source for tag in tags.values()}, sources)
    for at_ns in (end_ns, end_ns + settle_ns + _BEAT_NS):
        yield from (Heartbeat(each, at_ns, connected=True, heard_ns=at_ns) for each in sources)


def _in_time(
    rows: list[_Row], gaps: list[tuple[int, Gap]], source_of: dict[int, str], sources: list[str]
) -> Iterator[Entry]:
    rows.sort()
    gaps.sort(key=lambda each: each[0])
    beat_ns, begin = START_NS, 0
    while begin < len(rows):
        while gaps and gaps[0][0] <= rows[begin][0]:
            yield gaps.pop(0)[1]
        while beat_ns <= rows[begin][0]:
            yield from (Heartbeat(each, beat_ns, connected=True, heard_ns=beat_ns) for each in sources)
            beat_ns += _BEAT_NS
        until_ns = min([beat_ns, *(at_ns for at_ns, _ in gaps[:1])])
        source = source_of[rows[begin][1]]
        end = begin + 1
        while (
            end < min(len(rows), begin + _FRAME_ROWS) and rows[end][0] < until_ns and source_of[rows[end][1]] == source
        ):
            end += 1
        yield _batch(rows[begin:end], source)
        begin = end
    yield from (gap for _, gap in gaps)


def _batch(rows: list[_Row], source: str) -> SampleBatch:
    time_ns, tag, value, status = zip(*rows, strict=True)
    return SampleBatch(
        source,
        time_ns[-1],
        np.array(tag, np.uint32),
        np.array(time_ns, np.int64),
        None,
        np.array(value, np.float64),
        np.array(status, np.uint32),
    )


def _lay_out(tag: Tag, steps: list[Step], every_ns: int, rows: list[_Row], gaps: list[tuple[int, Gap]]) -> int:
    """Add the rows of a series; return when it ends. Its last value is sampled at its end too."""
    at_ns = START_NS
    for number, step in enumerate(steps):
        ends_ns = at_ns + step.lasts_ns
        if step.kind == "gap":
            gap = Gap(f"test:{tag.id}:{number}", tag.source, tag.id, at_ns, ends_ns, GapCause.UNKNOWN)
            gaps.append((ends_ns, gap))
        else:
            rows += _line(tag, step, at_ns, every_ns)
        at_ns = ends_ns
    if steps[-1].kind == "line":
        rows.append((at_ns, int(tag.id), steps[-1].last, 0))
    return at_ns


def _line(tag: Tag, step: Step, at_ns: int, every_ns: int) -> Iterator[_Row]:
    slope = (step.last - step.first) / step.lasts_ns
    status = BAD if step.kind == "bad" else 0
    for since_ns in range(0, step.lasts_ns, every_ns):
        yield at_ns + since_ns, int(tag.id), step.first + slope * since_ns, status


def _context(unit: UnitModel, table: TagTable, test: RuleTest, source: str) -> Iterator[Entry]:
    """Tell the unit its recipe, batch and phase: by its tags where it has them, by events where not."""
    text = test.text
    if text.recipe is not None and unit.recipe_tag is not None:
        yield _told(table.named(unit.recipe_tag), text.recipe)
    if unit.batch_tag is not None:
        yield _told(table.named(unit.batch_tag), text.batch)
    else:
        yield _event(EventKind.BATCH_START, source, unit, test)
    if text.phase is None:
        return
    if unit.phase_tag is None:
        yield _event(EventKind.PHASE_START, source, unit, test)
        return
    values = [value for value, name in unit.phase_map.items() if name == text.phase]
    if unit.phase_map and not values:
        raise Refused(f"unit {unit.name!r} has no phase {text.phase!r}; it has {sorted(set(unit.phase_map.values()))}")
    yield _told(table.named(unit.phase_tag), values[0] if values else text.phase)


def _told(tag: Tag, value: str) -> Entry:
    if tag.kind != "text":
        try:
            return _batch([(START_NS, int(tag.id), float(value), 0)], tag.source)
        except ValueError:
            pass  # a number's tag that tells words is told as words
    return TextBatch(tag.source, START_NS, (int(tag.id),), (START_NS,), None, (value,), (0,))


def _event(kind: EventKind, source: str, unit: UnitModel, test: RuleTest) -> Entry:
    phase = test.text.phase or "" if kind is EventKind.PHASE_START else ""
    return BatchEvent(
        f"test {kind}", source, kind, START_NS, START_NS, unit=unit.name, batch=test.text.batch, phase=phase
    )


def _unit(rulebook: Rulebook, test: RuleTest) -> UnitModel | None:
    name = test.text.unit
    if name is None:
        return None
    if name not in rulebook.units:
        raise Refused(f"test {test.text.name!r}: there is no unit {name!r}")
    return rulebook.units[name]


def _tag(rulebook: Rulebook, table: TagTable, test: RuleTest, name: str) -> Tag:
    unit = _unit(rulebook, test)
    known = table.find(name if unit is None else unit.parameters.get(name, name))
    if known is None:
        raise Refused(f"test {test.text.name!r}: {name!r} is neither a parameter of its unit nor a tag")
    return known


# ---- what was expected


def _compared(rulebook: Rulebook, test: RuleTest, found: list[Finding]) -> Iterator[Complaint]:
    left = sorted(found, key=lambda each: each.onset_ns)
    unit = _unit(rulebook, test)
    for expected, place in zip(test.text.expect, test.expected, strict=True):
        tag = expected.tag if expected.tag is None or unit is None else unit.parameters.get(expected.tag, expected.tag)
        alike = [each for each in left if each.rule == expected.rule and tag in {None, each.subject}]
        if not alike:
            yield replace(place, message=f"expected {_words(expected)}, found none")
            continue
        reasons = {each.id: _wrong(expected, each) for each in alike}
        best = min(alike, key=lambda each: (len(reasons[each.id]), abs(_since(each.onset_ns) - (expected.onset or 0))))
        left.remove(best)
        if reasons[best.id]:
            yield replace(place, message=f"{_words(expected)}: {'; '.join(reasons[best.id])}")
    for each in left:
        what = f"nothing expected, found {each.rule} at {format_duration(_since(each.onset_ns))}: {each.message}"
        yield replace(test.place, message=what)


def _wrong(expected: Expected, found: Finding) -> list[str]:
    """Why a finding is not the expected one."""
    reasons = []
    if expected.onset is not None and abs(_since(found.onset_ns) - expected.onset) > expected.within:
        reasons.append(f"it began at {_exactly(_since(found.onset_ns))}")
    if expected.end == "open" and found.end_ns is not None:
        reasons.append(f"it ended at {_exactly(_since(found.end_ns))}")
    elif isinstance(expected.end, int) and found.end_ns is None:
        reasons.append("it is still open")
    elif isinstance(expected.end, int) and abs(_since(found.end_ns or 0) - expected.end) > expected.within:
        reasons.append(f"it ended at {_exactly(_since(found.end_ns or 0))}")
    for name, wanted, most in (
        ("peak", expected.peak, expected.peak_within),
        ("area", expected.area, expected.area_within),
    ):
        told = found.evidence.get(name)
        if wanted is not None and not (isinstance(told, float | int) and abs(told - wanted) <= most):
            reasons.append(f"its {name} is {told}")
    return reasons


def _words(expected: Expected) -> str:
    when = "" if expected.onset is None else f" at {_exactly(expected.onset)} ± {_exactly(expected.within)}"
    return f"{expected.rule}{'' if expected.tag is None else f' of {expected.tag}'}{when}"


def _since(at_ns: int) -> int:
    return at_ns - START_NS


def _exactly(time_ns: int) -> str:
    minutes, rest_ns = divmod(time_ns, 60 * SECOND_NS)
    seconds = f"{rest_ns / SECOND_NS:.9g} s"
    return seconds if not minutes else f"{minutes} min" if not rest_ns else f"{minutes} min {seconds}"
