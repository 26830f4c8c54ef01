"""The core process: collects, keeps, judges and tells; joins the rooms and runs them until told to stop."""

import asyncio
import contextlib
import functools
import logging
import signal
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass

from domain.entries import ConfigurationActivated, Heartbeat, Position
from domain.findings import Stage
from domain.ports import Source
from domain.tags import TagTable
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from records.database import SqlRecords
from service.acting import take_requests
from service.backup import restored
from service.collecting import beat, collect
from service.config.build import Configuration
from service.deciding import decide, together
from service.files import Files
from service.gauges import Reporter, report_for_ever
from service.judging import NAME as JUDGING
from service.judging import Effects
from service.mirror_watch import RULE as AWAY
from service.mirror_watch import Hold, MirrorWatch, Surroundings
from service.mirroring import MirrorFollower, StoredHistory, mirrors_of
from service.parts import Bell, Parts, usual_parts
from service.rechecking import Rechecker, Record
from service.space import RULE, SpaceWatch
from service.storing import StoreFollower
from service.tag_table import define
from service.telling.outbox import Outbox
from service.verdicts import make_judge
from service.version import VERSION

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Core:
    """Everything the core process has open."""

    configuration: Configuration
    files: Files
    parts: Parts
    tags: TagTable
    journal: SqliteJournal
    reader: ReadOnlyJournal
    store: ChunkStore
    records: SqlRecords
    bell: Bell
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
    restored.demand_whole(files)
    with opened(configuration, files, usual_parts(configuration, files)) as core:
        await run_until(core, stop)


async def run_until(core: Core, stop: asyncio.Event) -> None:
    """Collect, keep, judge and tell until told to stop, or until a work fails, which it raises."""
    await _introduce(core)
    role = core.parts.role
    works = functools.partial(_works, core)
    deciding = works() if role is None else [decide(role, core.records, core.journal, core.files.run, works)]
    try:
        await together([*deciding, *_collecting(core), _stopped(stop)])
    except _Stop:
        log.info("stopping")


class _Stop(Exception):
    """Somebody asked the process to stop."""


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()
    raise _Stop


@contextlib.contextmanager
def opened(configuration: Configuration, files: Files, parts: Parts) -> Iterator[Core]:
    """Open every file of the core; close them in the opposite order."""
    with contextlib.ExitStack() as stack:
        bell = parts.bell()
        stack.callback(bell.close)
        journal = parts.open_journal(bell.wake)
        stack.callback(journal.close)
        reader = parts.open_reader()
        stack.callback(reader.close)
        store = parts.open_store()
        stack.callback(store.close)
        records = parts.open_records()
        stack.callback(records.close)
        yield Core(configuration, files, parts, TagTable(reader.tags()), journal, reader, store, records, bell, {})


async def _introduce(core: Core) -> None:
    """Journal what runs from here on: the configuration, and every tag that is new or changed."""
    clock = core.parts.clock
    now_ns = clock.now_ns()
    definitions = define(core.tags, core.configuration.tags, now_ns, core.parts.identity)
    activated = ConfigurationActivated(
        now_ns,
        core.configuration.hash,
        core.configuration.text,
        VERSION,
        clock.simulated,
    )
    gaps = restored.gaps_since(core.files, _beats(core), now_ns)
    await core.journal.append(activated, *definitions, *gaps)
    if gaps:
        log.warning("%s; told as a gap of %s", gaps[0].detail, ", ".join(gap.source for gap in gaps))
    restored.told(core.files)
    log.info(
        "site %s: %d tags (%d new or changed), rules %.12s%s",
        core.configuration.site,
        len(core.configuration.tags),
        len(definitions),
        core.configuration.rulebook.hash,
        f", simulated plant at {clock.speed:g} times real time" if clock.simulated else "",
    )


def _beats(core: Core) -> list[Heartbeat]:
    """The newest heartbeat of each source that there is."""
    return [each for each in core.reader.heartbeats() if each.source in core.configuration.sources]


def _works(core: Core) -> list[Coroutine[None, None, None]]:
    """The tasks that need the records; when one fails, the process ends, and its supervisor starts it again.

    RetryLater while the records are away.
    """
    parts = core.parts
    outbox = Outbox(core.records, parts.channels, wall_ns=parts.wall_ns)

    def committed(effects: Effects) -> None:
        parts.concluded(effects)
        if effects:
            core.bell.wake()
        if effects.notices:
            outbox.wake()

    # Not the newest heartbeat that there is: after a crash the judge may be behind the journal.
    last_beat_ns = core.reader.beat_before(core.records.cursor_of(JUDGING))
    judge, bank = make_judge(
        core.configuration,
        core.tags,
        core.journal,
        core.records,
        last_beat_ns,
        committed,
        parts.clock.speed,
        parts.rhythm,
    )
    mirrors: list[MirrorFollower] = []

    def others_passed() -> Position:
        return min([judge.passed(), *(mirror.passed() for mirror in mirrors)])

    storing = StoreFollower(core.journal, core.store, others_passed, trimming=parts.trimming)

    def recorded() -> Position:
        return max(storing.position, core.store.cursor())

    judge.rows_as_of = Record(core.store, core.reader, recorded).as_of
    open_before = {(each.rule, each.subject): each for each in core.records.open_findings() if each.stage is Stage.OPEN}
    space = SpaceWatch(judge.note, open_before.get((RULE, "journal")))
    surroundings = Surroundings(core.journal.usage, judge.note, parts.clock.now_ns, lambda: judge.position)

    def watch_of(name: str, hold: Hold) -> MirrorWatch:
        return MirrorWatch(name, hold, surroundings, open_before.get((AWAY, name)))

    history = StoredHistory(core.store, recorded)
    mirrors += mirrors_of(core.configuration, core.reader, history, core.records, core.files.mirrors, watch_of)
    reporter = Reporter(core.journal, core.store, judge, bank, parts.clock, parts.wall_ns(), space, mirrors)
    return [
        judge.run(),
        storing.run(),
        Rechecker(core.journal, judge, parts.rhythm.now_s).run(),
        outbox.run(),
        _take_requests(core),
        report_for_ever(core.files.run, reporter, parts.report_every_s),
        *(mirror.run() for mirror in mirrors),
    ]


def _collecting(core: Core) -> list[Coroutine[None, None, None]]:
    """The tasks that put into the journal what comes from the plant, whatever becomes of the others."""
    return [
        beat(core.parts.clock, core.configuration.heartbeat_ns, lambda: list(core.sources.values()), core.journal),
        *(_collect(core, name) for name in core.configuration.sources),
    ]


async def _take_requests(core: Core) -> None:
    woken = asyncio.Event()
    with core.parts.listening(woken):
        await take_requests(core.records, core.journal, woken, core.parts.look_every_s)


async def _collect(core: Core, name: str) -> None:
    configured = {tag.name for tag in core.configuration.tags}

    def make() -> Source:
        tags = [tag for tag in core.tags.of_source(name) if tag.name in configured]
        return core.parts.make_source(name, tags, core.parts.clock, core.reader.source_state(name))

    await collect(make, core.journal, core.started, core.tags.put)
