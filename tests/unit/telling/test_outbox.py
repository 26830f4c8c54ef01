"""The outbox loop on records in memory and channels written by hand."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest

from domain.alarms import Notice
from domain.errors import AskedToWait, MayHaveArrived, Refused, RetryLater
from domain.ports import Receipt
from domain.rules import Priority
from domain.time import HOUR_NS, MINUTE_NS
from service.telling.outbox import REPEATED, Outbox
from service.telling.patience import PERSISTENCE, Patience, Persistence
from tests.fake_records import MemoryRecords
from tests.patience import LIMIT_S

SOON = dict.fromkeys(Priority, Persistence(longest_s=0.05, give_up_s=LIMIT_S))
QUICK = Patience(first_s=0.01, deadline_s=5, poll_s=0.01, persistence=SOON)


def notice(id_: str = "a.1", channel: str = "leads") -> Notice:
    return Notice(f"{id_}@{channel}", channel, f"HIGH: {id_}", "R101.TT is high", id_, 1, Priority.HIGH)


class ScriptedChannel:
    """Does what the script says, one step per message; afterwards it takes everything."""

    def __init__(self, name: str, *script: Exception | threading.Event) -> None:
        self.name = name
        self.got: list[Notice] = []
        self._script: Iterator[Exception | threading.Event] = iter(script)

    def send(self, notice: Notice) -> Receipt:
        self.got.append(notice)
        step = next(self._script, None)
        if isinstance(step, threading.Event):
            step.wait(LIMIT_S)
        elif step is not None:
            raise step
        return Receipt("taken")


@asynccontextmanager
async def running(outbox: Outbox):
    task = asyncio.create_task(outbox.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - what is waited for lies in records and threads
            await asyncio.sleep(0.005)


def put(records: MemoryRecords, *notices: Notice) -> None:
    with records.unit_of_work() as work:
        work.notices(notices)


def state(records: MemoryRecords) -> dict[str, str]:
    return {each.id: state for each, state in records.notices(100)}


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


async def test_a_notice_is_sent_once_and_its_receipt_is_kept(records: MemoryRecords) -> None:
    channel = ScriptedChannel("leads")
    put(records, notice())
    outbox = Outbox(records, [channel], patience=QUICK)
    async with running(outbox):
        await until(lambda: state(records) == {"a.1@leads": "sent"})
        await asyncio.sleep(0.1)

    assert channel.got == [notice()]
    assert outbox.outcomes == {("leads", "sent"): 1}


async def test_waking_it_beats_the_poll(records: MemoryRecords) -> None:
    channel = ScriptedChannel("leads")
    slow = Patience(poll_s=LIMIT_S * 10)
    outbox = Outbox(records, [channel], patience=slow)
    async with running(outbox):
        await asyncio.sleep(0.05)
        put(records, notice())
        threading.Thread(target=outbox.wake).start()
        await until(lambda: len(channel.got) == 1)


async def test_it_ends_though_it_is_told_to_as_something_wakes_it(records: MemoryRecords) -> None:
    outbox = Outbox(records, [ScriptedChannel("leads")], patience=Patience(poll_s=LIMIT_S * 10))
    task = asyncio.create_task(outbox.run())
    await asyncio.sleep(0.1)
    outbox._wake_all()
    task.cancel()

    done, _ = await asyncio.wait([task], timeout=LIMIT_S)
    assert done == {task}


def test_waking_what_does_not_run_is_harmless(records: MemoryRecords) -> None:
    Outbox(records, []).wake()


async def test_a_server_that_is_away_gets_it_later_without_a_word_of_repetition(records: MemoryRecords) -> None:
    channel = ScriptedChannel("leads", RetryLater("refused"), RetryLater("refused"))
    put(records, notice())
    async with running(Outbox(records, [channel], patience=QUICK)):
        await until(lambda: state(records) == {"a.1@leads": "sent"})

    assert channel.got == [notice()] * 3


async def test_a_copy_of_what_may_have_arrived_says_so(records: MemoryRecords) -> None:
    channel = ScriptedChannel("leads", MayHaveArrived("no answer"), RetryLater("refused"))
    put(records, notice())
    async with running(Outbox(records, [channel], patience=QUICK)):
        await until(lambda: state(records) == {"a.1@leads": "sent"})

    first, *copies = channel.got
    assert REPEATED not in first.text
    assert [copy.text for copy in copies] == [f"{notice().text}\n{REPEATED}"] * 2


async def test_what_was_being_sent_when_the_program_died_is_uncertain_and_its_copy_says_so(
    records: MemoryRecords,
) -> None:
    put(records, notice())
    records.notices_begun(["a.1@leads"], again_ns=2**62)
    assert state(records) == {"a.1@leads": "uncertain"}
    channel = ScriptedChannel("leads")
    async with running(Outbox(records, [channel], patience=QUICK)):
        await until(lambda: state(records) == {"a.1@leads": "sent"})

    assert REPEATED in channel.got[0].text


async def test_it_is_uncertain_while_it_is_being_sent(records: MemoryRecords) -> None:
    answer = threading.Event()
    channel = ScriptedChannel("leads", answer)
    put(records, notice())
    async with running(Outbox(records, [channel], patience=QUICK)):
        await until(lambda: len(channel.got) == 1)
        assert state(records) == {"a.1@leads": "uncertain"}
        answer.set()
        await until(lambda: state(records) == {"a.1@leads": "sent"})


async def test_a_refusal_is_final_recorded_and_audited(records: MemoryRecords) -> None:
    channel = ScriptedChannel("leads", Refused("the mail server answered 550"))
    put(records, notice(), notice("b.1"))
    outbox = Outbox(records, [channel], patience=QUICK)
    async with running(outbox):
        await until(lambda: state(records) == {"a.1@leads": "dead", "b.1@leads": "sent"})

    assert "550" in records.list_audit(1)[0].entry.what
    assert outbox.outcomes["leads", "refused"] == 1


async def test_patience_ends_and_says_what_it_knows(records: MemoryRecords) -> None:
    away = ScriptedChannel("away", *(RetryLater("refused") for _ in range(999)))
    silent = ScriptedChannel("silent", MayHaveArrived("no answer"), *(RetryLater("refused") for _ in range(999)))
    put(records, notice("a.1", "away"), notice("a.1", "silent"))
    soon = replace(QUICK, persistence=dict.fromkeys(Priority, Persistence(longest_s=0.05, give_up_s=0.2)))
    outbox = Outbox(records, [away, silent], patience=soon)
    async with running(outbox):
        await until(lambda: records.waiting_channels() == [])

    assert state(records) == {"a.1@away": "dead", "a.1@silent": "dead"}
    told = {each.entry.subject: each.entry.what for each in records.list_audit(10)}
    assert {id_: "may have arrived" in what for id_, what in told.items()} == {"a.1@away": False, "a.1@silent": True}
    given_up = {each.labels: each.value for each in outbox.figures() if each.name == "thermowell_outbox_given_up_total"}
    assert given_up == {("away",): 1, ("silent",): 1}


async def test_what_is_tried_again_waits_no_longer_when_the_clock_is_set_back(
    records: MemoryRecords, caplog: pytest.LogCaptureFixture
) -> None:
    channel, wall_ns = ScriptedChannel("leads", RetryLater("refused")), [HOUR_NS]
    patience = replace(QUICK, first_s=60.0, persistence=PERSISTENCE)
    put(records, notice())
    outbox = Outbox(records, [channel], patience=patience, wall_ns=lambda: wall_ns[0])
    async with running(outbox):
        await until(lambda: "tried again later" in caplog.text)
        wall_ns[0] = 0
        await until(lambda: "set back by 3600 s" in caplog.text)
        wall_ns[0] = MINUTE_NS
        await until(lambda: state(records) == {"a.1@leads": "sent"})

    assert channel.got == [notice()] * 2


async def test_a_channel_that_hangs_stops_nobody_else_and_gets_nothing_more(records: MemoryRecords) -> None:
    for_ever = threading.Event()
    hanging, well = ScriptedChannel("hanging", for_ever), ScriptedChannel("well")
    patience = Patience(first_s=0.01, deadline_s=1.0, poll_s=0.01)  # a well channel is never so slow, even here
    put(records, *(notice(f"a{number}.1", name) for number in range(3) for name in ("hanging", "well")))
    outbox = Outbox(records, [hanging, well], patience=patience)
    async with running(outbox):
        await until(lambda: len(well.got) == 3)
        await until(lambda: outbox.outcomes["hanging", "uncertain"] == 1)
        await asyncio.sleep(0.2)
        assert len(hanging.got) == 1
        for_ever.set()
        await until(lambda: len(hanging.got) == 4)

    copies = [each for each in hanging.got if REPEATED in each.text]
    assert [copy.transition for copy in copies] == ["a0.1"]


async def test_a_fault_in_a_channel_loses_nothing(records: MemoryRecords) -> None:
    channel = ScriptedChannel("leads", ZeroDivisionError())
    put(records, notice())
    async with running(Outbox(records, [channel], patience=QUICK)):
        await until(lambda: state(records) == {"a.1@leads": "sent"})

    assert REPEATED in channel.got[1].text


async def test_a_flood_is_one_message_and_each_notice_counts_as_sent(records: MemoryRecords) -> None:
    channel = ScriptedChannel("leads")
    put(records, *(notice(f"a{number}.1") for number in range(40)))
    async with running(Outbox(records, [channel], patience=QUICK)):
        await until(lambda: records.notice_counts()["sent"] == 40)

    (digest,) = channel.got
    assert digest.title.startswith("40 messages in one")


async def test_a_notice_for_a_channel_that_is_configured_no_more_is_given_up_aloud(records: MemoryRecords) -> None:
    put(records, notice("a.1", "gone"))
    async with running(Outbox(records, [ScriptedChannel("leads")], patience=QUICK)):
        await until(lambda: state(records) == {"a.1@gone": "dead"})

    assert "gone" in records.list_audit(1)[0].entry.what


async def test_records_that_are_locked_for_a_while_stop_nothing(
    records: MemoryRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = ScriptedChannel("leads")
    look, calls = records.waiting_notices, count()

    def locked_at_first(*asked: object) -> object:
        if next(calls) < 3:
            raise RetryLater("locked")
        return look(*asked)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(records, "waiting_notices", locked_at_first)
    put(records, notice())
    async with running(Outbox(records, [channel], patience=QUICK)):
        await until(lambda: len(channel.got) == 1)


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [Patience().pause_ns(attempts, Priority.MEDIUM) / 1e9 for attempts in (1, 2, 3, 8, 100)]
    assert pauses == [5, 10, 20, 600, 600]


def test_the_worse_it_is_the_more_often_and_the_longer_it_is_tried() -> None:
    kept = [PERSISTENCE[priority] for priority in Priority]
    assert [each.longest_s for each in kept] == sorted(each.longest_s for each in kept)
    assert [each.give_up_s for each in kept] == sorted((each.give_up_s for each in kept), reverse=True)


async def test_attempts_that_never_left_count_as_no_messages(records: MemoryRecords) -> None:
    """However often a server was away, what comes then is told at once, and by itself."""
    channel = ScriptedChannel("leads", MayHaveArrived("no answer"), *(RetryLater("refused") for _ in range(20)))
    put(records, notice())
    wall_ns = count(10**18, 10**6)  # it never comes to the time of a digest
    at_once = replace(QUICK, persistence=dict.fromkeys(Priority, Persistence(longest_s=0.0, give_up_s=LIMIT_S)))
    async with running(Outbox(records, [channel], patience=at_once, wall_ns=lambda: next(wall_ns))):
        await until(lambda: records.notice_counts()["sent"] == 1)
        put(records, notice("b.1"))
        await until(lambda: records.notice_counts()["sent"] == 2)

    assert [each.transition for each in channel.got] == ["a.1"] * 22 + ["b.1"]


async def test_a_server_that_says_when_to_come_again_is_left_alone_until_then(records: MemoryRecords) -> None:
    asked_s = 3_600.0
    channel = ScriptedChannel("leads", AskedToWait("busy", asked_s))
    put(records, notice())
    slow = replace(QUICK, persistence=PERSISTENCE)
    now_ns = iter(range(10**18, 10**19, 1))
    outbox = Outbox(records, [channel], patience=slow, wall_ns=lambda: next(now_ns))
    async with running(outbox):
        await until(lambda: outbox.outcomes["leads", "retry"] == 1)
        await until(lambda: state(records) == {"a.1@leads": "pending"})

    longest_ns = round(PERSISTENCE[Priority.HIGH].longest_s * 1e9)
    assert records.waiting_notices(10**18 + longest_ns - 10**6) == []
