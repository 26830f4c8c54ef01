"""A small world behind the HTTP interface, and a client that calls it without a network."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.dependencies import Dependencies
from api.stream import Feed
from domain.alarms import AlarmFacts, Transition
from domain.entries import Position, TagDefined
from domain.equipment import UnitModel
from domain.holds import Hold, HoldKind
from domain.ports import Person
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import Priority, Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from domain.time import HOUR_NS, MINUTE_NS, parse_time_ns
from historian.memory import MemoryStore
from tests.fakes import JournalInMemory, RecordsInMemory, SetClock

NOW_NS = parse_time_ns("2026-03-02T12:00:00Z")
LEAD, VIEWER = "token-of-the-lead", "token-of-a-viewer"

TAGS = [
    Tag(TagId(0), "u0", 1, "R101.TT", "train1", "nsu=x;s=TT", unit="degC"),
    Tag(TagId(1), "u1", 1, "R101.PT", "train1", "nsu=x;s=PT", unit="bar", reference="gauge"),
    Tag(TagId(2), "u2", 1, "R101.BATCH", "train1", "nsu=x;s=B", kind="text"),
    Tag(TagId(3), "u3", 1, "T7.LT", "floor", "plant/t7/level#/v", unit="m3"),
]

RULEBOOK = Rulebook(
    recipes={
        "API-1": Recipe(
            "API-1",
            7,
            "CR-1",
            {
                "dose": Phase(
                    "dose",
                    {
                        "TT": ParameterRanges(
                            "TT",
                            "degC",
                            "",
                            {RangeKind.NOR: Limits(58, 62), RangeKind.VALIDATED: Limits(55, 65)},
                            after_ns=10 * MINUTE_NS,
                        ),
                    },
                ),
            },
        ),
    },
    units={"R101": UnitModel("R101", {"TT": "R101.TT", "PT": "R101.PT"})},
    holds={"crude": Hold("crude", HoldKind.INTERMEDIATE, "R101", "a.end", "b.start", 72 * HOUR_NS, (8 * HOUR_NS,), "HT-1")},
)  # fmt: skip


@dataclass
class World:
    """Everything that a test may change before or between calls."""

    clock: SetClock
    journal: JournalInMemory
    records: RecordsInMemory
    history: MemoryStore
    feed: Feed
    deps: Dependencies
    woken: list[int] = field(default_factory=list)

    def rows(self, tag: int, times_ns: list[int], values: list[float], codes: list[int] | None = None) -> Position:
        """Commit rows of one tag to journal and store."""
        batch = SampleBatch(
            TAGS[tag].source,
            NOW_NS,
            np.full(len(times_ns), tag, np.uint32),
            np.array(times_ns, np.int64),
            None,
            np.array(values, np.float64),
            np.array(codes if codes is not None else [0] * len(times_ns), np.uint32),
        )
        position = self.journal.put(batch)
        self.history.write(position, batch)
        return position

    def alarm(self, number: int = 1, what: str = "activated", **changes: Any) -> Transition:
        """Write a transition of the alarm `R101.TT/high`."""
        transition = Transition(
            f"R101.TT/high:{number}",
            "R101.TT/high",
            number,
            NOW_NS - HOUR_NS + number,
            what,
            AlarmFacts(active=True, acknowledged=False),
            Priority.HIGH,
            "excursion.validated.high",
            "R101.TT",
            "high",
            "R101.TT: 66 °C is above 65 °C",
            unit="R101",
            batch="B1",
            phase="dose",
            occurrence=1,
        )
        transition = replace(transition, **changes)
        self.records.all_transitions.append(transition)
        return transition


def a_world(**changes: Any) -> World:
    clock, journal, records, history = SetClock(NOW_NS), JournalInMemory(), RecordsInMemory(), MemoryStore()
    records.people = {LEAD: Person("Ada", "shift_lead"), VIEWER: Person("Bo", "viewer")}
    journal.put(*(TagDefined(tag, NOW_NS) for tag in TAGS))
    feed = Feed(journal, records, clock, poll_s=0.05)
    woken: list[int] = []
    deps = Dependencies(
        site="demo",
        version="0.1.0",
        clock=clock,
        history=history,
        journal=journal,
        records=records,
        feed=feed,
        rulebook=RULEBOOK,
        wake_core=lambda: woken.append(1),
    )
    return World(clock, journal, records, history, feed, replace(deps, **changes), woken)


def a_client(world: World) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(world.deps), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    await world.feed.start()
    async with a_client(world) as client:
        yield client
    world.feed.shut()
