"""What judges and tells, and what mirrors: the same in the core process and in one of its own."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass

from detectors.bank import Bank
from domain.figures import Reading
from domain.findings import Finding, Stage
from domain.tags import TagTable
from historian.journal.reader import ReadOnlyJournal
from records.database import SqlRecords
from service.config.build import Configuration
from service.files import Files
from service.judging import NAME as JUDGING
from service.judging import Effects, Followed, Judge
from service.locked import LockedLook
from service.measuring import Measuring
from service.parts import Bell, Parts
from service.tellers import directory_of, pictures_of, readers_of
from service.telling.displays import show_for_ever
from service.telling.duty import HandOver
from service.telling.outbox import Outbox
from service.telling.rotas import Rotas, rotas_of
from service.telling.standing import OutboxLook, ToldTally, log_changes
from service.telling.way_back import way_back
from service.verdicts import make_judge
from service.weekly import WeeklyReport

Work = Coroutine[None, None, None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What followers stand on; in the core it writes the journal and the record, elsewhere it reads them."""

    configuration: Configuration
    parts: Parts
    tags: TagTable
    journal: Followed
    reader: ReadOnlyJournal
    records: SqlRecords
    bell: Bell


@dataclass(frozen=True, slots=True)
class Judging:
    """The detectors, the alarm book, and who tells people."""

    judge: Judge
    bank: Bank
    outbox: Outbox
    waiting: OutboxLook
    told: ToldTally
    report: WeeklyReport | None
    locked: LockedLook
    rotas: Rotas
    hand_over: HandOver
    shown: Callable[[], list[Work]]  # what brings the displays elsewhere up to date

    def figures(self) -> Iterator[Reading]:
        """What was judged and told, for Prometheus."""
        yield from self.judge.figures()
        yield from self.told.figures()
        yield from self.outbox.figures()
        yield from self.waiting.figures()
        yield from self.locked.figures()
        yield from self.rotas.figures()

    def works(self) -> list[Work]:
        """Its tasks; when one fails, the process ends."""
        report = [] if self.report is None else [self.report.run()]
        duty = [self.rotas.run(), self.hand_over.run()] if self.rotas else []
        return [
            self.judge.run(),
            self.outbox.run(),
            self.waiting.run(),
            self.locked.run(),
            *self.shown(),
            *report,
            *duty,
        ]


def judging_on(ground: Ground) -> Judging:
    """The judge as the records left it. RetryLater while they are away."""
    parts, records, bell = ground.parts, ground.records, ground.bell
    configuration, files = ground.configuration, Files(ground.configuration.data)
    rotas = Rotas(rotas_of(configuration, files.duty), parts.wall_ns)
    outbox = Outbox(
        records,
        parts.channels,
        directory=directory_of(configuration, rotas, records),
        readers=readers_of(configuration),
        way_back=way_back(configuration, files, parts.wall_ns) if configuration.notify else None,
        pictures=pictures_of(configuration, parts.channels, records),
        wall_ns=parts.wall_ns,
    )
    hand_over = HandOver(rotas, records, shifts=configuration.rulebook.shifts, wake=outbox.wake, wall_ns=parts.wall_ns)
    waiting = OutboxLook(records, [channel.name for channel in parts.channels], parts.clock)
    told = ToldTally(records.alarms())

    def source_of(name: str) -> str | None:
        tag = ground.tags.find(name)
        return None if tag is None else tag.source

    def committed(effects: Effects) -> None:
        parts.concluded(effects)
        told.take(effects.findings, effects.transitions)
        log_changes(effects.transitions, source_of)
        if effects:
            bell.wake()
        if effects.notices:
            outbox.wake()

    # Not the newest heartbeat that there is: after a crash the judge may be behind the journal.
    last_beat_ns = ground.reader.beat_before(records.cursor_of(JUDGING))
    judge, bank = make_judge(
        ground.configuration,
        ground.tags,
        ground.journal,
        records,
        last_beat_ns,
        committed,
        parts.clock.speed,
        parts.rhythm,
    )

    def shown() -> list[Work]:
        return [show_for_ever(each, records.alarms) for each in parts.displays()]

    return Judging(
        judge,
        bank,
        outbox,
        waiting,
        told,
        _report(ground, outbox),
        LockedLook(records.people.locked),
        rotas,
        hand_over,
        shown,
    )


def _report(ground: Ground, outbox: Outbox) -> WeeklyReport | None:
    """What tells how the alarm system did in each week, if somebody is to hear it."""
    configuration, records = ground.configuration, ground.records
    if configuration.report is None:
        return None
    measuring = Measuring(records, configuration.positions, configuration.zone)
    page_url, now_ns = configuration.http.page_url, ground.parts.clock.now_ns
    return WeeklyReport(configuration.report, configuration.site, page_url, records, measuring, now_ns, outbox.wake)


def taken_over(records: SqlRecords) -> list[Reading]:
    """When a role of this process was taken from another machine's."""
    return [
        Reading("thermowell_role_taken_over_timestamp_seconds", at_ns / 1e9, (role,))
        for role, at_ns in sorted(records.taken_over_ns.items())
    ]


def opened_before(records: SqlRecords) -> Mapping[tuple[str, str], Finding]:
    """What is open, by rule and subject: what watches the service goes on from there."""
    return {(each.rule, each.subject): each for each in records.open_findings() if each.stage is Stage.OPEN}
