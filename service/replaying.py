"""The judgement of a data folder once more: from the journal and the record, compared with what was written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Protocol, cast

from alarms.book import AlarmBook
from alarms.defaults import step_for
from detectors.bank import Bank
from domain.alarms import Transition
from domain.entries import START, ConfigurationActivated, Entry, Position
from domain.findings import Finding
from domain.models import Library, no_models
from domain.ports import Journal, UnitOfWork
from domain.rules import Priority, Rulebook
from domain.troubles import is_of_the_service
from historian.journal.reader import ReadOnlyJournal
from historian.merged import MergedJournal
from historian.view import HistoryView
from service.clock import make_clock
from service.config.build import Configuration
from service.files import Files
from service.judging import NAME, Effects, Judge, JudgeRecords, Rhythm
from service.models.files import library
from service.rechecking import Record
from service.verdicts import source_limits

_MOST_ACTIVATIONS = 10_000
_MOST_TRANSITIONS = 10_000_000


@dataclass(slots=True)
class Said:
    """What a replay concludes: every version of every finding, and every transition, in order."""

    findings: dict[tuple[str, int], Finding] = field(default_factory=dict)
    transitions: dict[str, Transition] = field(default_factory=dict)
    entries: int = 0
    first_ns: int | None = None
    last_ns: int = 0

    def take(self, effects: Effects) -> None:
        """Add what follows from an entry."""
        for finding in effects.findings:
            self.findings.setdefault((finding.id, finding.version), finding)
        for transition in effects.transitions:
            self.transitions.setdefault(transition.id, transition)


class _Nothing:
    """A unit of work that writes nothing, whatever it is told."""

    def __getattr__(self, _: str) -> "_Nothing":
        return self

    def __call__(self, *_: object) -> None:
        """Write nothing."""


class _NoRecords:
    """Records that begin empty and stay so."""

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """Nothing is written."""
        yield cast("UnitOfWork", _Nothing())


def judge_of(rulebook: Rulebook, record: Record, said: Said, speed: float = 1.0, models: Library = no_models) -> Judge:
    """A judge that begins with the first entry; what it concludes is put into `said`."""
    judge = Judge(
        cast("Journal", None),  # entries are given to it
        cast("JudgeRecords", _NoRecords()),
        Bank(rulebook, (), source_limits(speed), models),
        AlarmBook(rulebook),
        lambda _: (),
        said.take,
        rhythm=Rhythm(lambda: 0.0),
    )
    judge.rows_as_of = record.as_of
    return judge


class Folder:
    """A data folder, read for a replay: also beside a running service."""

    def __init__(self, files: Files) -> None:
        self.journal = ReadOnlyJournal(files.journal)
        self._models = library(files.models)
        self._history = HistoryView(files.history, self.journal)
        self._merged = MergedJournal(self.journal, files.history)

    def close(self) -> None:
        """Release the files."""
        self._merged.close()
        self._history.close()
        self.journal.close()

    def replayed(self, configuration: Configuration, through: Position) -> Said:
        """Judge every entry up to a position by a configuration."""
        self._history.refresh()
        said = Said()
        record = Record(self._history, self.journal, lambda: through)
        speed = make_clock(configuration.clock).speed
        judge = judge_of(configuration.rulebook, record, said, speed, self._models)
        for position, entry in self._merged.entries(START, through):
            judge.take(position, entry)
            said.entries += 1
            _note_time(said, entry)
        return said

    def ran_since_ns(self, hash_: str) -> tuple[int | None, bool]:
        """Since when this configuration runs alone (None: it did not run), and whether none ran before."""
        since_ns = None
        for activated in self.journal.configurations(_MOST_ACTIVATIONS):
            if activated.hash != hash_:
                return since_ns, False
            since_ns = activated.at_ns
        return since_ns, True

    def shortfalls(self) -> list[str]:
        """What of the past cannot be replayed exactly, in words."""
        found: list[str] = []
        since = self.journal.beats_since()
        if since is None:
            found.append("heartbeats that were trimmed are gone: silence, holds and durations are judged without them")
        elif since > START:
            found.append(f"heartbeats before entry {since} were trimmed by an older program")
        echoes = self.journal.echoes_since()
        if echoes is None or echoes > START:
            which = "that were trimmed" if echoes is None else f"before entry {echoes}, trimmed by an older program,"
            found.append(
                f"rows {which} that repeat a time of their tag (Bad with an old time, good-Bad-good) are not told"
            )
        return found


def _note_time(said: Said, entry: Entry) -> None:
    now_ns = getattr(entry, "now_ns", None)
    if isinstance(entry, ConfigurationActivated):
        now_ns = entry.at_ns
    if isinstance(now_ns, int):
        said.first_ns = now_ns if said.first_ns is None else said.first_ns
        said.last_ns = max(said.last_ns, now_ns)


class Written(Protocol):
    """The records, as a comparison needs them."""

    def cursor_of(self, name: str) -> Position:
        """Where a follower stands."""
        ...

    def written_versions(self) -> Iterable[Finding]:
        """Every version of every finding, in the order of writing."""
        ...

    def transitions(self, alarm: str | None, limit: int, after: str | None = None) -> Sequence[Transition]:
        """The newest transitions, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when is compared, by the time of the evidence; None: from the first, to the last."""

    start_ns: int | None = None
    end_ns: int | None = None

    def has(self, at_ns: int) -> bool:
        """Whether a time lies in it."""
        return (self.start_ns is None or at_ns >= self.start_ns) and (self.end_ns is None or at_ns < self.end_ns)

    def touches(self, finding: Finding) -> bool:
        """Whether a finding overlaps it."""
        ended = self.start_ns is not None and finding.end_ns is not None and finding.end_ns < self.start_ns
        return not ended and (self.end_ns is None or finding.onset_ns < self.end_ns)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same: what was written and what the replay says; None: not there."""

    what: str  # finding | transition
    id: str
    written: str | None
    replayed: str | None


def judged_through(records: Written) -> Position:
    """How far the judge has come, so that what it wrote can be compared."""
    return records.cursor_of(NAME)


def compared(said: Said, records: Written, span: Span, *, alarms: bool) -> tuple[int, list[Difference]]:
    """How many versions and transitions were compared, and which differ."""
    written = {
        f"{each.id} v{each.version}": asdict(each)
        for each in records.written_versions()
        if span.has(each.at_ns) and not is_of_the_service(each.rule)
    }
    replayed = {f"{each.id} v{each.version}": asdict(each) for each in said.findings.values() if span.has(each.at_ns)}
    count, differences = _differences("finding", written, replayed)
    if alarms:
        told = {
            each.id: asdict(each)
            for each in records.transitions(None, _MOST_TRANSITIONS)
            if span.has(each.at_ns) and not is_of_the_service(each.rule)
        }
        again = {id_: asdict(each) for id_, each in said.transitions.items() if span.has(each.at_ns)}
        more, others = _differences("transition", told, again)
        count, differences = count + more, differences + others
    return count, differences


def _differences(
    what: str, written: Mapping[str, dict[str, object]], replayed: Mapping[str, dict[str, object]]
) -> tuple[int, list[Difference]]:
    every = {**written, **replayed}
    different = [id_ for id_ in every if _told(written.get(id_)) != _told(replayed.get(id_))]
    return len(every), [
        Difference(what, id_, _message(written.get(id_)), _message(replayed.get(id_))) for id_ in different
    ]


def _told(one: Mapping[str, object] | None) -> object:
    """A version for comparing, without which detectors judged: that is told once, of all."""
    if one is None:
        return None
    evidence = cast("Mapping[str, object]", one.get("evidence") or {})
    return {**one, "evidence": {name: value for name, value in evidence.items() if name != "detector"}}


def detectors_of(versions: Iterable[Finding], span: Span) -> list[str]:
    """The hashes of the detectors that judged within a span, as the findings name them."""
    return sorted(
        {str(each.evidence["detector"]) for each in versions if span.touches(each) and each.evidence.get("detector")}
    )


def _message(one: Mapping[str, object] | None) -> str | None:
    return None if one is None else f"{one.get('stage', one.get('what'))}: {one['message']}"


@dataclass(frozen=True, slots=True)
class Change:
    """What another configuration makes of one finding: `added`, `gone` or `changed`."""

    kind: str
    finding: Finding  # by the new configuration; where it is gone, the old one
    before: Finding | None
    priority: Priority


def changes(
    before: Iterable[Finding], after: Iterable[Finding], rulebook: Rulebook, span: Span, was: Rulebook | None = None
) -> tuple[int, list[Change]]:
    """How many findings were compared, and what would have been said otherwise; of the newest versions, by time.

    `was`: the rulebook before, which says how severe what is gone was.
    """
    old = _standing(before, span)
    found: list[Change] = []
    new = _standing(after, span)
    count = len({each.id for each in (*old, *new)})
    for finding in new:
        known = next((each for each in old if _alike(each, finding)), None)
        if known is not None:
            old.remove(known)
        if known is None or (known.onset_ns, known.end_ns, _peak(known)) != (
            finding.onset_ns,
            finding.end_ns,
            _peak(finding),
        ):
            kind = "added" if known is None else "changed"
            found.append(Change(kind, finding, known, step_for(rulebook, finding).rule.priority))
    found += [Change("gone", each, each, step_for(was or rulebook, each).rule.priority) for each in old]
    return count, sorted(found, key=lambda each: (each.finding.onset_ns, each.finding.rule, each.finding.subject))


def _standing(versions: Iterable[Finding], span: Span) -> list[Finding]:
    newest: dict[str, Finding] = {}
    for each in versions:
        if each.id not in newest or newest[each.id].version < each.version:
            newest[each.id] = each
    return [
        each
        for each in newest.values()
        if span.touches(each) and "withdrawn" not in each.evidence and not is_of_the_service(each.rule)
    ]


def _alike(one: Finding, other: Finding) -> bool:
    if (one.rule, one.subject, one.phase_instance) != (other.rule, other.subject, other.phase_instance):
        return False
    is_before = one.end_ns is not None and one.end_ns < other.onset_ns
    is_after = other.end_ns is not None and other.end_ns < one.onset_ns
    return not is_before and not is_after


def _peak(finding: Finding) -> object:
    return finding.evidence.get("peak")
