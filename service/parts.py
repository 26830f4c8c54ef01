"""What the core is made of where there is a choice: its clock, its files, its sources, its way to the other process."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from domain.entries import Position
from domain.figures import Reading
from domain.ports import Channel, Clock, Source
from domain.tags import Tag
from domain.troubles import TROUBLES, Trouble
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from records.database import SqlRecords
from service.backup.holding import Trimming
from service.clock import make_clock
from service.config.build import Configuration
from service.deadman import FileSink, Sink, UrlSink, url_in
from service.files import Files
from service.heads import Place, places_of
from service.judging import Effects, Rhythm
from service.keeping import open_records
from service.machine import Certificates, Machine
from service.roles import CORE, DETECTORS, MIRROR, listeners
from service.scrubbing import SCRUB_BYTES_PER_S
from service.sources import make_source
from service.storing import always
from service.tag_table import new_uuid
from service.tellers import displays_of
from service.telling.configured import channels_of
from service.telling.displays import Display
from service.wake import Waker, listening

OF_THE_JOURNAL = tuple(trouble for trouble in TROUBLES if trouble.rule == "journal.space")
"""Where time is virtual and the machine a model: of the others nothing can be told there."""


class Bell(Protocol):
    """Tells the web process that there is something new."""

    def wake(self, *_: object) -> None:
        """From any thread; never blocks."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class MakeSource(Protocol):
    """Makes a configured source of its name, its tags and the state that it left in the journal."""

    def __call__(self, name: str, tags: Sequence[Tag], clock: Clock, state: str | None) -> Source:
        """A source that has not begun."""
        ...


def _no_machine() -> Iterable[Reading]:
    """Nothing is told of what the service runs on."""
    return ()


def _nobody(_: Effects) -> None:
    """Nobody else is told what was concluded."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one core. What opens a file is called once, in this order, and closed in the opposite one."""

    clock: Clock
    bell: Callable[[], Bell]
    open_journal: Callable[[Callable[[Position], None]], SqliteJournal]  # with what to call after each commit
    open_reader: Callable[[], ReadOnlyJournal]
    open_store: Callable[[], ChunkStore]
    open_records: Callable[[], SqlRecords]
    make_source: MakeSource
    listening: Callable[[asyncio.Event], AbstractContextManager[None]]  # for requests of people
    channels: Sequence[Channel]
    displays: Callable[[], Sequence[Display]] = tuple  # where the states of alarms are shown elsewhere
    concluded: Callable[[Effects], None] = _nobody  # what was committed, on the judge's thread
    trimming: Callable[[], AbstractContextManager[bool]] = always  # whether the journal may be trimmed meanwhile
    heads: Sequence[Place] = ()  # where the audit trail's head is kept besides
    sign: Sink | None = None  # where a sign of life goes
    roles: tuple[str, ...] = (CORE, DETECTORS, MIRROR)  # of this process
    machine: Callable[[], Iterable[Reading]] = _no_machine  # figures of what the service runs on
    troubles: Sequence[Trouble] = OF_THE_JOURNAL  # what of the service itself raises an alarm
    leased: bool = False  # whether another process could have these records, and run a role of ours
    rhythm: Rhythm = field(default_factory=Rhythm)  # of the judge
    wall_ns: Callable[[], int] = time.time_ns
    identity: Callable[[], str] = new_uuid  # of a new tag
    look_every_s: float = 1.0  # for requests of which no bell told
    report_every_s: float = 1.0
    scrub_bytes_per_s: float = 0.0  # how fast stored bytes are looked through for damage; 0: they are not


def usual_parts(
    configuration: Configuration, files: Files, roles: tuple[str, ...] = (CORE, DETECTORS, MIRROR)
) -> Parts:
    """The clock, the disk, the network and the threads of this machine."""
    return Parts(
        clock=make_clock(configuration.clock),
        bell=partial(Waker, files.run, *listeners(roles)),
        open_journal=lambda on_commit: SqliteJournal.open(
            files.journal,
            flush_interval_s=configuration.flush_interval_ns / 1e9,
            quota_bytes=configuration.quota_bytes,
            on_commit=on_commit,
        ),
        open_reader=partial(ReadOnlyJournal, files.journal),
        open_store=partial(ChunkStore.open, files.history),
        open_records=partial(open_records, configuration),
        make_source=partial(make_source, configuration),
        listening=partial(listening, files.run, "core.sock"),
        channels=channels_of(configuration),
        displays=partial(displays_of, configuration),
        trimming=Trimming(files.trimming),
        machine=_machine(configuration, files),
        troubles=TROUBLES,
        sign=_sink(configuration),
        heads=places_of(configuration, files),
        roles=roles,
        leased=True,
        scrub_bytes_per_s=SCRUB_BYTES_PER_S,
    )


def _sink(configuration: Configuration) -> Sink | None:
    """Where the sign of life goes; the address may be a secret, so it may be in a file."""
    deadman = configuration.deadman
    if deadman is None:
        return None
    if deadman.file is not None:
        return FileSink(configuration.beside(deadman.file))
    if deadman.url_file is not None:
        return UrlSink(url_in(configuration.beside(deadman.url_file)))
    assert deadman.url is not None
    return UrlSink(deadman.url)


def _machine(configuration: Configuration, files: Files) -> Callable[[], Iterable[Reading]]:
    """Process, disk, clock and certificates of this machine."""
    own = files.certificates / "own" / "thermowell.der"
    places = [("own", own), ("trusted", files.certificates / "trusted")]
    if configuration.http.tls is not None:
        places.append(("http", configuration.http.tls.certificate))
    places += [
        (name, configuration.beside(source.mqtt.ca_file))
        for name, source in configuration.sources.items()
        if source.mqtt is not None and source.mqtt.ca_file
    ]
    return Machine(files.data, files.run, Certificates(places)).figures
