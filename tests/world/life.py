"""One seeded world from its start to its judgement."""

import asyncio
import contextlib
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from domain.entries import START, BatchEvent, Entry, Position, Rejudge
from domain.samples import SampleBatch
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.merged import MergedJournal
from service.bench.accounts import absent_keys, all_gaps, gaps_of, stored_keys
from service.bench.suppliers import MqttSupplier
from service.bench.virtual_time import LoopLane, Stuck, VirtualLoop, run_virtually
from service.bench.world import Happening, World
from service.core import Core, opened, run_until
from service.judging import NAME as JUDGING
from service.judging import Rhythm
from service.parts import Parts
from service.rechecking import Record
from service.verdicts import make_judge
from simulators.faults.spec import FaultChange
from tests.forgetful import Disk
from tests.world.disk import Power
from tests.world.people import BatchNews, Deed, Proposed, ask, propose
from tests.world.records import LastingRecords
from tests.world.site import BROKER_QUEUE, LATE_NS, PRODUCT, START_NS, Crash, configuration, plan

_RECOVERY_STEP_S, _RECOVERY_STEPS = 4.0, 50
_MOST_NAMED = 3
_MEMORY = Path("/dev/shm")
_POLICY = Policy(
    rows_per_chunk=40, settle_ns=5_000_000_000, check_every_ns=2_000_000_000, checkpoint_every_ns=15_000_000_000
)


@dataclass
class Judgement:
    """What was wrong in a world (nothing, if all is well), how much happened, and a digest of all that came of it."""

    seed: int
    problems: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    digest: str = ""


def run_seed(seed: int, *, careless: bool = False) -> Judgement:
    """Live through the world of a seed; `careless`: its disk is not synced at each commit."""
    loggers = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with TemporaryDirectory(prefix="world-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
            return _Life(seed, Path(folder), careless=careless).judgement
    finally:
        logging.disable(loggers)


class _Life:
    def __init__(self, seed: int, folder: Path, *, careless: bool) -> None:
        self.judgement = Judgement(seed)
        self._chance = Random(f"life {seed}")
        self._whom = Random(f"whom {seed}")
        self._published: dict[str, int] = {}  # events of batches over MQTT, and when
        self._careless = careless
        takes = self._chance.choice([None, 0.001, 0.05])
        work = None if takes is None else lambda: self._chance.expovariate(1 / takes)
        self._loop = VirtualLoop(work, self._step)
        self._flush_s = self._chance.choice([0.002, 0.1, 0.5])
        self._world = World(
            self._loop, configuration(), folder, start_ns=START_NS, seed=seed, broker_queue=BROKER_QUEUE
        )
        for broker in self._brokers():
            broker.watch_acknowledged()
        self._power = Power(Disk(), careless=careless)
        self._records = LastingRecords(self._world.clock.now_ns)
        self._seen: dict[Position, Entry] = {}
        self._core: Core | None = None
        self._crash: Crash | None = None
        self._steps_left = -1
        self._own: set[asyncio.Task[object]] = set()
        try:
            run_virtually(self._loop, self._live(plan(seed)))
        except Stuck as error:
            self.judgement.problems.append(f"the world is stuck: {error}")

    def _brokers(self) -> list[MqttSupplier]:
        return [each for each in self._world.suppliers.values() if isinstance(each, MqttSupplier)]

    # ---- the service, again and again

    def _parts(self) -> Parts:
        journal = self._world._files.journal
        return replace(
            self._world.parts(),
            open_journal=lambda on_commit: SqliteJournal.open(
                journal,
                flush_interval_s=self._flush_s,
                connect=self._power.connect,
                connect_read=self._power.connect,
                on_commit=on_commit,
                lane=LoopLane(self._loop),
            ),
            open_reader=partial(ReadOnlyJournal, journal, connect=self._power.connect),
            open_store=partial(ChunkStore.open, self._world._files.history, policy=_POLICY),
            open_records=lambda: self._records,
            rhythm=Rhythm(self._loop.time, 1.0, 10.0),
            look_every_s=1.0,
        )

    async def _serve(self, stop: asyncio.Event) -> None:
        """One life of the service; it ends by itself only when the power fails under it."""
        while True:
            try:
                with opened(self._world.configuration, self._world._files, self._parts()) as core:
                    self._core = core
                    watching = asyncio.create_task(self._watch(core))
                    try:
                        await run_until(core, stop)
                    finally:
                        self._core = None
                        watching.cancel()
                        await asyncio.wait([watching])
            except Exception as error:  # noqa: BLE001 - as the supervisor: whatever it was, the service starts again
                if self._power.is_off:
                    return
                self.judgement.problems.append(f"the service failed: {type(error).__name__}: {error}")
                if len(self.judgement.problems) > _MOST_NAMED:
                    return
                await asyncio.sleep(1.0)
            else:
                return

    async def _watch(self, core: Core) -> None:
        """Keep every durable entry: the journal will be trimmed."""
        async for position, entry in core.journal.follow(max(self._seen, default=START)):
            self._seen[position] = entry

    def _step(self) -> None:
        """Between two rounds of the loop: has the crash come?"""
        if self._crash is None:
            return
        if self._crash.writes is not None:
            if self._power.is_off:
                self._fall()
        elif self._steps_left == 0:
            self._fall()
        else:
            self._steps_left -= 1

    def _fall(self) -> None:
        """From here on nothing that the service does reaches anybody."""
        crash, self._crash = self._crash, None
        assert crash is not None
        self._power.cut()
        for supplier in self._world.suppliers.values():
            if crash.how == "kill":
                supplier.network.hang_up()
            supplier.power_cut()
        for task in asyncio.all_tasks(self._loop) - self._own:
            task.cancel()

    # ---- the plant

    async def _live(self, events: list[tuple[float, object]]) -> None:
        self._own |= asyncio.all_tasks(self._loop)
        plant = asyncio.create_task(self._happen([event for event in events if not isinstance(event[1], Crash)]))
        self._own.add(plant)
        stop = asyncio.Event()
        service = asyncio.create_task(self._serve(stop))
        for at_s, event in events:
            if isinstance(event, Crash):
                await self._world.clock.sleep_until(START_NS + round(at_s * 1e9))
                service, stop = await self._restart(event, service, stop)
                self.judgement.happened[event.how] += 1
        await plant
        await asyncio.sleep(3.0)
        await self._world.mend()
        for _ in range(_RECOVERY_STEPS):
            await asyncio.sleep(_RECOVERY_STEP_S)
            if self._is_settled():
                break
        due = max(self._seen, default=START)
        for _ in range(_RECOVERY_STEPS):  # after a late crash much is to be judged again
            await asyncio.sleep(_RECOVERY_STEP_S)
            if self._records.cursor_of(JUDGING) >= due:
                break
        if self._core is None:
            self.judgement.problems.append("the service does not run at the end")
        elif self._records.cursor_of(JUDGING) < due:
            self.judgement.problems.append(f"the judge has come to {self._records.cursor_of(JUDGING)}, not to {due}")
        else:
            self._judge(self._core)
        stop.set()
        await asyncio.wait([service], timeout=30)
        self._power.off(self._chance)

    async def _happen(self, events: list[tuple[float, object]]) -> None:
        for at_s, event in events:
            await self._world.clock.sleep_until(START_NS + round(at_s * 1e9))
            if isinstance(event, FaultChange):
                await self._world.happen(Happening(0, (), (event,)))
                self.judgement.happened[event.spec.kind] += event.active
            elif isinstance(event, BatchNews):
                await self._tell(event)
            elif isinstance(event, Deed):
                ask(self._records, event, START_NS, self._world.clock.now_ns(), self._whom)
                self.judgement.happened[str(event.kind)] += 1
            elif isinstance(event, Proposed):
                recipe = self._world.configuration.rulebook.recipes[PRODUCT]
                propose(self._records, recipe, event.version, self._world.clock.now_ns())
            else:
                await self._world.happen(Happening(0, (event,)))

    async def _tell(self, news: BatchNews) -> None:
        """An event of a batch, over MQTT, or into the records as the web process writes it."""
        now_ns = self._world.clock.now_ns()
        for route in news.routes:
            self.judgement.happened[f"event over {route}"] += 1
            if route == "http":
                self._records.ask_event(news.asked(now_ns))
            else:
                self._published[str(news.told["id"])] = now_ns
                await self._world.happen(Happening(0, (news.carrier(now_ns),), messages=(news.message(),)))

    def _is_settled(self) -> bool:
        """Whether every source is connected, and its server has nothing left to give."""
        if self._core is None:
            return False
        now_ns = self._world.clock.now_ns()
        beats = [source.heartbeat(now_ns) for source in self._core.sources.values()]
        is_given = all(supplier.has_given_all for supplier in self._world.suppliers.values())
        return is_given and all(beat.connected for beat in beats)

    async def _restart(
        self, crash: Crash, service: "asyncio.Task[None]", stop: asyncio.Event
    ) -> "tuple[asyncio.Task[None], asyncio.Event]":
        if crash.how == "stop":
            stop.set()
            await asyncio.wait([service], timeout=30)
        else:
            self._crash, self._steps_left = crash, crash.steps
            if crash.writes is not None:
                self._power.cut_after(crash.writes)
            done, _ = await asyncio.wait([service], timeout=60)
            if not done:  # nothing was written for a minute
                self._fall()
                await asyncio.wait([service], timeout=60)
            self._crash = None
        if not service.done():
            self.judgement.problems.append(f"the service does not end ({crash.how})")
        with contextlib.suppress(asyncio.CancelledError):
            service.result()
        disk = self._power.off(self._chance, forgets=crash.how == "power")
        self._power = Power(disk, careless=self._careless)
        await asyncio.sleep(crash.away_s)
        stop = asyncio.Event()
        return asyncio.create_task(self._serve(stop)), stop

    # ---- what must hold

    def _judge(self, core: Core) -> None:
        self._judge_rows(core)
        self._judge_ledger(core)
        self._judge_people(core)
        self._judge_replays(core)

    def _judge_rows(self, core: Core) -> None:
        """Nothing acknowledged is lost, nothing is doubled, every absence is in a gap."""
        gaps = all_gaps(core.reader)
        told = hashlib.sha256(repr([(gap.id, gap.start_ns, gap.end_ns) for gap in gaps]).encode())
        for name, account in self._world.accounts(core, LATE_NS).items():
            self.judgement.happened["sent"] += account.sent
            self.judgement.happened["in_gap"] += account.in_gap
            told.update(repr((name, account)).encode())
            for what in ("lost", "doubled", "invented"):
                if getattr(account, what):
                    self.judgement.problems.append(f"{name}: {getattr(account, what)} {what}")
            if account.lost:
                tag = core.tags.named(name)
                sent = self._world.suppliers[tag.source].sent[name]
                keys = absent_keys(
                    sent, stored_keys(tag, core.store, core.reader), gaps_of(tag, gaps, LATE_NS.get(tag.source, 0))
                )
                first = [((key[0] or sent.at_ns[key]) - START_NS) / 1e9 for key in keys[:_MOST_NAMED]]
                self.judgement.problems.append(f"{name}: lost at {first} s")
        self.judgement.digest = told.hexdigest()
        self._judge_acknowledged(core)

    def _judge_acknowledged(self, core: Core) -> None:
        """No gap excuses a value whose message was acknowledged."""
        for broker in self._brokers():
            for name, taken in broker.acknowledged.items():
                stored = stored_keys(core.tags.named(name), core.store, core.reader)
                self.judgement.happened["acknowledged"] += taken.keys.total()
                lost = sum((taken.keys - stored).values())
                if lost:
                    self.judgement.problems.append(f"{name}: {lost} acknowledged and lost")

    def _judge_ledger(self, core: Core) -> None:
        """Received = journaled + quarantined + redelivered; journaled numbers = stored + duplicates + waiting."""
        for ledger in core.journal.ledger():
            if ledger.unaccounted:
                self.judgement.problems.append(f"the ledger of {ledger.source} does not balance: {ledger}")
        self.judgement.happened["entries"] += len(self._seen)
        self.judgement.happened["rejudged"] += sum(isinstance(entry, Rejudge) for entry in self._seen.values())

    def _judge_people(self, core: Core) -> None:
        """Whatever somebody asked is in the journal and answered; an event that was published is there, or in a gap."""
        decided = self._records._decided
        waiting = [
            id_
            for id_, (_, answer) in (*decided.requests.items(), *decided.events.items())
            if answer.state == "waiting"
        ]
        if waiting:
            self.judgement.problems.append(f"nobody answers {waiting[:_MOST_NAMED]}")
        told = {entry.id for entry in self._seen.values() if isinstance(entry, BatchEvent)}
        gaps = [gap for gap in all_gaps(core.reader) if gap.source == "floor" and gap.end_ns != gap.start_ns]
        lost = [
            id_
            for id_, at_ns in self._published.items()
            if id_ not in told
            and not any(
                gap.start_ns - LATE_NS["floor"] <= at_ns and (gap.end_ns is None or at_ns <= gap.end_ns) for gap in gaps
            )
        ]
        if lost:
            self.judgement.problems.append(f"events of batches are lost: {lost[:_MOST_NAMED]}")

    def _judge_replays(self, core: Core) -> None:
        """Folding every entry once more concludes the same: as they came, and as journal and record have them now."""
        missing = [at for at in range(1, max(self._seen, default=0) + 1) if at not in self._seen]
        if missing:
            self.judgement.problems.append(f"durable entries {missing[:_MOST_NAMED]} were never followed")
        judged = self._records.cursor_of(JUDGING)
        came = [(position, self._seen[position]) for position in sorted(self._seen) if position <= judged]
        self._judge_replay(core, "replay", came)
        merged = MergedJournal(core.reader, self._world._files.history)
        try:
            kept = list(merged.entries(START, judged))
        finally:
            merged.close()
        self.judgement.happened["made again from the record"] += sum(
            isinstance(entry, SampleBatch) and entry.received_ns == 0 for _, entry in kept
        )
        self._judge_replay(core, "replay from the record", kept)

    def _judge_replay(self, core: Core, name: str, entries: Iterable[tuple[Position, Entry]]) -> None:
        """Version by version the same, and it rings the same."""
        again = LastingRecords(lambda: 0)
        judge, _ = make_judge(
            self._world.configuration,
            core.tags,
            core.journal,
            again,
            0,
            lambda _: None,
            rhythm=Rhythm(lambda: 0.0),
        )
        judge.rows_as_of = Record(core.store, core.reader, core.store.cursor).as_of
        for position, entry in entries:
            judge.take(position, entry)
        for what in ("findings", "phases", "told", "links", "versions", "transitions"):
            live, replayed = getattr(self._records._decided, what), getattr(again._decided, what)
            self.judgement.happened[what] += len(live)
            if what == "findings":
                self.judgement.happened["late"] += sum("rejudged" in each.evidence for each in live.values())
            if live != replayed:
                different = [key for key in {**live, **replayed} if live.get(key) != replayed.get(key)]
                self.judgement.problems.append(f"a {name} gives other {what}: {different[:_MOST_NAMED]}")
