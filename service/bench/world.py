"""The service's own wiring in one process on virtual time, with model servers in place of real ones.

No socket, no thread: a plant day takes seconds to a minute, and the same input gives the same run.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Final
from uuid import UUID

from domain.alarms import Notice, Transition
from domain.entries import Gap
from domain.findings import Finding
from domain.ports import Clock, Source, SourceLedger
from domain.tags import Tag
from domain.time import SECOND_NS
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from records.database import SqlRecords
from service.bench.accounts import TagAccount, account, all_gaps, gaps_of, stored_keys
from service.bench.suppliers import MqttSupplier, Supplier, supplier_of
from service.bench.virtual_time import LoopLane, VirtualClock, VirtualLoop, run_virtually
from service.bench.wires import Network
from service.config.build import Configuration
from service.core import Core, opened, run_until
from service.files import Files
from service.judging import Effects, Rhythm
from service.parts import Parts
from simulators.faults.spec import FaultChange
from simulators.outlets import Update
from simulators.servers.mqtt_payloads import Message

log = logging.getLogger(__name__)

_LEAD_S: Final = 10.0  # the service is there before anything happens
_RECOVERY_S: Final = 150.0  # after the last fault is mended: the longest silence that is waited out, and some
_MOST_STARTS: Final = 100  # of the service, in one run
_RESTART_S: Final = 1.0
_LOOK_S: Final = 60.0  # between looks at what no bell tells: nobody else is there


@dataclass(frozen=True, slots=True)
class Happening:
    """What is new in the plant at one second of the campaign: values of any tags, faults of servers, events of batches.

    `Update.name` is the tag's name in the configuration, which also says on which server the tag is; an update of a tag
    that is not configured is left out.
    """

    second: int
    updates: tuple[Update, ...] = ()
    faults: tuple[FaultChange, ...] = ()
    messages: tuple[Message, ...] = ()  # of a batch system, over MQTT


@dataclass(frozen=True, slots=True)
class Concluded:
    """One version of a finding, and the plant's time at which the service had it durable."""

    finding: Finding
    at_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class WorldResult:
    """What the service concluded, told and kept. `seconds` of plant time took `cpu_s` of this machine."""

    findings: tuple[Concluded, ...]  # every version, in the order of commit
    transitions: tuple[Transition, ...]
    notices: tuple[Notice, ...]
    gaps: tuple[Gap, ...]
    ledger: tuple[SourceLedger, ...]
    accounts: Mapping[str, TagAccount]  # by tag name
    seconds: int
    cpu_s: float
    complaints: tuple[str, ...] = field(default=())  # works of the service that failed


class ServersClock:
    """The world's clock as its servers have it too: what they say of the time can be compared with ours."""

    simulated = False
    speed = 1.0

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now_ns(self) -> int:
        """UTC ns."""
        return self._clock.now_ns()

    async def sleep_until(self, when_ns: int) -> None:
        """Return once the clock has reached `when_ns`."""
        await self._clock.sleep_until(when_ns)


class _Silence:
    """There is no other process to be told."""

    def wake(self, *_: object) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing is open."""


class World:
    """One service among model servers; everything happens on one virtual loop."""

    def __init__(
        self,
        loop: VirtualLoop,
        configuration: Configuration,
        directory: Path,
        *,
        start_ns: int,
        seed: int,
        broker_queue: int | None = None,
    ) -> None:
        self.loop = loop
        self.configuration = replace(configuration, clock=None, data=directory)
        self.clock = VirtualClock(loop, start_ns)
        self.complaints: list[str] = []
        self.concluded: list[Concluded] = []
        self.transitions: list[Transition] = []
        self.notices: list[Notice] = []
        self.core: Core | None = None
        self._files = Files(directory).made()
        self._chance = Random(seed)  # noqa: S311 - repeatable on purpose
        servers_clock = ServersClock(self.clock)
        self.suppliers: dict[str, Supplier] = {
            name: supplier_of(
                self.configuration,
                name,
                servers_clock,
                Network(loop, self._chance),
                chance=self._chance,
                seed=seed,
                broker_queue=broker_queue,
            )
            for name in configuration.sources
        }
        self._source_of = {tag.name: tag.source for tag in configuration.tags}
        self._active: dict[str, FaultChange] = {}

    # ---- the plant

    async def happen(self, happening: Happening) -> None:
        """Let the plant's news reach the servers: first what breaks or is mended, then values."""
        for change in happening.faults:
            await self._change(change)
        by_source: dict[str, list[Update]] = {}
        for update in happening.updates:
            source = self._source_of.get(update.name)
            if source is not None:
                by_source.setdefault(source, []).append(update)
        for supplier in self.suppliers.values():
            if isinstance(supplier, MqttSupplier):
                supplier.tell(happening.messages)
        for source, updates in by_source.items():
            await self.suppliers[source].write(updates)

    async def _change(self, change: FaultChange) -> None:
        if change.active:
            self._active[change.spec.id] = change
        else:
            self._active.pop(change.spec.id, None)
        for supplier in self.suppliers.values():
            if supplier.concerns(change):
                await supplier.fault(change)

    async def mend(self) -> bool:
        """End every fault that is left; whether there was one."""
        active = list(self._active.values())
        for change in active:
            await self._change(replace(change, active=False))
        return bool(active)

    # ---- the service

    def parts(self) -> Parts:
        """The core's parts: virtual time, model servers, real files."""
        files, configuration = self._files, self.configuration
        return Parts(
            clock=self.clock,
            bell=_Silence,
            open_journal=lambda on_commit: SqliteJournal.open(
                files.journal,
                flush_interval_s=configuration.flush_interval_ns / 1e9,
                quota_bytes=configuration.quota_bytes,
                on_commit=on_commit,
                lane=LoopLane(self.loop),
            ),
            open_reader=partial(ReadOnlyJournal, files.journal),
            open_store=partial(ChunkStore.open, files.history),
            open_records=partial(SqlRecords.open, files.records, wall_ns=self.clock.now_ns),
            make_source=self._make_source,
            listening=lambda _: contextlib.nullcontext(),
            channels=(),
            concluded=self._note,
            rhythm=Rhythm(self.loop.time, _LOOK_S, 10 * _LOOK_S),
            wall_ns=self.clock.now_ns,
            identity=lambda: str(UUID(int=self._chance.getrandbits(128), version=4)),
            look_every_s=_LOOK_S,
            report_every_s=_LOOK_S,
        )

    def _make_source(self, name: str, tags: Sequence[Tag], clock: Clock, state: str | None) -> Source:
        del clock  # the source's servers have the same
        return self.suppliers[name].source(tags, state)

    def _note(self, effects: Effects) -> None:
        now_ns = self.clock.now_ns()
        self.concluded += [Concluded(finding, now_ns) for finding in effects.findings]
        self.transitions += effects.transitions
        self.notices += effects.notices

    async def serve(self, stop: asyncio.Event, make_parts: Callable[[], Parts]) -> None:
        """Run the service until told to stop; when it fails, start it again, as its supervisor does."""
        for _ in range(_MOST_STARTS):
            with opened(self.configuration, self._files, make_parts()) as core:
                self.core = core
                try:
                    await run_until(core, stop)
                except Exception as error:
                    log.exception("the service failed in its world")
                    self.complaints.append(f"{type(error).__name__}: {error}")
                else:
                    return
                finally:
                    self.core = None
            await asyncio.sleep(_RESTART_S)
        self.complaints.append(f"the service was started {_MOST_STARTS} times, and not again")

    def accounts(self, core: Core, late_ns: Mapping[str, int] = MappingProxyType({})) -> dict[str, TagAccount]:
        """What became of every value, by tag name; gaps of a source may begin `late_ns` too late."""
        gaps, found = all_gaps(core.reader), {}
        for supplier in self.suppliers.values():
            for name, sent in supplier.sent.items():
                tag = core.tags.named(name)
                found[name] = account(
                    sent, stored_keys(tag, core.store, core.reader), gaps_of(tag, gaps, late_ns.get(tag.source, 0))
                )
        return found


def run_in_world(
    happenings: Iterable[Happening],
    configuration: Configuration,
    *,
    start_ns: int,
    seconds: int,
    directory: Path,
    seed: int = 0,
) -> WorldResult:
    """Let the plant happen to the service for `seconds` of plant time from `start_ns`, then drain and stop.

    The configuration's `clock` and `data` are not used: the world has its own clock, and the files are in `directory`.
    `happenings` come in the order of their seconds and are taken one by one. What is broken at the end is mended then,
    so that what the servers still hold can be told from what is lost; what the service concludes after the end is left
    out.
    """
    began_s = time.process_time()
    loop = VirtualLoop()
    world = World(loop, configuration, directory, start_ns=start_ns - round(_LEAD_S * SECOND_NS), seed=seed)
    result = run_virtually(loop, _run(world, happenings, start_ns, seconds))
    return replace(result, cpu_s=time.process_time() - began_s)


async def _run(world: World, happenings: Iterable[Happening], start_ns: int, seconds: int) -> WorldResult:
    stop = asyncio.Event()
    service = asyncio.create_task(world.serve(stop, world.parts))
    for happening in happenings:
        await world.clock.sleep_until(start_ns + happening.second * SECOND_NS)
        await world.happen(happening)
    await world.clock.sleep_until(start_ns + seconds * SECOND_NS)
    drain_s = _drain_s(world.configuration)
    await asyncio.sleep(drain_s)
    findings, transitions, notices = tuple(world.concluded), tuple(world.transitions), tuple(world.notices)
    if await world.mend():
        await asyncio.sleep(_RECOVERY_S + drain_s)
    core = world.core
    result = WorldResult(
        findings,
        transitions,
        notices,
        () if core is None else tuple(all_gaps(core.reader)),
        () if core is None else tuple(core.journal.ledger()),
        {} if core is None else world.accounts(core),
        seconds,
        0.0,
        tuple(world.complaints),
    )
    stop.set()
    await service
    return result


def _drain_s(configuration: Configuration) -> float:
    """How long what was sent last is on its way."""
    intervals = [each.opcua.publishing_interval for each in configuration.sources.values() if each.opcua is not None]
    return 2.0 + 2 * max(intervals, default=0) / SECOND_NS
