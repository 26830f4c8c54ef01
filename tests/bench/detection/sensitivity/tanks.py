"""Holds on many copies of one tank: over the limit, just inside it, and without a beginning."""

from dataclasses import dataclass, replace

import numpy as np

from detectors.bank import Bank
from domain.entries import Heartbeat, Position
from domain.findings import Finding
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from tests.bench.detection.sensitivity.reactors import renamed

HOUR_S, MINUTE_S = 3600, 60
FILLS_S = 20 * MINUTE_S  # how long material flows in; the hold runs from its beginning
BEAT_S = 30
SECOND_NS = 1_000_000_000
T0_NS = 1_772_427_600 * SECOND_NS
SOURCE = "train"
_IN, _OUT = "XFER_IN", "XFER_OUT"


@dataclass(frozen=True, slots=True)
class HoldCell:
    """A hold that ends so long after its limit (negative: before it); `begins`: whether its beginning is recorded."""

    name: str
    over_s: int
    begins: bool
    must: bool | None


HOLD_CELLS = (
    HoldCell("hold breach, over by 30 s", 30, begins=True, must=None),
    HoldCell("hold breach, over by 2 min", 2 * MINUTE_S, begins=True, must=True),
    HoldCell("hold breach, over by 30 min", 30 * MINUTE_S, begins=True, must=True),
    HoldCell("near miss, hold ends 2 min before its limit", -2 * MINUTE_S, begins=True, must=False),
    HoldCell("missing event, no beginning", -HOUR_S, begins=False, must=True),
)


@dataclass(frozen=True, slots=True)
class HoldTold:
    """Of one tank: its rules, and when the first of the asked kind was told, from the limit on."""

    rules: frozenset[str]
    after_limit_s: int | None


def fold_holds(rulebook: Rulebook, tank: str, cell: HoldCell, repeats: int, seed: int) -> list[HoldTold]:
    """Run one cell on so many copies of `tank`, with the rules of its hold."""
    names = [f"V{at:03d}" for at in range(repeats)]
    own = next(hold for hold in rulebook.holds.values() if hold.unit == tank)
    holds = {f"{name}_crude": replace(renamed(own, tank, name), name=f"{name}_crude") for name in names}
    units = {name: replace(renamed(rulebook.units[tank], tank, name), settle_ns=0) for name in names}
    book = replace(rulebook, units=units, holds=holds, tags={})
    tags = [
        Tag(TagId(2 * at + place), f"{name}.{role}", 1, f"{name}.{role}", SOURCE, f"s={name}.{role}", kind="boolean")
        for at, name in enumerate(names)
        for place, role in enumerate((_IN, _OUT))
    ]
    events = _events(cell, own.limit_ns // SECOND_NS, np.random.default_rng(seed).integers(0, 600, repeats).tolist())
    return _told(Bank(book, tags), events, cell, own.limit_ns // SECOND_NS, repeats)


def _events(cell: HoldCell, limit_s: int, begins_s: list[int]) -> dict[int, list[tuple[int, float]]]:
    """By second: (tag, value)."""
    events: dict[int, list[tuple[int, float]]] = {}

    def add(second: int, tag: int, value: float) -> None:
        events.setdefault(second, []).append((tag, value))

    for at, begin_s in enumerate(begins_s):
        for tag in (2 * at, 2 * at + 1):
            add(0, tag, 0.0)
        if cell.begins:
            add(begin_s + 1, 2 * at, 1.0)
            add(begin_s + 1 + FILLS_S, 2 * at, 0.0)
        end_s = begin_s + 1 + limit_s + cell.over_s
        add(end_s - MINUTE_S, 2 * at + 1, 1.0)
        add(end_s, 2 * at + 1, 0.0)
    return events


def _told(
    bank: Bank, events: dict[int, list[tuple[int, float]]], cell: HoldCell, limit_s: int, repeats: int
) -> list[HoldTold]:
    rules: list[set[str]] = [set() for _ in range(repeats)]
    first_s: list[int | None] = [None] * repeats
    position = 0
    last_s = max(events) + 10 * MINUTE_S
    for second in sorted({*events, *range(0, last_s, BEAT_S)}):
        now_ns = T0_NS + second * SECOND_NS
        entries: list[SampleBatch | Heartbeat] = []
        if second in events:
            entries.append(_batch(events[second], now_ns))
        if second % BEAT_S == 0:
            entries.append(Heartbeat(SOURCE, now_ns, connected=True, heard_ns=now_ns, skew_ns=0))
        for entry in entries:
            position += 1
            for finding in bank.update(Position(position), entry):
                if isinstance(finding, Finding) and finding.rule.startswith("hold.") and finding.unit.startswith("V"):
                    at = int(finding.unit[1:])
                    rules[at].add(finding.rule)
                    if finding.rule == "hold.breach" and first_s[at] is None:
                        first_s[at] = second
    begun = {tag // 2: second for second, rows in events.items() for tag, value in rows if tag % 2 == 0 and value}
    return [
        HoldTold(frozenset(own), None if at is None or not cell.begins else at - begun[place] - limit_s)
        for place, (own, at) in enumerate(zip(rules, first_s, strict=True))
    ]


def _batch(rows: list[tuple[int, float]], now_ns: int) -> SampleBatch:
    tag, value = (np.array(column) for column in zip(*rows, strict=True))
    number = len(rows)
    return SampleBatch(SOURCE, now_ns, tag.astype(np.uint32), np.full(number, now_ns), None, value, np.zeros(number, np.uint32))  # fmt: skip
