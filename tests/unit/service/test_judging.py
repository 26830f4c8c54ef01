"""The detection follower across restarts: as if it had never stopped, or judging anew where the rules changed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from alarms.book import AlarmBook
from detectors.bank import Bank
from detectors.health.silence import SourceLimits
from domain.alarms import Transition
from domain.entries import Entry, Heartbeat, Position
from domain.findings import Finding, PhaseRecord, Stage
from domain.rules import Rulebook
from service.judging import NAME, Judge
from service.verdicts import source_limits
from tests.fake_records import MemoryRecords
from tests.fakes import MemoryJournal
from tests.patience import LIMIT_S
from tests.unit.detectors.plant import BATCH as BATCH_TAG
from tests.unit.detectors.plant import (
    HOLDS,
    HOUR,
    IN,
    PT,
    R101,
    RECIPE,
    SECOND,
    STEP,
    T201,
    TAGS,
    TT,
    at,
    batch,
    ranges,
    rulebook,
    texts,
)
from tests.unit.detectors.streams import stream

H = HOUR / SECOND


class _Crash(Exception):
    """The process ends here."""


class CrashingRecords(MemoryRecords):
    """Records whose process ends before or after its next commit but so many."""

    crash: tuple[str, int] | None = None

    @contextlib.contextmanager
    def unit_of_work(self):
        crash = self.crash
        if crash is not None:
            self.crash = (crash[0], crash[1] - 1) if crash[1] else None
        with super().unit_of_work() as work:
            yield work
            if crash == ("before", 0):
                raise _Crash
        if crash == ("after", 0):
            raise _Crash


class Core:
    """A journal and records that outlive the judges which follow them one after the other."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.records = CrashingRecords(wall_ns=lambda: 0)
        self.written: list[Entry] = []
        self.bank: Bank | None = None

    def put(self, *entries: Entry) -> None:
        self.written += entries
        asyncio.run(self.journal.append(*entries))

    def beats(self, seconds: float) -> None:
        self.put(Heartbeat("train1", at(seconds), connected=True))

    def run(self, rules: Rulebook, *, until: int | None = None) -> Judge:
        """Let a judge of these rules follow up to an entry (the last one), then stop without a word."""
        return asyncio.run(self._run(rules, len(self.written) if until is None else until))

    async def _run(self, rules: Rulebook, until: int) -> Judge:
        judged = self.written[: self.records.cursor_of("judging")]
        beats = [entry.now_ns for entry in judged if isinstance(entry, Heartbeat)]
        last_beat_ns = max(beats, default=0)
        book = AlarmBook.rebuilt(rules, self.records.newest_transitions(), self.records.open_findings(), last_beat_ns)
        self.bank = Bank(rules, TAGS)
        done = asyncio.Event()

        judge = Judge(
            _Until(self.journal, until, done),  # type: ignore[arg-type]  # it only follows
            self.records,
            self.bank,
            book,
            lambda _: (),
            lambda _: None,
            last_beat_ns,
        )
        following = asyncio.create_task(judge.run())
        waiting = asyncio.create_task(done.wait())
        await asyncio.wait({following, waiting}, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        failed = following.done()
        for task in (following, waiting):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        assert failed or done.is_set()
        return judge

    def open(self) -> list[Finding]:
        return [each for each in self.records.open_findings() if each.stage is not Stage.CLEARED]

    def said(self) -> list[Finding]:
        every = self.records.list_findings(None, None, None, 10_000)
        return [version for each in every for version in self.records.finding_versions(each.id)]

    def active(self) -> list[str]:
        return [each.alarm for each in self.records.alarms() if each.facts.active]

    def runs(self) -> list[PhaseRecord]:
        return list(self.records.list_phases(None, None, None, 1000))


class _Until:
    """A journal that tells when the follower asks for what comes after an entry, and gives no more."""

    def __init__(self, journal: MemoryJournal, until: int, done: asyncio.Event) -> None:
        self._journal, self._until, self._done = journal, until, done

    async def follow(self, after: Position) -> AsyncIterator[tuple[Position, Entry]]:
        if after < self._until:
            async for position, entry in self._journal.follow(after):
                yield position, entry
                if position >= self._until:
                    break
        self._done.set()
        await asyncio.sleep(LIMIT_S)


def with_limits(nor_high: float = 62.0, hold_hours: int = 72, **changed: object) -> Rulebook:
    """The rules after an edit."""
    dose = replace(RECIPE.phases["dose"], parameters={"TT": ranges((58.0, nor_high), (40.0, 80.0))}, duration=None)
    crude = replace(HOLDS["crude"], limit_ns=hold_hours * HOUR)
    made: dict[str, object] = {
        "recipes": {"API-1": replace(RECIPE, version=8, phases={**RECIPE.phases, "dose": dose})},
        "holds": {"crude": crude},
        "tags": {},
        "hash": f"rules {nor_high} {hold_hours}",
    }
    return rulebook(**{**made, **changed})


def in_phase() -> Core:
    """R101 doses at a temperature above NOR, and material waits in T201 since 0."""
    core = Core()
    core.put(
        batch([(IN, -60, 0.0)]),
        batch([(IN, 0, 1.0)]),
        texts([(BATCH_TAG, 0, "B-17")]),
        batch([(STEP, 0, 20)]),
        batch([(PT, 6, 0.1)]),
        batch([(TT, 10, 60.0)]),
        batch([(TT, 20, 63.0)]),
    )
    core.beats(64 * H)
    return core


def as_told(core: Core) -> tuple[list[Finding], list[Transition], list[PhaseRecord]]:
    return core.said(), list(core.records.transitions(None, 10_000)), core.runs()


@pytest.mark.parametrize("stop", [0, 1, 25, 59])
def test_a_restart_without_a_change_equals_never_having_stopped(stop):
    straight, stopped = Core(), Core()
    for core in (straight, stopped):
        core.put(*stream(5, 60))

    straight.run(rulebook())
    stopped.run(rulebook(), until=stop)
    stopped.run(rulebook())

    assert as_told(stopped) == as_told(straight)


def test_a_phase_and_its_batch_survive_a_change_of_the_rules():
    core = in_phase()
    core.run(with_limits())
    core.put(batch([(TT, 30, 63.0)]))
    core.run(with_limits(nor_high=62.5))

    (found,) = [each for each in core.open() if each.rule == "excursion.nor.high"]
    assert (found.batch, found.phase_instance, found.rules_hash) == ("B-17", "R101/B-17/dose-1", "rules 62.5 72")
    assert [(each.instance, each.end_ns) for each in core.runs()] == [("R101/B-17/dose-1", None)]


def test_what_other_rules_left_open_is_cleared_once_and_its_alarm_returns():
    core = in_phase()
    core.run(with_limits())
    assert core.active() == ["crude~hold", "R101.TT~high"]
    (before,) = [each for each in core.open() if each.rule == "excursion.nor.high"]

    core.put(batch([(TT, 30, 63.0)]))
    core.run(with_limits(nor_high=70.0))
    core.beats(64 * H + 1)
    core.run(with_limits(nor_high=70.0))

    versions = core.records.finding_versions(before.id)
    assert [(each.version, each.stage) for each in versions] == [(1, "open"), (2, "cleared")]
    assert versions[-1].message == "R101.TT: the rules changed; it is judged anew."
    assert (versions[-1].at_ns, versions[-1].end_ns) == (at(64 * H), at(64 * H))
    assert core.active() == ["crude~hold"]


def test_a_hold_that_nobody_edited_keeps_its_alarm():
    core = in_phase()
    core.run(with_limits())
    before = [each for each in core.open() if each.rule == "hold.warning"]
    core.beats(64 * H + 1)
    core.run(with_limits(nor_high=70.0))

    assert [each for each in core.open() if each.rule == "hold.warning"] == before
    assert [each.what for each in core.records.transitions("crude~hold", 10)] == ["activated"]


def test_a_hold_is_announced_under_its_new_limit_though_no_row_arrives():
    core = in_phase()
    core.run(with_limits())
    core.beats(64 * H + 1)
    core.run(with_limits(hold_hours=48))

    (breach,) = [each for each in core.open() if each.subject == "crude"]
    assert (breach.rule, breach.evidence["limit_ns"]) == ("hold.breach", 48 * HOUR)


def test_what_is_gone_from_the_rules_is_closed_without_error():
    core = in_phase()
    core.run(with_limits())
    core.beats(64 * H + 1)
    core.run(rulebook(units={}, holds={}, recipes={}, tags={}, hash="nothing"))

    assert core.open() == []
    assert core.active() == []


def test_what_the_replay_under_new_rules_opens_is_told_when_it_lasts():
    """The newest snapshot is older than the cursor; the excursion by the new rules begins between the two."""
    core = in_phase()
    core.run(with_limits(nor_high=70.0), until=4)
    older = core.records.snapshot_of(NAME)
    assert older is not None
    core.run(with_limits(nor_high=70.0))
    with core.records.unit_of_work() as work:
        work.snapshot(NAME, *older)
        work.cursor(NAME, Position(8))

    core.put(batch([(TT, 30, 63.0)]))
    core.beats(64 * H + 1)
    core.run(with_limits(hold_hours=66))

    assert sorted((each.rule, each.detected.entry) for each in core.open()) == [
        ("excursion.nor.high", 9),
        ("hold.warning", 10),
    ]
    assert [(each.instance, each.end_ns) for each in core.runs()] == [("R101/B-17/dose-1", None)]


def test_a_phase_that_begins_in_the_replay_under_new_rules_is_recorded():
    core = in_phase()
    core.run(with_limits(), until=5)
    core.run(with_limits(), until=6)
    older = core.records.snapshot_of(NAME)
    assert older is not None
    core.run(with_limits())
    with core.records.unit_of_work() as work:
        work.snapshot(NAME, *older)
        work.cursor(NAME, Position(8))

    core.put(batch([(TT, 30, 63.0)]))
    renamed = replace(R101, phase_map={**R101.phase_map, "20": "cool"})
    core.run(with_limits(units={"R101": renamed, "T201": T201}, hash="renamed"))

    assert older[0] == 6
    assert [(each.instance, each.start_ns, each.end_ns) for each in core.runs()] == [
        ("R101/B-17/cool-1", at(10), None),
        ("R101/B-17/dose-1", at(0), at(10)),
    ]


@pytest.mark.parametrize(("when", "commits"), [("before", (0, 1, 1)), ("after", (0, 0, 0))])
def test_a_crash_at_any_commit_of_the_change_gives_the_same(when, commits):
    once, crashed = in_phase(), in_phase()
    for core in (once, crashed):
        core.run(with_limits())
        core.put(batch([(TT, 30, 63.0)]))
        core.beats(64 * H + 1)
    once.run(with_limits(nor_high=62.5, hold_hours=48))

    for number in commits:
        crashed.records.crash = (when, number)
        with pytest.raises(_Crash):
            crashed.run(with_limits(nor_high=62.5, hold_hours=48))
    crashed.run(with_limits(nor_high=62.5, hold_hours=48))

    assert as_told(crashed) == as_told(once)


def test_rules_may_change_back():
    core = in_phase()
    core.run(with_limits())
    core.put(batch([(TT, 30, 63.0)]))
    core.run(with_limits(nor_high=70.0))
    core.put(batch([(TT, 40, 63.0)]))
    core.run(with_limits())

    again = [each for each in core.said() if each.rule == "excursion.nor.high"]
    assert [(each.version, each.stage) for each in again] == [(1, "open"), (1, "open"), (2, "cleared")]
    assert sorted(core.active()) == ["R101.TT~high", "crude~hold"]


def test_a_damaged_snapshot_is_logged_and_the_detectors_start_afresh(caplog):
    core = in_phase()
    core.run(with_limits())
    before = as_told(core)
    kept = core.records.snapshot_of(NAME)
    assert kept is not None
    with core.records.unit_of_work() as work:
        work.snapshot(NAME, kept[0], kept[1][:-1])
    core.put(batch([(TT, 30, 60.0)]))

    with caplog.at_level(logging.ERROR):
        judge = core.run(with_limits())

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert judge.position == 9
    assert as_told(core) == before


def test_on_a_faster_plant_a_source_may_be_silent_for_as_long_on_the_wall():
    assert source_limits(1.0) == SourceLimits(ahead_ns=1800 * SECOND)
    assert source_limits(600.0) == SourceLimits(6000 * SECOND, 1200 * SECOND, 600 * 1800 * SECOND)
