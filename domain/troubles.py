"""What can be wrong with the service itself: which figure tells it, from where on, and the alarm that it is.

One table. A trouble is a finding like any other, about the service instead of the plant; it is no part of a replay,
because it follows from the machine and not from the journal.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from domain.rationalisation import priority_of
from domain.rules import AlarmRule, Priority, Severity
from domain.time import HOUR_NS, MINUTE_NS

LATELY_S = 600.0
"""How long something that happened counts as news."""


class Measure(enum.Enum):
    """What of a figure is compared."""

    VALUE = enum.auto()
    SIZE = enum.auto()  # whatever its sign
    SHARE = enum.auto()  # of another figure
    UNTIL = enum.auto()  # it is a time on the wall's clock: seconds until then
    GREW = enum.auto()  # 1 for ten minutes after it grew


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition and its alarm.

    It opens when the measure has been at `on` or beyond for `after_s`, and clears when it has been at `off` or on its
    better side for `clear_after_s`; whether more or less is worse follows from which of the two is larger. The subject
    is the figure's last label where none is given. In `text` stand `{subject}`, `{value}`, `{hours}` (of seconds),
    `{days}` and `{left}`.
    """

    alarm: AlarmRule
    figure: str
    on: float
    off: float
    text: str
    subject: str = ""
    label: str = ""  # only this value of the figure's last label
    measure: Measure = Measure.VALUE
    of: str = ""  # SHARE: the whole
    left: str = ""  # a figure of seconds that `{left}` tells
    ends: str = ""  # a figure of a time, by the same label: `{days}` are those until then
    after_s: float = 0.0
    clear_after_s: float = 10.0
    stops: bool = False  # the sign of life is withheld at once while it is so

    @property
    def rule(self) -> str:
        """The rule of its findings."""
        return self.alarm.rule

    def is_bad(self, value: float) -> bool:
        """Whether a measure is where it opens."""
        return value >= self.on if self.on > self.off else value <= self.on

    def is_good(self, value: float) -> bool:
        """Whether a measure is where it clears; between the two it stays as it was."""
        return value <= self.off if self.on > self.off else value >= self.off


def _alarm(
    name: str,
    rule: str,
    priority: Priority,
    within_min: int,
    cause: str,
    consequence: str,
    action: str,
    reason: str = "",
) -> AlarmRule:
    """An alarm; its severity is the mildest with which that time makes that priority, if any does without a reason."""
    within_ns = within_min * MINUTE_NS
    fitting = [each for each in Severity if priority_of(each, within_ns) is priority]
    return AlarmRule(
        name,
        rule,
        priority,
        cause=cause,
        consequence=consequence,
        action=action,
        respond_within_ns=within_ns,
        severity=fitting[0] if fitting else Severity.SEVERE,
        priority_reason=reason,
        alarm_class="system",
    )


_NOTHING_TAKEN = "Nothing more is acknowledged: sources keep their samples, as far as they can."
_HOUR_MIN = HOUR_NS // MINUTE_NS

TROUBLES: tuple[Trouble, ...] = (
    Trouble(
        _alarm(
            "journal space",
            "journal.space",
            Priority.CRITICAL,
            60,
            "The journal comes near its quota.",
            "When it is full nothing more is accepted.",
            "Free space, or find out why the store does not keep up.",
            "Once it is full every batch that runs loses its record.",
        ),
        "thermowell_journal_bytes",
        on=0.8,
        off=0.7,
        measure=Measure.SHARE,
        of="thermowell_journal_quota_bytes",
        left="thermowell_journal_left_seconds",
        subject="journal",
        text="The journal is at {value:.0%} of its quota ({left}); when it is full nothing more is acknowledged.",
    ),
    Trouble(
        _alarm(
            "disk low",
            "service.disk",
            Priority.HIGH,
            4 * _HOUR_MIN,
            "Something fills the disk of the data folder: the record, backups, or another program.",
            "When it is full nothing more is accepted.",
            "Free space, or give the folder a larger disk.",
            "Once it is full every batch that runs loses its record.",
        ),
        "thermowell_disk_free_bytes",
        on=0.05,
        off=0.07,
        measure=Measure.SHARE,
        of="thermowell_disk_size_bytes",
        left="thermowell_journal_left_seconds",
        after_s=60.0,
        subject="disk",
        text="{value:.1%} of the data folder's disk is free ({left}).",
    ),
    Trouble(
        _alarm(
            "journal fails",
            "service.commit.failing",
            Priority.CRITICAL,
            10,
            "The disk refuses what is written, or the journal's quota is spent.",
            _NOTHING_TAKEN,
            "Look at the service's log and at the disk.",
        ),
        "thermowell_journal_failing",
        on=1,
        off=0,
        after_s=2.0,
        stops=True,
        subject="journal",
        text="The journal cannot commit.",
    ),
    Trouble(
        _alarm(
            "journal slow",
            "service.commit.slow",
            Priority.HIGH,
            30,
            "The disk is overloaded, or a part of it fails.",
            "Samples are acknowledged late; sources may drop what they cannot keep so long.",
            "Find out what else uses the disk; look at its health.",
        ),
        "thermowell_buffer_oldest_seconds",
        label="intake",
        on=5.0,
        off=1.0,
        after_s=5.0,
        stops=True,
        subject="journal",
        text="What came first has waited {value:.0f} s for the journal's commit.",
    ),
    Trouble(
        _alarm(
            "ledger",
            "service.ledger",
            Priority.CRITICAL,
            60,
            "A fault of this program.",
            "Of some samples nobody can tell what became.",
            "Keep the data folder as it is; tell the makers, with the log.",
            "Samples whose fate nobody knows put every batch record in doubt.",
        ),
        "thermowell_samples_unaccounted",
        on=1,
        off=0,
        measure=Measure.SIZE,
        after_s=10.0,
        text="{subject}: of {value:.0f} samples received it is not known what became.",
    ),
    Trouble(
        _alarm(
            "late",
            "service.source.late",
            Priority.LOW,
            8 * _HOUR_MIN,
            "A queue before this service, a slow network, or a device that reports late.",
            "What is judged is old by as much.",
            "Compare the source's clock with ours; look at the queues on the way.",
        ),
        "thermowell_source_lag_seconds",
        on=120.0,
        off=60.0,
        after_s=300.0,
        text="{subject}: its newest samples are {value:.0f} s old when they come.",
    ),
    Trouble(
        _alarm(
            "judge behind",
            "service.judge.behind",
            Priority.HIGH,
            30,
            "The processor is too busy, or the database of decisions is slow.",
            "Excursions and holds are told late by as much.",
            "Find out what uses the processor; give heavy readers a machine of their own.",
        ),
        "thermowell_follower_behind_seconds",
        label="judge",
        on=60.0,
        off=10.0,
        after_s=30.0,
        stops=True,
        subject="judge",
        text="Detectors and alarms are {value:.0f} s behind the journal.",
    ),
    Trouble(
        _alarm(
            "store behind",
            "service.store.behind",
            Priority.MEDIUM,
            2 * _HOUR_MIN,
            "The processor or the disk is too busy.",
            "The journal keeps more and fills up; pages show what is there.",
            "Find out what uses the processor and the disk.",
        ),
        "thermowell_follower_behind_seconds",
        label="store",
        on=60.0,
        off=10.0,
        after_s=60.0,
        stops=True,
        subject="record",
        text="The record is {value:.0f} s behind the journal.",
    ),
    Trouble(
        _alarm(
            "database away",
            "service.records.away",
            Priority.HIGH,
            30,
            "The database of what was decided is down, locked or full.",
            "Nobody is told of anything until it is back; samples are taken on.",
            "Look at the database.",
        ),
        "thermowell_database_away",
        on=1,
        off=0,
        after_s=30.0,
        stops=True,
        subject="records",
        text="What is judged could not be written for some time.",
    ),
    Trouble(
        _alarm(
            "account locked",
            "service.account.locked",
            Priority.MEDIUM,
            60,
            "Somebody has forgotten a password, or somebody else guesses it.",
            "Nobody can sign in by that name for a while; who is signed in goes on.",
            "Ask that person; look at the audit trail for the address. `thermowell people unlock` ends it.",
        ),
        "thermowell_account_locked",
        on=1,
        off=0,
        text="{subject}: locked after too many wrong passwords.",
    ),
    Trouble(
        _alarm(
            "cannot tell",
            "service.outbox.stuck",
            Priority.HIGH,
            30,
            "The channel's server is down, or refuses us.",
            "Who relies on this channel hears of no alarm.",
            "Look at the page; repair the channel, or tell people in another way.",
        ),
        "thermowell_outbox_oldest_seconds",
        on=600.0,
        off=60.0,
        stops=True,
        text="{subject}: a notice has waited {value:.0f} s and cannot be delivered.",
    ),
    Trouble(
        _alarm(
            "notices lost",
            "service.outbox.given_up",
            Priority.HIGH,
            30,
            "The channel refuses our notices for good: an address or a token is wrong.",
            "Somebody was not told of an alarm.",
            "Look at the log for the reason; repair the channel.",
        ),
        "thermowell_outbox_given_up_total",
        on=1,
        off=0,
        measure=Measure.GREW,
        text="{subject}: a notice was given up; nobody got it.",
    ),
    Trouble(
        _alarm(
            "calendar old",
            "service.rota.stale",
            Priority.MEDIUM,
            8 * _HOUR_MIN,
            "A rota's calendar cannot be read, or its server does not answer.",
            "Whoever swapped a duty since then is told in vain; later nobody but the fallback is.",
            "Look at the page of duties for the reason; repair the calendar, or the way to it.",
        ),
        "thermowell_rota_calendar_overdue_seconds",
        on=1,
        off=0,
        after_s=60.0,  # a service that starts, or a clock that was set, has not looked yet
        text="{subject}: for longer than it may be, its calendar could not be read; the one of before is in force.",
    ),
    Trouble(
        _alarm(
            "calendar refused",
            "service.rota.refused",
            Priority.LOW,
            24 * _HOUR_MIN,
            "The newest calendar of a rota cannot be meant, or could not be fetched.",
            "The one of before stays in force.",
            "Look at the page of duties for the event and its line; correct it.",
        ),
        "thermowell_rota_calendar_refused",
        on=1,
        off=0,
        after_s=300.0,
        text="{subject}: the last look at its calendar brought nothing; the one of before stays in force.",
    ),
    Trouble(
        _alarm(
            "duty open",
            "service.rota.uncovered",
            Priority.LOW,
            24 * _HOUR_MIN,
            "A rota's calendar leaves time of the next 14 days open.",
            "Then the fallback is told.",
            "Look at the page of duties for when; put somebody into the calendar.",
        ),
        "thermowell_rota_uncovered_seconds",
        on=60,
        off=59,
        after_s=60.0,
        text="{subject}: nobody is on duty for {hours:.1f} h of the next 14 days.",
    ),
    Trouble(
        _alarm(
            "nobody on duty",
            "service.rota.nobody",
            Priority.MEDIUM,
            60,
            "A rota's calendar has nobody for now.",
            "Alarms go to the fallback.",
            "See that somebody takes the duty, and put them into the calendar.",
        ),
        "thermowell_rota_on_duty",
        on=0,
        off=1,
        after_s=60.0,
        text="{subject}: nobody is on duty now; the fallback is told.",
    ),
    Trouble(
        _alarm(
            "keeps ending",
            "service.restarts",
            Priority.HIGH,
            60,
            "A defect of this program, memory that runs out, or an address that is taken.",
            "While it starts, its part is not done: nothing is taken and judged, or no page is shown.",
            "Look at the log for why it ended; tell the makers.",
        ),
        "thermowell_process_failures_lately",
        on=3,
        off=0,
        text="The process of {subject} ended and was started again {value:.0f} times within ten minutes.",
    ),
    Trouble(
        _alarm(
            "role taken over",
            "service.lease",
            Priority.MEDIUM,
            2 * _HOUR_MIN,
            "Another machine's service had this role, and died, hung, or lost its way to the database.",
            "What it took since then is in its journal alone; if it lives, it judges nothing any more.",
            "See that one service alone is given these sources; the log names the machine of the other.",
        ),
        "thermowell_role_taken_over_timestamp_seconds",
        on=-LATELY_S,
        off=-LATELY_S - 1,
        measure=Measure.UNTIL,
        text="The role {subject} was taken over from a process on another machine that no longer renewed it.",
    ),
    Trouble(
        _alarm(
            "clock set",
            "service.clock.jump",
            Priority.MEDIUM,
            2 * _HOUR_MIN,
            "Somebody, or a time server, set this machine's clock by more than a second.",
            "Times that this service gave lately are off; holds that run are judged by both.",
            "Have a time server hold the clock; write down when it was set, and by how much.",
        ),
        "thermowell_clock_jumps_total",
        on=1,
        off=0,
        measure=Measure.GREW,
        subject="clock",
        text="This machine's clock was set by more than a second.",
    ),
    Trouble(
        _alarm(
            "clock free",
            "service.clock.unsynchronised",
            Priority.LOW,
            24 * _HOUR_MIN,
            "No time server holds this machine's clock: none is configured, or none is reached.",
            "Times drift by seconds a week, unnoticed.",
            "Start chrony, or the like; in a container, on its host.",
        ),
        "thermowell_clock_synchronised",
        on=0,
        off=1,
        after_s=900.0,
        clear_after_s=60.0,
        subject="clock",
        text="No time server holds this machine's clock.",
    ),
    Trouble(
        _alarm(
            "certificate ends",
            "service.certificate",
            Priority.MEDIUM,
            7 * 24 * _HOUR_MIN,
            "A certificate comes to its end.",
            "When it has ended, connections that need it fail.",
            "Replace it, and have the other side trust the new one.",
        ),
        "thermowell_certificate_renewal_timestamp_seconds",
        on=0,
        off=3600,
        measure=Measure.UNTIL,
        ends="thermowell_certificate_expiry_timestamp_seconds",
        text="The certificate {subject} ends in {days:.1f} days.",
    ),
    Trouble(
        _alarm(
            "audit trail changed",
            "service.audit.changed",
            Priority.CRITICAL,
            30,
            "Somebody changed or cut the audit trail, or put an old database in place by hand.",
            "What people did can no longer be proven from the database alone.",
            "Run `thermowell verify`; keep the data folder and the file of heads as they are; tell quality.",
            "The proof of every batch rests on the trail.",
        ),
        "thermowell_audit_head_differs",
        on=1,
        off=0,
        text="The audit trail is not the one whose head {subject} has.",
    ),
    Trouble(
        _alarm(
            "audit head not kept",
            "service.audit.head",
            Priority.HIGH,
            2 * _HOUR_MIN,
            "The folder or server that keeps the audit trail's head is away, full, or refuses us.",
            "That the newest audit records were cut off could not be proven.",
            "Bring the place back; what it lacks is written then.",
            "Until it is kept nobody could tell that records were cut off.",
        ),
        "thermowell_audit_head_failing",
        on=1,
        off=0,
        after_s=30.0,
        text="{subject} does not keep the audit trail's head.",
    ),
    Trouble(
        _alarm(
            "file damaged",
            "service.damaged",
            Priority.CRITICAL,
            60,
            "A disk that fails, or somebody who changed a file.",
            "What lies in the damaged part cannot be read, or not be proven.",
            "Run `thermowell verify`, and restore the file from a backup.",
            "What is lost there no backup of tomorrow has.",
        ),
        "thermowell_damaged_files",
        on=1,
        off=0,
        subject="data folder",
        text="{value:.0f} files of the data folder were found damaged; the log names them.",
    ),
)
"""Every trouble. A mirror's is told by its own watch: `mirror.away`."""

_RULES = frozenset({"mirror.away", "record.damaged", *(trouble.rule for trouble in TROUBLES)})

SUMMARIES: Mapping[str, str] = {trouble.rule: f"about the service itself: {trouble.alarm.name}" for trouble in TROUBLES}
"""What each rule is, for the list of all rules."""


def is_of_the_service(rule: str) -> bool:
    """Whether a rule speaks of the service itself, and not of the plant."""
    return rule in _RULES
