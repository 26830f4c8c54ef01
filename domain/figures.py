"""Every figure that the service tells of itself: its name for Prometheus, what it counts, and by what it is split.

Base units; what only grows ends in `_total`. A label has as many values as there are sources, channels, mirrors or
causes: never a tag, a batch or a text from outside. A counter begins anew with its process unless its help says
otherwise. Who tells a figure names it from here, so nothing is told that this table does not explain.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["gauge", "counter", "histogram"]

_MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_MICROSECONDS = (0.00001, 0.00003, 0.0001, 0.0003, *_MILLISECONDS)


@dataclass(frozen=True, slots=True)
class Figure:
    """What stands behind a name. `bounds`: the upper ends of a histogram's buckets, s."""

    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


class Spread(NamedTuple):
    """What a histogram has seen: how many in each bucket (the last one: beyond every bound), and their sum."""

    counts: Sequence[int]
    total: float


class Reading(NamedTuple):
    """One figure at this moment. `labels` are the values of the figure's labels, in their order."""

    name: str
    value: float | Spread
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Histogram:
    """Counts into the buckets of a figure. One thread adds; any thread looks."""

    name: str
    labels: tuple[str, ...] = ()
    _counts: list[int] = field(init=False)
    _total: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Begin with empty buckets."""
        self._counts = [0] * (len(FIGURES[self.name].bounds) + 1)

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(FIGURES[self.name].bounds, seconds)] += 1
        self._total += seconds

    def reading(self) -> Reading:
        """What was counted so far."""
        return Reading(self.name, Spread(tuple(self._counts), self._total), self.labels)


def _gauge(help_: str, *labels: str) -> Figure:
    return Figure("gauge", help_, labels)


def _counter(help_: str, *labels: str) -> Figure:
    return Figure("counter", help_, labels)


def _histogram(help_: str, bounds: tuple[float, ...], *labels: str) -> Figure:
    return Figure("histogram", help_, labels, bounds)


FIGURES: Mapping[str, Figure] = {
    # The processes: core and web.
    "thermowell_build_info": _gauge("Always 1; what runs stands in the labels", "version", "python"),
    "thermowell_ready": _gauge("1 while the core reports that nothing hinders it"),
    "thermowell_core_reporting": _gauge("1 while the core process tells of itself"),
    "thermowell_process_start_time_seconds": _gauge("When a process started, in seconds since 1970", "process"),
    "thermowell_process_restarts_total": _counter("Times that the supervisor started a process again", "process"),
    "thermowell_process_failures_lately": _gauge(
        "Times in the past ten minutes that a process began after one that had not ended in order", "process"
    ),
    "thermowell_role_taken_over_timestamp_seconds": _gauge(
        "When a role was taken from a process elsewhere that had stopped to renew it, in seconds since 1970", "role"
    ),
    "thermowell_process_cpu_seconds_total": _counter("Processor time that a process used", "process"),
    "thermowell_process_resident_memory_bytes": _gauge("Memory of a process that is in RAM", "process"),
    "thermowell_process_threads": _gauge("Threads of a process", "process"),
    "thermowell_process_open_fds": _gauge("File descriptors that a process has open", "process"),
    "thermowell_process_max_fds": _gauge("File descriptors that a process may have open", "process"),
    "thermowell_event_loop_delay_seconds": _histogram(
        "How much later than asked an event loop woke: what a message waits before it is even looked at",
        _MILLISECONDS,
        "process",
    ),
    # The ledger: received = journaled + quarantined + redelivered; journaled = stored + duplicates + waiting.
    "thermowell_samples_received_total": _counter(
        "Samples that a source sent, since the journal was made (durable)", "source"
    ),
    "thermowell_samples_journaled_total": _counter(
        "Samples that were written into the journal, since it was made (durable)", "source"
    ),
    "thermowell_samples_acknowledged_total": _counter("Samples whose source was told that they are durable", "source"),
    "thermowell_samples_quarantined_total": _counter(
        "Samples kept aside because they cannot be understood, since the journal was made (durable)", "source"
    ),
    "thermowell_samples_redelivered_total": _counter(
        "Samples that came again, were known and dropped, since the journal was made (durable)", "source"
    ),
    "thermowell_samples_unaccounted": _gauge(
        "Samples received of which nobody knows what became: 0, or a fault", "source"
    ),
    "thermowell_samples_stored_total": _counter("Samples that the record has taken", "source"),
    "thermowell_samples_judged_total": _counter("Samples that the detectors have judged", "source"),
    "thermowell_gaps_total": _counter("Stretches in which samples are or may be missing", "source", "cause"),
    # Sources.
    "thermowell_source_connected": _gauge("1 while a source is heard", "source"),
    "thermowell_source_lag_seconds": _gauge(
        "From the newest sample's own time to its receipt, of the newest delivery", "source"
    ),
    "thermowell_source_silence_seconds": _gauge("Time since a source delivered, or said that it lives", "source"),
    "thermowell_source_clock_skew_seconds": _gauge("The clock of a source less ours, as last measured", "source"),
    "thermowell_buffer_oldest_seconds": _gauge(
        "How long the oldest in a buffer has waited: intake (for the commit), store, judge, outbox", "buffer"
    ),
    # The journal.
    "thermowell_journal_position": _gauge("The newest durable entry"),
    "thermowell_journal_commits_total": _counter("Commits of the journal"),
    "thermowell_journal_commit_seconds": _histogram("How long the journal's commits took, to durable", _MILLISECONDS),
    "thermowell_journal_commit_failures_total": _counter("Attempts to commit that failed; they are repeated"),
    "thermowell_journal_failing": _gauge("1 while the journal cannot commit, so that nothing is acknowledged"),
    "thermowell_journal_acknowledgement_failures_total": _counter("Acknowledgements that failed after their commit"),
    "thermowell_journal_waiting_rows": _gauge("Rows that were taken and are not durable yet"),
    "thermowell_journal_room_rows": _gauge("Waiting rows above which sources are held back"),
    "thermowell_journal_bytes": _gauge("Size of the journal's pages in use and its log"),
    "thermowell_journal_quota_bytes": _gauge("Size that the journal may have; absent without a quota"),
    "thermowell_journal_left_seconds": _gauge(
        "Time until the journal's quota, or the disk, is full at the present rate; absent while it does not grow"
    ),
    "thermowell_disk_free_bytes": _gauge("Free space of the disk that the data folder is on"),
    "thermowell_disk_size_bytes": _gauge("Size of the disk that the data folder is on"),
    # Followers of the journal; mirrors have names of their own.
    "thermowell_follower_position": _gauge("The entry up to which a follower has come: store, judge", "follower"),
    "thermowell_follower_behind_entries": _gauge("Durable entries that a follower has not come to yet", "follower"),
    "thermowell_follower_behind_seconds": _gauge("Age of the oldest entry that a follower has not come to", "follower"),
    # The record.
    "thermowell_store_rows": _gauge("Rows in the record"),
    "thermowell_store_rows_waiting": _gauge("Rows that the record has taken and not sealed: the journal has them, too"),
    "thermowell_store_duplicates_total": _counter("Rows that were in the record already, since it was made"),
    "thermowell_store_write_seconds": _histogram("How long the record took to take an entry", _MICROSECONDS),
    "thermowell_store_flush_seconds": _histogram(
        "How long the record took to make durable what was ready", _MILLISECONDS
    ),
    # Detectors and alarms.
    "thermowell_judge_entry_seconds": _histogram("How long detectors and alarms took for an entry", _MICROSECONDS),
    "thermowell_findings_total": _counter(
        "Findings that were opened, by the first word of their rule: excursion, hold, drift …", "class"
    ),
    "thermowell_alarms": _gauge("Alarms that are not normal", "priority"),
    "thermowell_alarm_transitions_total": _counter("Changes of alarms", "priority"),
    "thermowell_rechecks_total": _counter("Late rows that ask for another look at the past"),
    "thermowell_rechecks_waiting": _gauge("Tags with late rows that are not judged again yet"),
    "thermowell_rejudged_total": _counter("Stretches of a tag that were judged again"),
    "thermowell_rejudging_seconds_total": _counter("Time that judging again took"),
    # People.
    "thermowell_outbox_waiting": _gauge("Notices that are still to be delivered", "channel"),
    "thermowell_outbox_oldest_seconds": _gauge("How long the oldest notice has waited", "channel"),
    "thermowell_outbox_attempts_total": _counter(
        "Attempts to deliver: sent, retry, uncertain (no answer: it may have arrived), refused (for good)",
        "channel",
        "outcome",
    ),
    "thermowell_outbox_given_up_total": _counter("Notices that nobody got and that are not tried again", "channel"),
    "thermowell_rota_calendar_age_seconds": _gauge("Time since a rota's calendar was known to be the newest", "rota"),
    "thermowell_rota_calendar_overdue_seconds": _gauge("By how much that is longer than `stale` allows", "rota"),
    "thermowell_rota_calendar_refused": _gauge("1 while the last look at a rota's calendar brought nothing", "rota"),
    "thermowell_rota_uncovered_seconds": _gauge("Time of the next 14 days that a rota's calendar leaves open", "rota"),
    "thermowell_rota_on_duty": _gauge("People on duty by a rota's calendar; 0: its fallback is told", "rota"),
    # The database of what was decided.
    "thermowell_account_locked": _gauge("1 while tries that failed have locked an account", "account"),
    "thermowell_database_away": _gauge("1 while what is judged waits because the records cannot be written"),
    "thermowell_database_transaction_seconds": _histogram("How long the judge's transactions took", _MILLISECONDS),
    # Mirrors.
    "thermowell_mirror_position": _gauge("The entry up to which a mirror has everything", "mirror"),
    "thermowell_mirror_failing": _gauge("1 while a mirror waits to try again", "mirror"),
    "thermowell_mirror_behind_seconds": _gauge("Time since a mirror had everything", "mirror"),
    "thermowell_mirror_left_seconds": _gauge(
        "Time until rows that a mirror lacks leave the journal, if it stays away", "mirror"
    ),
    "thermowell_mirror_rows_written_total": _counter("Rows that a mirror has taken", "mirror"),
    "thermowell_mirror_rows_too_old_total": _counter("Rows that are older than a mirror's bucket keeps", "mirror"),
    "thermowell_mirror_rows_refused_total": _counter(
        "Rows that a mirror refused for good: they are kept aside", "mirror"
    ),
    "thermowell_mirror_entries_missed_total": _counter(
        "Entries that left the journal first: their rows came from the record", "mirror"
    ),
    "thermowell_mirror_retries_total": _counter("Attempts at a mirror that failed", "mirror"),
    # What it stands on.
    "thermowell_clock_synchronised": _gauge("1 while the kernel says that a time server holds this machine's clock"),
    "thermowell_clock_jumps_total": _counter("Times that this machine's clock was set by more than a second"),
    "thermowell_certificate_expiry_timestamp_seconds": _gauge(
        "When a certificate ends, in seconds since 1970: own, http (its file), http served, or a trusted file",
        "certificate",
    ),
    "thermowell_certificate_renewal_timestamp_seconds": _gauge(
        "From when on a certificate's end raises an alarm: two weeks before, or in the last third of a shorter life",
        "certificate",
    ),
    "thermowell_damaged_files": _gauge("Files of the data folder that were found damaged"),
    "thermowell_service_troubles": _gauge(
        "Conditions of the service itself that raise an alarm at the moment", "trouble"
    ),
    "thermowell_audit_head_failing": _gauge("1 while a second place does not keep the audit trail's head", "place"),
    "thermowell_audit_head_differs": _gauge(
        "1 while the audit trail is not the one whose head a second place has", "place"
    ),
    # The sign of life that is sent out.
    "thermowell_deadman_healthy": _gauge("1 while the whole way works, so that the sign of life is sent"),
    "thermowell_deadman_beats_total": _counter("Signs of life: sent, failed, withheld", "outcome"),
    "thermowell_deadman_last_sent_timestamp_seconds": _gauge("When the last sign of life was taken, since 1970"),
    # The web process.
    "thermowell_web_position": _gauge("The newest journal position told to listeners"),
    "thermowell_web_listeners": _gauge("Clients of the event stream"),
    "thermowell_web_connections": _gauge("Connections to the web process; 500 at most"),
    "thermowell_web_events_total": _counter("Events built for the event stream"),
    "thermowell_web_events_dropped_total": _counter("Events that slow clients did not get"),
    "thermowell_web_reads": _gauge("Reads that run or wait (inside), and how many may (places)", "lane", "what"),
    "thermowell_web_requests_total": _counter("Answers by status", "status"),
}
