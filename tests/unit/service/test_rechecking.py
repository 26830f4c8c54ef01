"""Late rows judged again by the service: once each, never two at once, rows as of their place."""

import asyncio
from collections.abc import Sequence

import numpy as np

from alarms.book import AlarmBook
from detectors.bank import Bank
from domain.entries import Entry, Heartbeat, Position, Rejudge
from domain.findings import Finding, Recheck, Stage
from domain.ports import Rows
from domain.rules import Rulebook
from historian.memory import MemoryStore
from service.judging import Judge
from service.rechecking import AGAIN_AFTER_S, Rechecker, Record
from tests.fake_records import MemoryRecords
from tests.fakes import MemoryJournal
from tests.unit.detectors.plant import LT, TAGS, at, batch, rulebook


class Reader:
    """A journal as other threads read it."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    def read(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, Entry]]:
        chosen = self.entries[after : after + limit]
        return [(Position(after + 1 + number), entry) for number, entry in enumerate(chosen)]


class Service:
    """The judge beside a store that is a little behind."""

    def __init__(self, rules: Rulebook | None = None, behind: int = 2) -> None:
        self.rules = rules or rulebook()
        self.entries: list[Entry] = []
        self.store = MemoryStore()
        self.records = MemoryRecords(wall_ns=lambda: 0)
        self.behind = behind
        self.begin()

    def begin(self) -> None:
        book = AlarmBook.rebuilt(self.rules, self.records.newest_transitions(), self.records.open_findings())
        self.judge = Judge(MemoryJournal(), self.records, Bank(self.rules, TAGS), book, lambda _: (), lambda _: None)
        record = Record(self.store, Reader(self.entries), lambda: Position(max(0, len(self.entries) - self.behind)))  # type: ignore[arg-type]
        self.judge.rows_as_of = record.as_of

    def put(self, *entries: Entry) -> None:
        for entry in entries:
            self.entries.append(entry)
            stored = len(self.entries) - self.behind
            if stored > 0 and hasattr(self.entries[stored - 1], "value"):
                self.store.write(Position(stored), self.entries[stored - 1])  # type: ignore[arg-type]
            self.judge._take(Position(len(self.entries)), entry, False)

    def beat(self, seconds: float) -> None:
        self.put(Heartbeat("train1", at(seconds), connected=True))

    def answer(self) -> None:
        for asked in self.judge.asked:
            self.put(Rejudge(asked.tag, asked.start_ns, asked.end_ns))

    def found(self) -> list[Finding]:
        return [each for each in self.records._newest_findings() if each.rule == "fixed.high"]


def test_the_answer_is_a_new_version_of_the_excursion():
    service = Service()
    service.put(*(batch([(LT, second, value)]) for second, value in ((0, 8.0), (60, 10.0), (120, 8.0), (30, 10.0))))
    service.beat(200)

    service.answer()

    (found,) = service.found()
    assert (found.version, found.onset_ns) == (3, at(15))
    assert service.judge.asked == []


def test_rows_that_the_store_has_not_taken_yet_count():
    near, far = Service(behind=0), Service(behind=6)
    for service in (near, far):
        rows = ((0, 8.0), (60, 10.0), (120, 8.0), (30, 10.0))
        service.put(*(batch([(LT, second, value)]) for second, value in rows))
        service.beat(200)
        service.answer()

    assert near.found() == far.found()


def test_a_crash_between_question_and_answer_and_after_it_says_everything_once():
    whole = Service()
    rows = ((0, 8.0), (60, 10.0), (120, 8.0), (180, 10.0), (30, 10.0), (150, 10.0))
    whole.put(*(batch([(LT, second, value)]) for second, value in rows))
    whole.beat(200)
    whole.answer()
    whole.put(batch([(LT, 240, 8.0)]))

    for written in range(len(whole.entries) + 1):
        other = Service()
        for number, entry in enumerate(whole.entries, start=1):
            other.put(entry)
            if number == written:
                other.begin()  # the state is gone; everything is folded again, and written already
                for again, known in enumerate(other.entries, start=1):
                    other.judge._take(Position(again), known, True)

        assert other.records._decided.findings == whole.records._decided.findings
        assert other.records._decided.transitions == whole.records._decided.transitions


def found_late(late_excursions: str) -> Service:
    service = Service(rulebook(late_excursions=late_excursions))
    service.put(*(batch([(LT, second, value)]) for second, value in ((0, 8.0), (120, 8.0), (60, 10.0))))
    service.beat(200)
    service.answer()
    assert [each.stage for each in service.found()] == [Stage.CLEARED]
    return service


def test_people_hear_of_an_excursion_that_is_found_late_and_over():
    told = found_late("alarm").records.transitions(None, 10)

    assert [each.what for each in reversed(told) if each.rule == "fixed.high"] == ["activated", "returned"]


def test_where_so_configured_it_is_an_event():
    told = found_late("event").records.transitions(None, 10)

    assert [each for each in told if each.rule == "fixed.high"] == []


def test_an_alarm_of_an_excursion_that_was_none_returns_to_normal():
    service = Service()
    service.put(*(batch([(LT, second, value)]) for second, value in ((0, 8.0), (60, 10.0))))
    assert [each.facts.active for each in service.records.alarms()] == [True]
    service.put(batch([(LT, 60, 10.0), (LT, 61, 8.0)]), batch([(LT, 90, 10.0)]), batch([(LT, 60, 8.0), (LT, 90, 8.0)]))
    service.beat(200)
    service.put(batch([(LT, 90, 8.5)]))
    service.beat(201)

    service.answer()

    assert [each for each in service.records.alarms() if each.facts.active] == []


def test_the_record_gives_each_row_once_with_the_last_proven_one_before():
    store = MemoryStore()
    entries = [batch([(LT, 0, 8.0)]), batch([(LT, 10, float("nan"))]), batch([(LT, 20, 9.0)]), batch([(LT, 20, 9.0)])]
    for number, entry in enumerate(entries[:3], start=1):
        store.write(Position(number), entry)
    record = Record(store, Reader(entries), lambda: Position(1))  # type: ignore[arg-type]

    rows: Rows = record.as_of(Position(4))(LT, at(15), at(30))

    assert rows.time_ns.tolist() == [at(0), at(10), at(20)]
    assert rows.entry.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(rows.value, [8.0, np.nan, 9.0])


class Asking:
    """A judge that is asked, and takes some time."""

    def __init__(self) -> None:
        self.position = Position(0)
        self.asked: Sequence[Recheck] = (Recheck(1, 0, 5), Recheck(2, 0, 5))
        self.rejudging_s = 0.0
        self.answers: list[Entry] = []

    async def append(self, *entries: Entry) -> Position:
        self.answers += entries
        return Position(self.position + 1)


def test_one_tag_is_answered_at_a_time_and_none_again_within_a_minute():
    judge, now_s = Asking(), [0.0]
    rechecker = Rechecker(judge, judge, lambda: now_s[0])
    look = lambda: asyncio.run(rechecker._look())  # noqa: E731

    look()
    look()
    assert judge.answers == [Rejudge(1, 0, 5)]  # the judge has not come to it
    judge.position = Position(1)
    judge.rejudging_s = 0.3
    assert look() > 1.0  # live data have the judge to themselves
    look()
    judge.position = Position(2)
    look()
    assert judge.answers == [Rejudge(1, 0, 5), Rejudge(2, 0, 5)]
    now_s[0] = AGAIN_AFTER_S + 1
    look()

    assert judge.answers[2:] == [Rejudge(1, 0, 5)]
