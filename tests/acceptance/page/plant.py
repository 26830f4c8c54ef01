"""A small plant for looking at the page: realistic records in memory, with a past, and alive while it is served.

Start it by hand with `python -m tests.acceptance.page.plant [port [folder]]` and open the printed address. In the folder lies
what a core would tell of itself, `core.json`; without one nothing is said of it.
"""

import asyncio
import math
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from api.app import create_app
from api.dependencies import BudgetRun, Dependencies, HoldRun
from api.serve import serve
from api.stream import Feed, Standstill, no_standstill
from domain.alarms import AlarmFacts, Notice, Transition
from domain.entries import ActionKind, Gap, GapCause, Heartbeat, PersonAction, Position, RowPosition, TagDefined
from domain.equipment import UnitModel
from domain.findings import Finding, FindingId, PhaseRecord, Stage
from domain.holds import Hold, HoldKind
from domain.people import Person
from domain.ports import SourceLedger
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import Priority, Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS, parse_time_ns
from historian.memory import MemoryStore
from records.desk import SqlPeople
from records.engine import Database
from records.passwords import Hasher
from service.standstill import StandstillWatch
from tests.fakes import JournalInMemory, RecordsInMemory, SetClock

START_NS = parse_time_ns("2026-03-02T04:00:00Z")
STEP_NS = 30 * SECOND_NS
TOKEN = "demo-token"
NAME, PASSWORD = "Ada", "words for a demo plant"
MAKER = Person("maker", "", "cli")

REACTOR_PHASES = (
    ("charge", 60, 24.0, 0.08, 7.0),
    ("heat", 70, 60.0, 0.22, 7.0),
    ("dose", 190, 60.0, 0.30, 5.6),
    ("react", 120, 60.0, 0.26, 5.5),
    ("cool", 80, 22.0, 0.10, 5.6),
    ("transfer", 30, 22.0, 0.05, 5.6),
    ("clean", 60, 45.0, 0.02, 8.4),
)


def ranges(
    role: str, unit: str, nor: tuple[float, float], validated: tuple[float | None, float | None]
) -> ParameterRanges:
    return ParameterRanges(
        role,
        unit,
        "gauge" if role == "PT" else "",
        {RangeKind.NOR: Limits(*nor), RangeKind.VALIDATED: Limits(*validated)},
        after_ns=10 * MINUTE_NS if role == "TT" else 0,
        study="VR-12",
    )


def a_rulebook() -> Rulebook:
    phases = {
        name: Phase(
            name,
            {
                "TT": ranges("TT", "degC", (temperature - 2, temperature + 2), (temperature - 5, temperature + 5)),
                "PT": ranges("PT", "bar", (0.0, 0.4), (None, 0.5)),
                "AT": ranges("AT", "", (ph - 0.3, ph + 0.3), (ph - 0.6, ph + 0.6)),
            }
            if name in ("dose", "react")
            else {},
            duration=Limits(minutes * 0.8 * MINUTE_NS, minutes * 1.2 * MINUTE_NS),
        )
        for name, minutes, temperature, _, ph in REACTOR_PHASES
    }
    units = {
        name: UnitModel(name, {"TT": f"{name}.TT", "PT": f"{name}.PT", "AT": f"{name}.AT", "JT": f"{name}.JT"})
        for name in ("R101", "R102")
    }
    units["T201"] = UnitModel("T201", {"TT": "T201.TT", "LT": "T201.LT"})
    return Rulebook(
        recipes={"API-1": Recipe("API-1", 7, "CR-1234", phases)},
        units=units,
        holds={
            "crude": Hold("crude", HoldKind.INTERMEDIATE, "T201", "first_transfer_in", "last_transfer_out", 12 * HOUR_NS, (4 * HOUR_NS, HOUR_NS), "HT-31"),
            "R102_dirty": Hold("R102_dirty", HoldKind.DIRTY, "R102", "last_use_end", "cleaning_start", 8 * HOUR_NS, (2 * HOUR_NS,), "CV-9"),
        },
        hash="0d5f",
    )  # fmt: skip


def some_tags() -> list[Tag]:
    described = {
        "TT": ("degC", "", "Temperature"),
        "PT": ("bar", "gauge", "Pressure"),
        "AT": ("", "", "pH"),
        "JT": ("kW", "", "Stirrer power"),
        "LT": ("m3", "", "Level"),
    }
    names = [
        "R101.TT",
        "R101.PT",
        "R101.AT",
        "R101.JT",
        "R102.TT",
        "R102.PT",
        "R102.AT",
        "R102.JT",
        "T201.TT",
        "T201.LT",
    ]
    return [
        Tag(TagId(id_), f"uuid-{id_}", 1, name, "floor" if name.startswith("T2") else "train1", name, *(), **_described(*described[name.split(".")[1]]))
        for id_, name in enumerate(names)
    ]  # fmt: skip


def _described(unit: str, reference: str, description: str) -> dict[str, str]:
    return {"unit": unit, "reference": reference, "description": description}


class Reactor:
    """Runs batch after batch; not physics, only a shape that a person recognises."""

    def __init__(self, name: str, start_ns: int, first_batch: int, seed: int) -> None:
        self.name, self.batch = name, first_batch
        self.random = random.Random(seed)
        self.temperature, self.pressure, self.ph = 22.0, 0.03, 7.0
        self.phase = 0
        self.phase_start_ns = start_ns
        self.drift_from_ns: int | None = None

    def step(self, now_ns: int) -> tuple[float, float, float, float]:
        _, minutes, temperature, pressure, ph = REACTOR_PHASES[self.phase]
        if now_ns - self.phase_start_ns >= minutes * MINUTE_NS:
            self.phase_start_ns = now_ns
            self.phase = (self.phase + 1) % len(REACTOR_PHASES)
            self.batch += self.phase == 0
        drift = 0.0
        if self.drift_from_ns is not None and now_ns > self.drift_from_ns:
            drift = min((now_ns - self.drift_from_ns) / HOUR_NS * 2.75, 5.4)
        noise = self.random.gauss
        self.temperature += (temperature + drift - self.temperature) * 0.04 + noise(0, 0.06)
        self.pressure += (pressure + drift * 0.02 - self.pressure) * 0.08 + noise(0, 0.004)
        self.ph += (ph - self.ph) * 0.05 + noise(0, 0.012)
        power = 3.2 + 1.4 * (self.phase in (2, 3)) + noise(0, 0.05)
        return self.temperature, max(self.pressure, 0), self.ph, power

    def record(self, now_ns: int) -> PhaseRecord:
        name = REACTOR_PHASES[self.phase][0]
        instance = f"{self.name}:{self.batch}:{name}"
        return PhaseRecord(instance, self.name, f"API1-26-{self.batch:03d}", name, "API-1 v7", self.phase_start_ns)


class Plant:
    """The whole of it. `advance` moves the clock and writes what happens."""

    def __init__(self, *, past_hours: float = 7.2, speed: float = 360.0) -> None:
        self.clock = SetClock(START_NS, simulated=True, speed=speed)
        self.journal, self.records, self.history = JournalInMemory(), RecordsInMemory(), MemoryStore()
        self.rulebook = a_rulebook()
        self.reactors = [
            Reactor("R101", START_NS, 41, 1),
            Reactor("R102", START_NS - 400 * MINUTE_NS, 17, 2),
        ]
        self.reactors[1].phase, self.reactors[1].phase_start_ns = 4, START_NS - 40 * MINUTE_NS
        self.reactors[0].drift_from_ns = START_NS + round(5.2 * HOUR_NS)
        self.random = random.Random(3)
        self.journal.put(*(TagDefined(tag, START_NS) for tag in some_tags()))
        self.records.people[TOKEN] = Person("Ada", "shift lead")
        self.folder = tempfile.TemporaryDirectory()
        self.received = {"train1": 0, "floor": 0}
        self.level = 1.2
        for _ in range(int(past_hours * HOUR_NS / STEP_NS)):
            self.advance(1)
        self.dirty_since_ns = self.clock.now - round(8.52 * HOUR_NS)
        self._decide()

    def advance(self, steps: int) -> None:
        for _ in range(steps):
            self.clock.now += STEP_NS
            self._sample(self.clock.now)

    def _sample(self, now_ns: int) -> None:
        values: list[float] = []
        for reactor in self.reactors:
            before = reactor.record(now_ns)
            values += reactor.step(now_ns)
            after = reactor.record(now_ns)
            if before.instance != after.instance:
                self.records.all_phases[before.instance] = replace(before, end_ns=now_ns)
            self.records.all_phases[after.instance] = after
        self.level = min(3.0, self.level + 0.0015)
        values += [18 + math.sin(now_ns / HOUR_NS) * 0.6 + self.random.gauss(0, 0.03), self.level]
        codes = np.zeros(10, np.uint32)
        since_min = (now_ns - START_NS) / MINUTE_NS
        if 300 < since_min < 318:
            codes[2] = 0x80310000
            values[2] = math.nan
        is_gap = 200 < since_min < 222
        if since_min == 200.5:
            self.journal.put(Gap("g1", "train1", None, now_ns, None, GapCause.DISCONNECT, "connection lost"))
        if since_min == 222:
            self.journal.put(
                Gap("g1", "train1", None, now_ns - 22 * MINUTE_NS, now_ns, GapCause.DISCONNECT, "connection lost")
            )
        for source, chosen in (("train1", slice(0, 8)), ("floor", slice(8, 10))):
            if is_gap and source == "train1":
                continue
            ids = np.arange(10, dtype=np.uint32)[chosen]
            batch = SampleBatch(
                source, now_ns, ids, np.full(len(ids), now_ns), None, np.array(values)[chosen], codes[chosen]
            )
            position = self.journal.put(batch)
            self.history.write(position, batch)
            self.received[source] += len(ids)
        self.journal.put(
            *(Heartbeat(name, now_ns, connected=True, heard_ns=now_ns - 2 * SECOND_NS) for name in self.received)
        )
        self.journal.ledgers = [
            SourceLedger(name, count + 3 * (name == "floor"), count, 3 * (name == "floor"), 0)
            for name, count in self.received.items()
        ]

    def _alarm(self, number: int, name: str, priority: Priority, minutes_ago: float, **more: object) -> Transition:
        since_ns = self.clock.now - round(minutes_ago * MINUTE_NS)
        subject = str(more.pop("subject"))
        return Transition(
            f"{subject}/{name}:{number}", f"{subject}/{name}", number, since_ns, "activated",
            AlarmFacts(active=True, acknowledged=False), priority, str(more.pop("rule")), subject, name, occurrence=1, since_ns=since_ns, **more,
        )  # type: ignore[arg-type]  # the rest is text  # fmt: skip

    def _decide(self) -> None:
        """What the core would have concluded by now."""
        r101, r102 = (reactor.record(self.clock.now) for reactor in self.reactors)
        high = self._alarm(
            1, "high", Priority.HIGH, 14, subject="R101.TT", rule="excursion.validated.high", unit="R101", batch=r101.batch, phase=r101.phase,
            message="R101.TT: 65.3 °C is above the validated 65 °C", cause="Cooling lost", consequence="Impurity D grows above 65 °C",
            action="Stop dosing, check the jacket's inlet valve", respond_within_ns=10 * MINUTE_NS,
        )  # fmt: skip
        drift = self._alarm(
            1, "drift", Priority.MEDIUM, 96, subject="R101.TT", rule="drift.cusum", unit="R101", batch=r101.batch, phase=r101.phase,
            message="R101.TT drifts up within its range: +1.9 °C in 50 min (CUSUM, ARL₀ 10,000)",
        )  # fmt: skip
        drift_taken = replace(
            drift, id="R101.TT/drift:2", number=2, what="acknowledged", at_ns=drift.at_ns + 9 * MINUTE_NS,
            facts=AlarmFacts(active=True, acknowledged=True), person="Ada", comment="Watching the jacket; valve serviced last week",
        )  # fmt: skip
        hold = self._alarm(
            1, "breach", Priority.CRITICAL, 31, subject="R102_dirty", rule="hold.breach", unit="R102", batch="API1-26-017", phase="",
            message="R102_dirty: used equipment waits for cleaning for 8 h 31 min, the limit is 8 h",
            consequence="Cleaning is not proven after 8 h", action="Clean with the extended procedure CV-9b, tell quality",
        )  # fmt: skip
        back = self._alarm(
            1, "low", Priority.LOW, 220, subject="R102.PT", rule="excursion.nor.low", unit="R102", batch=r102.batch, phase="dose",
            message="R102.PT: 0.02 bar was below the NOR's 0.05 bar for 4 min",
        )  # fmt: skip
        back = replace(
            back, number=2, id="R102.PT/low:2", what="returned", facts=AlarmFacts(active=False, acknowledged=False)
        )
        self.records.all_transitions += [back, drift, drift_taken, hold, high]
        self.records.all_findings += [
            Finding(FindingId("hold.breach:R102_dirty"), 1, "hold.breach", "R102_dirty", Stage.OPEN, hold.at_ns, None, hold.at_ns,
                    RowPosition(Position(9), 0), hold.message, unit="R102", batch="API1-26-017"),
            Finding(FindingId("excursion:R101.TT"), 1, "excursion.validated.high", "R101.TT", Stage.OPEN, high.at_ns, None, high.at_ns,
                    RowPosition(Position(9), 0), high.message, unit="R101", batch=r101.batch, phase=r101.phase),
        ]  # fmt: skip
        self.records.all_notices += [
            (
                Notice(
                    f"{one.id}@leads",
                    "leads",
                    f"[{one.priority.value}] {one.unit}: {one.message}",
                    one.message,
                    one.id,
                    one.at_ns + 2 * SECOND_NS,
                ),
                state,
            )
            for one, state in ((drift, "sent"), (hold, "sent"), (high, "pending"))
        ]

    def core(self, wake: Callable[[], None]) -> None:
        """Apply what people asked for, as the core does."""
        while self.records.requests:
            action = self.records.requests.pop(0)
            self._apply(action)
        wake()

    def _apply(self, action: PersonAction) -> None:
        newest = self.records.transitions(action.subject, 1)[0]
        done = {
            ActionKind.ACKNOWLEDGE: "acknowledged",
            ActionKind.COMMENT: "commented",
            ActionKind.SHELVE: "shelved",
            ActionKind.UNSHELVE: "unshelved",
        }
        facts = newest.facts
        if action.kind is ActionKind.ACKNOWLEDGE:
            facts = replace(facts, acknowledged=True)
        elif action.kind in (ActionKind.SHELVE, ActionKind.UNSHELVE):
            facts = replace(facts, shelved_until_ns=action.until_ns)
        self.records.all_transitions.append(
            replace(
                newest, id=f"{newest.alarm}:{newest.number + 1}", number=newest.number + 1, at_ns=action.at_ns,
                what=done[action.kind], facts=facts, person=action.person, comment=action.comment,
            ),
        )  # fmt: skip

    def holds(self) -> list[HoldRun]:
        return [
            HoldRun("crude", "T201", "API1-26-040", self.dirty_since_ns + HOUR_NS),
            HoldRun("R102_dirty", "R102", "API1-26-017", self.dirty_since_ns),
        ]

    def budgets(self) -> list[BudgetRun]:
        used = (("crude", 5 * HOUR_NS, 5 * HOUR_NS, False), ("crude", 2 * HOUR_NS, 3 * HOUR_NS, True))
        return [
            BudgetRun("cold", "T201", "API1-26-040", self.clock.now, 7 * HOUR_NS, 8 * HOUR_NS, 0, 0, 24 * HOUR_NS, 16 * HOUR_NS, used),
        ]  # fmt: skip

    def people(self) -> SqlPeople:
        """Accounts in a file that goes with the plant; Ada has one."""
        people = SqlPeople(Database(Path(self.folder.name) / "people.db"), time.time_ns, Hasher(memory_kib=8, passes=1))
        people.add(NAME, "", "shift lead", MAKER, "for a test")
        people.give_password(NAME, PASSWORD, MAKER)
        return people

    def dependencies(self, standstill: Callable[[], Standstill | None] = no_standstill) -> Dependencies:
        feed = Feed(self.journal, self.records, self.clock, standstill=standstill)
        loop = asyncio.get_running_loop()

        def wake_core() -> None:
            loop.call_later(0.03, self.core, feed.woken.set)

        return Dependencies(
            site="demo",
            version="0.1.0",
            clock=self.clock,
            history=self.history,
            journal=self.journal,
            records=self.records,
            people=self.people(),
            feed=feed,
            rulebook=self.rulebook,
            wake_core=wake_core,
            holds=self.holds,
            budgets=self.budgets,
        )

    async def live(self, feed: Feed) -> None:
        """Let time pass, `speed` times faster than the wall's."""
        while True:
            await asyncio.sleep(STEP_NS / 1e9 / self.clock.speed)
            self.advance(1)
            feed.woken.set()


async def main(port: int, run: Path | None) -> None:
    plant = Plant()
    deps = plant.dependencies(no_standstill if run is None else StandstillWatch(run, plant.clock).look)
    listening = socket.create_server(("127.0.0.1", port))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    living = asyncio.create_task(plant.live(deps.feed))
    try:
        await serve(create_app(deps), "127.0.0.1", port, sockets=[listening])
    finally:
        living.cancel()


if __name__ == "__main__":
    port, *more = sys.argv[1:] or ["8099"]
    asyncio.run(main(int(port), Path(more[0]) if more else None))
