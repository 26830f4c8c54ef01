"""A batch with an excursion, a gap, a finding of a hold, alarms and late rows, in real records and a journal by hand."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

from domain.alarms import AlarmFacts, Transition
from domain.batch_report import Disposition
from domain.entries import ConfigurationActivated, Entry, Gap, GapCause, Position, RowPosition, TagDefined
from domain.findings import Finding, FindingId, PhaseRecord, Stage
from domain.review import ReviewRules
from domain.rules import Priority
from historian.memory import MemoryStore
from records.database import SqlRecords
from service.review.making import Reports
from tests.unit.detectors.plant import SECOND, TAGS, TT, at, batch, rulebook

BATCH = "B-17"
INSTANCE = "R101/B-17/dose-1"
EXCURSION = f"excursion.validated.high/R101.TT/{BATCH}/dose-1/3.0"


class ListedJournal:
    """The entries that stay for good, by hand; the clock stands where the newest position puts it."""

    def __init__(self) -> None:
        self.entries: list[tuple[Position, Entry]] = []

    def put(self, position: int, entry: Entry) -> None:
        self.entries.append((Position(position), entry))

    def lasting(self, wanted: type, through: int) -> list[tuple[Position, Entry]]:
        return [each for each in self.entries if isinstance(each[1], wanted) and each[0] <= through]

    def definitions(self, through: int) -> list[tuple[Position, TagDefined]]:
        return self.lasting(TagDefined, through)

    def tags(self) -> list[object]:
        return list(TAGS)

    def beat_before(self, through: int) -> int:
        return at(4 * 3600 + through)


@dataclass
class Reviewed:
    """The site, and what happens to it next."""

    records: SqlRecords
    journal: ListedJournal = field(default_factory=ListedJournal)
    history: MemoryStore = field(default_factory=MemoryStore)

    @property
    def reports(self) -> Reports:
        configuration = SimpleNamespace(site="plant", rulebook=rulebook(), review=ReviewRules())
        return Reports(configuration, self.records, self.journal, self.history)  # type: ignore[arg-type]

    def said(self, position: int, *findings: Finding, transitions: tuple[Transition, ...] = ()) -> None:
        with self.records.unit_of_work() as work:
            work.findings(findings)
            work.transitions(transitions)
            work.cursor("judging", Position(position))

    def rows(self, position: int, *rows: tuple[float, float]) -> None:
        self.history.write(Position(position), batch([(TT, time_s, value) for time_s, value in rows]))


def excursion(version: int = 1, **changes: object) -> Finding:
    made = Finding(
        FindingId(EXCURSION),
        version,
        "excursion.validated.high",
        "R101.TT",
        Stage.CLEARED,
        at(5000),
        at(5100),
        at(5100),
        RowPosition(Position(3), 0),
        "R101.TT was above the validated 65 degC for 100 s, at most 67 degC, in phase dose of batch B-17.",
        "R101",
        BATCH,
        "dose",
        INSTANCE,
        "API-1 v7",
        "0123456789abcdef",
        {"limit": 65.0, "peak": 67.0, "area": 2.0, "unit": "degC", "range": "validated", "dur_min_ns": 100 * SECOND},
    )
    return replace(made, **changes)


def alarm(number: int = 1, what: str = "activated", person: str = "", alarm_id: str = "R101.TT~high") -> Transition:
    facts = AlarmFacts(active=number == 1, acknowledged=what == "acknowledged")
    return Transition(
        f"{alarm_id}.{number}",
        alarm_id,
        number,
        at(5000 + number),
        what,
        facts,
        Priority.HIGH,
        "excursion.validated.high",
        "R101.TT",
        "high",
        "R101.TT is 66 °C",
        unit="R101",
        batch=BATCH,
        phase="dose",
        person=person,
        comment="seen" if person else "",
    )


def disposition(version: int = 1, item: str = EXCURSION, id_: str = "d1", person: str = "Ada") -> Disposition:
    return Disposition(
        id_, BATCH, item, version, "deviation opened", "jacket valve stuck", "DEV-2026-0042", person, "shift lead", 1
    )


def reviewed(folder: Path) -> Reviewed:
    """Four hours of dosing at 1/min, 100 s above the validated range, and a gap of twelve seconds."""
    site = Reviewed(SqlRecords.open(folder / "records.db", wall_ns=lambda: 1_800_000_000_000_000_000))
    for tag in TAGS:
        site.journal.put(1, TagDefined(tag, at(0)))
    site.journal.put(1, ConfigurationActivated(at(-60), "c" * 64, "", "0.1.0", simulated=False))
    site.journal.put(2, Gap("g1", "train1", None, at(9000), at(9012), GapCause.DISCONNECT, "cut"))
    level = {5040: 67.0, 5060: 67.0}
    site.rows(3, *((second, level.get(second, 60.0)) for second in range(0, 4 * 3600 + 61, 20)))
    with site.records.unit_of_work() as work:
        work.phases(
            [PhaseRecord(INSTANCE, "R101", BATCH, "dose", "API-1 v7", at(0), at(4 * 3600), RowPosition(Position(2), 0))]
        )
        work.findings([excursion()])
        work.transitions([alarm(), alarm(2, "acknowledged", "Ada")])
        work.cursor("judging", Position(10))
    return site
