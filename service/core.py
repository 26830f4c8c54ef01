"""The core process: collects, keeps, judges and tells; joins the rooms and runs them until told to stop."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass

from domain.entries import ConfigurationActivated
from domain.findings import Stage
from domain.ports import Clock, Source
from domain.tags import TagTable
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from records.database import SqlRecords
from service.acting import take_requests
from service.clock import make_clock
from service.collecting import beat, collect
from service.config.build import Configuration
from service.files import Files
from service.gauges import Reporter, report_for_ever
from service.judging import Effects
from service.mirroring import mirrors_of
from service.sources import make_source
from service.space import RULE, SpaceWatch
from service.storing import StoreFollower
from service.tag_table import define
from service.tellers import channels_of
from service.telling.outbox import Outbox
from service.verdicts import make_judge
from service.version import VERSION
from service.wake import Waker, listening

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Core:
    """Everything the core process has open."""

    configuration: Configuration
    files: Files
    clock: Clock
    tags: TagTable
    journal: SqliteJournal
    reader: ReadOnlyJournal
    store: ChunkStore
    records: SqlRecords
    waker: Waker
    sources: dict[str, Source]

    def started(self, source: Source) -> None:
        """Note the running source of a name: its heartbeats are taken from it."""
        self.sources[source.name] = source


async def run_core(configuration: Configuration) -> None:
    """Run the core until SIGTERM or SIGINT; what was taken by then is durable."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    files = Files(configuration.data).made()
    with _opened(configuration, files) as core:
        await _introduce(core)
        works = [asyncio.create_task(work) for work in [*_works(core), _stopped(stop)]]
        try:
            # A work may have nothing to do (nobody to tell) and end; only a failure or the stop ends them all.
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_EXCEPTION)
            for work in done:
                work.result()
        except _Stop:
            log.info("stopping")
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)


class _Stop(Exception):
    """Somebody asked the process to stop."""


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()
    raise _Stop


@contextlib.contextmanager
def _opened(configuration: Configuration, files: Files) -> Iterator[Core]:
    """Open every file of the core; close them in the opposite order."""
    with contextlib.ExitStack() as stack:
        waker = Waker(files.run, "web.sock")
        stack.callback(waker.close)
        journal = SqliteJournal.open(
            files.journal,
            flush_interval_s=configuration.flush_interval_ns / 1e9,
            quota_bytes=configuration.quota_bytes,
            on_commit=waker.wake,
        )
        stack.callback(journal.close)
        reader = ReadOnlyJournal(files.journal)
        stack.callback(reader.close)
        store = ChunkStore.open(files.history)
        stack.callback(store.close)
        records = SqlRecords.open(files.records)
        stack.callback(records.close)
        clock = make_clock(configuration.clock)
        yield Core(configuration, files, clock, TagTable(reader.tags()), journal, reader, store, records, waker, {})


async def _introduce(core: Core) -> None:
    """Journal what runs from here on: the configuration, and every tag that is new or changed."""
    now_ns = core.clock.now_ns()
    definitions = define(core.tags, core.configuration.tags, now_ns)
    activated = ConfigurationActivated(
        now_ns,
        core.configuration.hash,
        core.configuration.text,
        VERSION,
        core.clock.simulated,
    )
    await core.journal.append(activated, *definitions)
    log.info(
        "site %s: %d tags (%d new or changed), rules %.12s%s",
        core.configuration.site,
        len(core.configuration.tags),
        len(definitions),
        core.configuration.rulebook.hash,
        f", simulated plant at {core.clock.speed:g} times real time" if core.clock.simulated else "",
    )


def _works(core: Core) -> list[Coroutine[None, None, None]]:
    """The core's tasks; when one fails, the process ends, and its supervisor starts it again."""
    channels = channels_of(core.configuration)
    outbox = Outbox(core.records, channels)

    def committed(effects: Effects) -> None:
        if effects:
            core.waker.wake()
        if effects.notices:
            outbox.wake()

    last_beat_ns = max((beat.now_ns for beat in core.reader.heartbeats()), default=0)
    judge, bank = make_judge(core.configuration, core.tags, core.journal, core.records, last_beat_ns, committed)
    storing = StoreFollower(core.journal, core.store, judge.passed)
    mirrors = mirrors_of(core.configuration, core.reader, core.records)
    open_before = [finding for finding in core.records.open_findings() if finding.rule == RULE]
    space = SpaceWatch(judge.note, next((each for each in open_before if each.stage is Stage.OPEN), None))
    reporter = Reporter(core.journal, core.store, judge, bank, core.clock, time.time_ns(), space, mirrors)
    return [
        judge.run(),
        storing.run(),
        outbox.run(),
        _take_requests(core),
        beat(core.clock, core.configuration.heartbeat_ns, lambda: list(core.sources.values()), core.journal),
        report_for_ever(core.files.run, reporter),
        *(mirror.run() for mirror in mirrors),
        *(_collect(core, name) for name in core.configuration.sources),
    ]


async def _take_requests(core: Core) -> None:
    woken = asyncio.Event()
    with listening(core.files.run, "core.sock", woken):
        await take_requests(core.records, core.journal, woken)


async def _collect(core: Core, name: str) -> None:
    configured = {tag.name for tag in core.configuration.tags}

    def make() -> Source:
        tags = [tag for tag in core.tags.of_source(name) if tag.name in configured]
        return make_source(core.configuration, name, tags, core.clock, core.reader.source_state(name))

    await collect(make, core.journal, core.started, core.tags.put)
