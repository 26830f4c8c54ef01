"""Folds the streams of many copies with the real bank, and says what it told of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.bank import Bank
from domain.entries import Heartbeat, Position, TextBatch
from domain.findings import Finding, Recheck
from domain.samples import SampleBatch
from tests.bench.detection.sensitivity.cells import Cell, Pattern
from tests.bench.detection.sensitivity.reactors import BEFORE, PHASE, ROLES, STEP_CODES, Reactors
from tests.bench.detection.sensitivity.streams import LASTS_S, LATE_S, PHASE_FROM_S, SEEN_BY, Patterns

SECOND_NS = 1_000_000_000
T0_NS = 1_772_427_600 * SECOND_NS
SOURCE = "train"
BEAT_S = 30
GRACE_S = 300  # behind a pattern's end, what is told still belongs to it
_GOOD = np.uint32(0)


@dataclass(slots=True)
class Copy:
    """What was told of one copy from its pattern's beginning on: rules, when first, and whether judged again."""

    rules: set[str] = field(default_factory=set)
    first_s: int | None = None
    recheck: bool = False


def fold(made: Reactors, cells: Sequence[Cell], seed: int) -> list[Copy]:
    """Run the patterns of `cells`, a copy each; return what was told of each in its time."""
    patterns = Patterns(made, cells, seed)
    bank = Bank(made.rulebook, made.tags[: len(cells) * made.per_unit])
    copies = [Copy() for _ in cells]
    known: set[str] = set()
    position = 0

    def take(second: int, entry: object) -> None:
        nonlocal position
        position += 1
        for told in bank.update(Position(position), entry):  # type: ignore[arg-type]
            _note(told, second, patterns, copies, known, made)

    take(0, _batches(made, len(cells)))
    take(0, _steps(made, len(cells), 0, BEFORE))
    for tick in patterns.ticks():
        if tick.second == PHASE_FROM_S:
            take(tick.second, _steps(made, len(cells), tick.second, PHASE))
        copy, role = np.divmod(tick.place, len(ROLES))
        tag = (copy * made.per_unit + role).astype(np.uint32)
        now_ns = T0_NS + tick.second * SECOND_NS
        take(
            tick.second, SampleBatch(SOURCE, now_ns, tag, T0_NS + tick.at_s * SECOND_NS, None, tick.value, tick.status)
        )
        if tick.second % BEAT_S == 0:
            take(tick.second, Heartbeat(SOURCE, now_ns, connected=True, heard_ns=now_ns, skew_ns=0))
    return copies


def _note(told: object, second: int, patterns: Patterns, copies: list[Copy], known: set[str], made: Reactors) -> None:
    """Keep what is new, is of the pattern's time, and is about its unit or the tags that see it."""
    if isinstance(told, Recheck):
        at, role = divmod(told.tag, made.per_unit)
        begin_ns = T0_NS + int(patterns.begin_s[at]) * SECOND_NS
        end_ns = T0_NS + int(patterns.end_s[at]) * SECOND_NS
        if told.end_ns >= begin_ns and told.start_ns <= end_ns and role < len(ROLES):
            copies[at].recheck = True
        return
    if not isinstance(told, Finding) or told.id in known:
        return
    known.add(told.id)
    name, _, role = told.subject.partition(".")
    if not name.startswith("U") or not name[1:].isdecimal():
        return
    at = int(name[1:])
    if role and role not in SEEN_BY[patterns.cells[at].tag] and patterns.cells[at].pattern is not Pattern.CORRELATED:
        return  # about another tag: it cannot mean this
    if patterns.begin_s[at] <= second <= min(patterns.end_s[at] + LATE_S + GRACE_S, LASTS_S):
        copy = copies[at]
        copy.rules.add(told.rule)
        if copy.first_s is None:
            copy.first_s = second - int(patterns.begin_s[at])


def _batches(made: Reactors, number: int) -> TextBatch:
    place = made.per_unit - 1
    tag = tuple(at * made.per_unit + place for at in range(number))
    time_ns = (T0_NS,) * number
    return TextBatch(SOURCE, T0_NS, tag, time_ns, None, tuple(f"B{at}" for at in range(number)), (0,) * number)


def _steps(made: Reactors, number: int, second: int, phase: str) -> SampleBatch:
    place = made.per_unit - 2
    tag = (np.arange(number) * made.per_unit + place).astype(np.uint32)
    at_ns = T0_NS + second * SECOND_NS
    value = np.full(number, STEP_CODES[phase])
    return SampleBatch(SOURCE, at_ns, tag, np.full(number, at_ns), None, value, np.full(number, _GOOD))
