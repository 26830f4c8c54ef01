"""Puts the judge together: detectors, alarm book and routing, as they were when the process last stopped."""

from collections.abc import Callable

from alarms.book import AlarmBook
from alarms.routing import notices_for_all
from detectors.arrivals import AHEAD_NS
from detectors.bank import DEFAULT_LIMITS, Bank
from detectors.health.silence import SourceLimits
from domain.tags import TagTable
from records.database import SqlRecords
from service.config.build import Configuration
from service.files import Files
from service.judging import Effects, Followed, Judge, Rhythm
from service.models.files import library
from service.tellers import audiences_of, wording_of


def make_judge(
    configuration: Configuration,
    tags: TagTable,
    journal: Followed,
    records: SqlRecords,
    last_beat_ns: int,
    committed: Callable[[Effects], None],
    speed: float = 1.0,
    rhythm: Rhythm = Rhythm(),  # noqa: B008  frozen
) -> tuple[Judge, Bank]:
    """The judge and its detectors, of this configuration, with the alarm book rebuilt from what was committed.

    `speed` is that of the plant's clock.
    """
    rulebook = configuration.rulebook
    book = AlarmBook.rebuilt(
        rulebook, records.newest_transitions(), records.open_findings(), last_beat_ns, records.newest_of_units()
    )
    audiences, wording = audiences_of(configuration), wording_of(configuration)
    bank = Bank(rulebook, tags, source_limits(speed), library(Files(configuration.data).models))
    judge = Judge(
        journal,
        records,
        bank,
        book,
        lambda transitions: notices_for_all(transitions, audiences, wording),
        committed,
        last_beat_ns,
        rhythm,
    )
    return judge, bank


def source_limits(speed: float) -> SourceLimits:
    """What a source may do before it is reported, as time on the wall: a faster plant's clock counts more of it."""
    return SourceLimits(
        disconnected_after_ns=round(DEFAULT_LIMITS.disconnected_after_ns * speed),
        skew_ns=round(DEFAULT_LIMITS.skew_ns * speed),
        ahead_ns=round(AHEAD_NS * max(speed, 1.0)),
    )
