"""The core process: collects, keeps, judges and tells; joins the rooms and runs them until told to stop."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.entries import ConfigurationActivated, Heartbeat, Position
from domain.figures import Histogram, Reading
from domain.findings import Finding
from domain.ports import Source
from domain.tags import TagTable
from domain.time import SECOND_NS
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.scrub import Scrub
from records.database import SqlRecords
from service.acting import take_requests
from service.backup import restored
from service.behind import FollowersLook
from service.collecting import beat, collect
from service.config.build import Configuration
from service.deadman import Deadman, Way
from service.deciding import Begun, Stop, decide, stopped, together, told_to_stop
from service.elsewhere import JudgeElsewhere, MirrorElsewhere, figures_of_others, one_configuration
from service.files import Files
from service.following import Ground, judging_on, opened_before, taken_over
from service.gauges import Reporter, problem_of, report_for_ever
from service.heads import Anchoring
from service.judging import Judge
from service.loop_delay import watch_loop
from service.mirror_watch import RULE as AWAY
from service.mirror_watch import Hold, MirrorWatch, Surroundings, hold_of
from service.parts import Bell, Parts, usual_parts
from service.rechecking import Rechecker, Record
from service.roles import DETECTORS, MIRROR, USUAL, elsewhere
from service.scrubbing import RULE as DAMAGED
from service.scrubbing import Damages, scrub_for_ever, tell_for_readers
from service.storing import StoreFollower
from service.tag_table import define
from service.tally import SourceTally, TalliedIntake
from service.troubles import TroubleWatch
from service.version import VERSION

if TYPE_CHECKING:
    from service.mirroring import MirrorFollower

log = logging.getLogger(__name__)

_STANDS_S = 30.0  # so long may a stage stand that lacks something, until the way is said not to work


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
    tally: SourceTally
    loop_delays: Histogram
    activated: ConfigurationActivated | None = None  # with this program's start

    def started(self, source: Source) -> None:
        """Note the running source of a name: its heartbeats are taken from it."""
        self.sources[source.name] = source


async def run_core(configuration: Configuration, roles: tuple[str, ...] = USUAL[0]) -> None:
    """Run the core until SIGTERM or SIGINT; what was taken by then is durable."""
    stop = told_to_stop()
    files = Files(configuration.data).made()
    restored.demand_whole(files)
    with opened(configuration, files, usual_parts(configuration, files, roles)) as core:
        await run_until(core, stop)


async def run_until(core: Core, stop: asyncio.Event) -> None:
    """Collect, keep, judge and tell until told to stop, or until a work fails, which it raises."""
    await _introduce(core)
    works = functools.partial(_works, core)
    begun = Begun(core.parts.roles, core.records, core.files.run, functools.partial(_before_judging, core))
    deciding = [decide(begun, works)] if core.parts.leased else works()
    try:
        await together([*deciding, *_collecting(core), stopped(stop)])
    except Stop:
        log.info("stopping")


def _before_judging(core: Core) -> list[Reading]:
    return [
        Reading("thermowell_journal_position", core.journal.last()),
        Reading("thermowell_journal_bytes", core.journal.usage().used_bytes),
    ]


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
        tally = SourceTally(parts.rhythm.now_s)
        delays = Histogram("thermowell_event_loop_delay_seconds", ("core",))
        tags = TagTable(reader.tags())
        yield Core(configuration, files, parts, tags, journal, reader, store, records, bell, {}, tally, delays)


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
    core.activated = activated
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

    What is not a role of this process is followed from afar. RetryLater while the records are away.
    """
    parts, run, others = core.parts, core.files.run, elsewhere(core.parts.roles)
    if core.activated is not None:
        core.records.activated(core.activated, core.configuration.zone.key)
    judging = judging_on(_ground(core)) if DETECTORS in parts.roles else None
    afar = JudgeElsewhere(run, core.records)
    judge = afar if judging is None else judging.judge
    mirrors: list[MirrorFollower | MirrorElsewhere] = []

    def others_passed() -> Position:
        return min([judge.passed(), *(mirror.passed() for mirror in mirrors)])

    storing = StoreFollower(core.journal, core.store, others_passed, trimming=parts.trimming)

    def recorded() -> Position:
        return max(storing.position, core.store.cursor())

    if judging is not None:
        judging.judge.rows_as_of = Record(core.store, core.reader, recorded).as_of
    open_before = opened_before(core.records)
    mirrors += _mirrors(core, judge, open_before, recorded)
    positions = {"store": lambda: storing.position, "judge": lambda: judge.position}
    behind = FollowersLook(core.journal.last, positions, core.store.cursor, parts.rhythm.now_s)
    troubles = TroubleWatch(parts.troubles, judge.note, open_before.values())

    def hindrance() -> str | None:
        return problem_of(core.journal, judge) or troubles.stopped()

    deadman = _deadman(core, positions, hindrance)
    anchoring = Anchoring(core.records, parts.heads, core.configuration.site, parts.wall_ns)
    reporter = Reporter(
        core.journal,
        core.store,
        judge,
        afar if judging is None else judging.bank,
        parts.clock,
        parts.wall_ns(),
        [
            *(each.figures for each in (core.tally, behind, storing)),
            *([judging.figures] if judging is not None else []),
            *(mirror.figures for mirror in mirrors),
            functools.partial(figures_of_others, run, others),
            *([] if deadman is None else [deadman.figures]),
            anchoring.figures,
            lambda: [core.loop_delays.reading()],
            functools.partial(taken_over, core.records),
            parts.machine,
        ],
        troubles,
        afar.notes.as_json,
        parts.rhythm.now_s,
    )
    return [
        *([afar.run()] if judging is None else judging.works()),
        storing.run(),
        Rechecker(core.journal, judge, parts.rhythm.now_s).run(),
        _take_requests(core),
        report_for_ever(run, reporter, parts.report_every_s),
        *(mirror.run() for mirror in mirrors),
        *_scrubbing(core, judge, open_before),
        tell_for_readers(core.journal, core.reader, [lambda: judge.position, *(mirror.passed for mirror in mirrors)]),
        *([] if deadman is None else [deadman.run()]),
        *([anchoring.run()] if parts.heads else []),
        *([one_configuration(run, others, core.configuration.file, core.configuration.hash)] if others else []),
    ]


def _deadman(
    core: Core, followers: Mapping[str, Callable[[], Position]], hindrance: Callable[[], str | None]
) -> Deadman | None:
    """The sign of life, if one is asked for."""
    configuration, sink = core.configuration, core.parts.sign
    if sink is None or configuration.deadman is None:
        return None
    longest_s = max(_STANDS_S, 3 * configuration.heartbeat_ns / SECOND_NS / core.parts.clock.speed)
    way = Way(core.journal.last, followers, hindrance, journal_moves=bool(configuration.sources), longest_s=longest_s)
    about = {"site": configuration.site, "version": VERSION}
    return Deadman(sink, configuration.deadman.every / SECOND_NS, way, about)


def _ground(core: Core) -> Ground:
    return Ground(core.configuration, core.parts, core.tags, core.journal, core.reader, core.records, core.bell)


def _mirrors(
    core: Core,
    judge: Judge | JudgeElsewhere,
    open_before: Mapping[tuple[str, str], Finding],
    recorded: Callable[[], Position],
) -> Sequence["MirrorFollower | MirrorElsewhere"]:
    """The mirrors of the configuration, or what the core knows of them; their alarm is the core's in either case."""
    surroundings = Surroundings(core.journal.usage, judge.note, core.parts.clock.now_ns, lambda: judge.position)

    def watch_of(name: str, hold: Hold) -> MirrorWatch:
        return MirrorWatch(name, hold, surroundings, open_before.get((AWAY, name)))

    if not core.configuration.mirrors:
        return []
    if MIRROR in core.parts.roles:
        from service.mirroring import StoredHistory, mirrors_of  # noqa: PLC0415  loads InfluxDB's client

        history = StoredHistory(core.store, recorded)
        return mirrors_of(core.configuration, core.reader, history, core.records, core.files.mirrors, watch_of)
    return [
        MirrorElsewhere(name, core.files.run, core.records, core.journal.last, watch_of(name, hold_of(mirror)))
        for name, mirror in core.configuration.mirrors.items()
    ]


def _scrubbing(
    core: Core, judge: Judge | JudgeElsewhere, open_before: Mapping[tuple[str, str], Finding]
) -> list[Coroutine[None, None, None]]:
    """The task that looks for damage in what is stored; what followers meet of it is told at once."""
    parts, files = core.parts, core.files
    opened = {subject: finding for (rule, subject), finding in open_before.items() if rule == DAMAGED}
    damages = Damages(judge.note, parts.clock.now_ns, lambda: judge.position, opened)
    core.journal.passes_damage = damages.found
    if not parts.scrub_bytes_per_s:
        return []
    return [scrub_for_ever(Scrub(files.journal, files.history), damages, files.scrubbed, parts.scrub_bytes_per_s)]


def _collecting(core: Core) -> list[Coroutine[None, None, None]]:
    """The tasks that put into the journal what comes from the plant, whatever becomes of the others."""
    intake = TalliedIntake(core.journal, core.tally)
    return [
        beat(core.parts.clock, core.configuration.heartbeat_ns, lambda: list(core.sources.values()), intake),
        watch_loop(core.loop_delays),
        *(_collect(core, intake, name) for name in core.configuration.sources),
    ]


async def _take_requests(core: Core) -> None:
    woken = asyncio.Event()
    with core.parts.listening(woken):
        await take_requests(core.records, core.journal, woken, core.parts.look_every_s)


async def _collect(core: Core, intake: TalliedIntake, name: str) -> None:
    configured = {tag.name for tag in core.configuration.tags}

    def make() -> Source:
        tags = [tag for tag in core.tags.of_source(name) if tag.name in configured]
        return core.parts.make_source(name, tags, core.parts.clock, core.reader.source_state(name))

    await collect(make, intake, core.started, core.tags.put)
