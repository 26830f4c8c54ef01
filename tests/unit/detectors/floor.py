"""A plant whose units are told by events, by rules over tags and by the state of a phase; beside R101 with its tags."""

import random
from dataclasses import replace
from decimal import Decimal

from domain.entries import BatchEvent, Entry, EventKind
from domain.equipment import FlowRule, UnitModel
from domain.findings import BatchTold, Finding
from domain.genealogy import BatchLink
from domain.recipes import Operation, Recipe, UnitProcedure
from domain.rules import Rulebook
from tests.unit.detectors.plant import (
    IN,
    LT,
    OUT,
    R101,
    RECIPE,
    SECOND,
    at,
    batch,
    rulebook,
)
from tests.unit.detectors.streams import stream

REACT = UnitProcedure("react", (Operation("make", ("charge", "dose", "cool")),), ("R101", "R102", "E2"))
FILTER = UnitProcedure("filter", (Operation("filter", ("load", "wash")),), ("E1",))
MASTER: Recipe = replace(RECIPE, procedure=(REACT, FILTER))
E1 = UnitModel("E1", {})
E2 = UnitModel("E2", {"PT": "R101.PT"}, settle_ns=5 * SECOND)
TANK = UnitModel(
    "TANK",
    {},
    transfer_in_rule=FlowRule("T7.LT", 0.5, 30 * SECOND, "T201.IN", "E1"),
    transfer_out_rule=FlowRule("T7.LT", 0.5, 30 * SECOND, "T201.OUT", "E2"),
)


def floor(**changed: object) -> Rulebook:
    """R101 keeps its tags but PT, which is a parameter of E2 here."""
    r101 = replace(R101, parameters={"TT": "R101.TT"})
    units = {"R101": r101, "E1": E1, "E2": E2, "TANK": TANK}
    made: dict[str, object] = {"units": units, "recipes": {"API-1": MASTER}, "holds": {}, "tags": {}}
    return rulebook(**{**made, **changed})


def event(id_: str, kind: str, seconds: float, unit: str = "", batch_: str = "", **more: object) -> BatchEvent:
    """An event from `floor`, recorded a second later."""
    made = BatchEvent(id_, "floor", EventKind(kind), at(seconds), at(seconds + 1), unit, batch_)
    return replace(made, **more)  # type: ignore[arg-type]  # a test names what it changes


def started(unit: str = "E1", batch_: str = "B-17", seconds: float = 0.0) -> list[BatchEvent]:
    """A batch and its first phase begin on a unit."""
    return [
        event(f"{unit}-{batch_}-b", "batch_start", seconds, unit, batch_),
        event(f"{unit}-{batch_}-p", "phase_start", seconds, unit, batch_, phase="load" if unit == "E1" else "charge"),
    ]


def what(said: object) -> list[str]:
    """The kinds of what cannot be."""
    return [
        str(each.evidence["what"])
        for each in said  # type: ignore[attr-defined]
        if isinstance(each, Finding) and each.rule == "context.impossible"
    ]


def conflicts(said: object) -> list[str]:
    """The sentences of the conflicts."""
    return [each.message for each in said if isinstance(each, Finding) and each.rule == "context.conflict"]  # type: ignore[attr-defined]


def links(said: object) -> list[tuple[str, str, str]]:
    """Parent, child and kinship of the links."""
    return [(each.parent, each.child, str(each.kinship)) for each in said if isinstance(each, BatchLink)]  # type: ignore[attr-defined]


def told(said: object) -> list[BatchEvent]:
    """The events that counted."""
    return [each.event for each in said if isinstance(each, BatchTold)]  # type: ignore[attr-defined]


_UNITS = ("E1", "E2", "R101", "TANK", "nowhere", "")
_NAMES = ("B-1", "B-2", "B-3")
_PHASES = ("charge", "dose", "cool", "load", "wash", "clean")


def eventful(seed: int, length: int = 60) -> list[Entry]:
    """A restless plant with events of every kind among its rows: doubled, late, contradictory, impossible."""
    chance = random.Random(seed)
    made: list[Entry] = []
    events: list[BatchEvent] = []
    for number, entry in enumerate(stream(seed, length)):
        made.append(entry)
        seconds = number * 20.0 - chance.choice((0, 0, 0, 7, 400))
        for _ in range(chance.randrange(3)):
            if events and chance.random() < 0.2:
                made.append(replace(chance.choice(events), source=chance.choice(("floor", ""))))
                continue
            events.append(_event(chance, f"e{chance.randrange(200)}", seconds))
            made.append(events[-1])
        if chance.random() < 0.6:
            made.append(
                batch([(OUT, seconds, float(chance.random() < 0.8)), (IN, seconds, float(chance.random() < 0.3))])
            )
            level = 5.0
            rows = []
            for step in range(chance.randrange(12)):
                level -= chance.choice((0.0, 0.2, 0.5, 0.6, -0.6))
                rows.append((LT, seconds + step * 5.0, level))
            made += [batch(rows)] if rows else []
    return made


def _event(chance: random.Random, id_: str, seconds: float) -> BatchEvent:
    kind = chance.choice(list(EventKind))
    relatives = chance.sample(_NAMES, 3)
    is_kin = kind in (EventKind.SPLIT, EventKind.MERGE, EventKind.REWORK)
    return event(
        id_,
        kind,
        seconds,
        chance.choice(_UNITS),
        chance.choice(_NAMES),
        phase=chance.choice(_PHASES),
        amount=chance.choice((None, Decimal("12.50"), Decimal("12.5"))),
        from_unit=chance.choice(_UNITS),
        to_unit=chance.choice(_UNITS),
        parents=tuple(relatives[: 2 if kind is EventKind.MERGE else 1]) if is_kin else (),
        children=tuple(relatives[2:] if kind is not EventKind.SPLIT else relatives[1:]) if is_kin else (),
        recipe=chance.choice(("", "", "", "API-1", "API-1 v7", "API-1 v8")),
        corrects=chance.choice(("", "", "", f"e{chance.randrange(200)}")),
    )
