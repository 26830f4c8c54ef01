"""Recovery on a scripted server: what is fetched again, what becomes a gap, and when something is acknowledged."""

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from collector.opcua.link import READ_ONLY
from collector.opcua.settings import OpcUaSettings
from collector.opcua.source import OpcUaSource
from domain.entries import Gap, GapCause, SourceState
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from tests.patience import LIMIT_S
from tests.unit.collector.opcua.script import OVERFLOW, ScriptClock, ScriptLink, ScriptServer

TAGS = [Tag(TagId(i), f"uuid-{i}", 1, f"T{i}", "s", f"nsu=urn:t;s=T{i}") for i in range(3)]
SETTINGS = OpcUaSettings("s", "opc.tcp://script/", publishing_interval_ns=20_000_000, keep_alive_s=0.06)


class Reader:
    """Iterates a source and keeps what came; acknowledges at once, or when told."""

    def __init__(self, server: ScriptServer, state: str | None = None, *, acknowledge: bool = True) -> None:
        self.server = server
        self.link = ScriptLink(server)
        self.source = OpcUaSource(SETTINGS, TAGS, ScriptClock(), state, self.link)
        self.acknowledge = acknowledge
        self.deliveries = []
        self.skews: list[int | None] = []
        self.state = state

    async def read(self) -> None:
        async for delivery in self.source.deliveries():
            self.deliveries.append(delivery)
            self.skews.append(self.source.heartbeat(0).skew_ns)
            self.state = next((one.state for one in delivery.entries if isinstance(one, SourceState)), self.state)
            if self.acknowledge:
                delivery.acknowledge()

    @asynccontextmanager
    async def reading(self):
        task, cycles = asyncio.create_task(self.read()), asyncio.create_task(self.cycle())
        try:
            await self.until(lambda: self.server.subscriptions)
            yield self
        finally:
            for one in (task, cycles):
                one.cancel()
            await asyncio.gather(task, cycles, return_exceptions=True)

    async def cycle(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.server.publish()

    async def until(self, condition) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():  # noqa: ASYNC110  # the condition is the test's
                await asyncio.sleep(0.005)

    async def heard(self, value: float) -> None:
        await self.until(lambda: value in self.values())

    def values(self) -> list[float]:
        batches = [one for delivery in self.deliveries for one in delivery.entries if isinstance(one, SampleBatch)]
        return [value for batch in batches for value in batch.value.tolist()]

    def gaps(self) -> list[Gap]:
        newest = {one.id: one for delivery in self.deliveries for one in delivery.entries if isinstance(one, Gap)}
        return [gap for gap in newest.values() if gap.start_ns != gap.end_ns]


async def started(reader: Reader) -> None:
    await reader.until(lambda: all(len(one.handles) == 3 for one in reader.server.subscriptions.values()))
    reader.server.write(0, 1.0)
    await reader.heard(1.0)


async def test_what_was_sent_into_a_broken_connection_is_fetched_again_and_there_is_no_gap():
    reader = Reader(ScriptServer())
    async with reader.reading():
        await started(reader)
        reader.server.drop_messages = 1
        reader.server.write(0, 2.0)
        await reader.until(lambda: not reader.server.drop_messages)
        reader.link.cut()
        reader.server.write(0, 3.0)
        await reader.heard(3.0)

    assert reader.values() == [1.0, 2.0, 3.0]
    assert reader.gaps() == []


async def test_a_gap_opened_while_the_server_was_away_is_withdrawn_when_it_still_had_everything():
    reader = Reader(ScriptServer())
    async with reader.reading():
        await started(reader)
        reader.server.reachable = False
        reader.link.cut()
        await reader.until(reader.gaps)
        (opened,) = reader.gaps()
        reader.server.write(0, 2.0)
        reader.server.reachable = True
        await reader.heard(2.0)

    assert (opened.cause, opened.end_ns) == (GapCause.DISCONNECT, None)
    assert reader.gaps() == []


async def test_a_new_process_takes_the_subscription_over_and_the_stand_by_goes():
    server = ScriptServer()
    first = Reader(server)
    async with first.reading():
        await started(first)
    server.session_alive = False
    server.write(0, 2.0)
    second = Reader(server, first.state)
    async with second.reading():
        await second.heard(2.0)
        await second.until(lambda: len(server.subscriptions) == 1)

    assert "TransferSubscriptionsRequest" in server.asked
    assert second.values() == [2.0]
    assert second.gaps() == []


async def test_messages_that_are_sent_again_tell_nothing_of_the_servers_clock():
    server = ScriptServer()
    first = Reader(server)
    async with first.reading():
        await started(first)
        server.drop_messages, server.published_at = 1, datetime.now(UTC) - timedelta(seconds=9)
        server.write(0, 2.0)
        await first.until(lambda: not server.drop_messages)
        server.session_alive = False
    server.published_at = None
    second = Reader(server, first.state)
    async with second.reading():
        await second.heard(2.0)
        server.write(0, 3.0)
        await second.heard(3.0)

    assert second.values() == [2.0, 3.0]
    assert all(skew is None or abs(skew) < 4 * 10**9 for skew in second.skews)


async def test_a_server_that_is_mute_after_a_transfer_is_replaced_by_the_stand_by_without_further_loss():
    server = ScriptServer()
    first = Reader(server)
    async with first.reading():
        await started(first)
    server.session_alive, server.mute_after_transfer = False, True
    away = server.write(0, 2.0)
    second = Reader(server, first.state)
    async with second.reading():
        stand_by = max(server.subscriptions) + 1
        await second.until(
            lambda: stand_by in server.subscriptions and len(server.subscriptions[stand_by].handles) == 3
        )
        server.write(0, 3.0)
        await second.heard(3.0)

    (gap,) = second.gaps()
    assert second.values() == [3.0]
    assert gap.end_ns is not None
    assert gap.start_ns <= away <= gap.end_ns


async def test_another_run_of_the_server_is_never_asked_for_our_old_subscription():
    server = ScriptServer()
    first = Reader(server)
    async with first.reading():
        await started(first)
    server.restart()
    server.asked.clear()
    second = Reader(server, first.state)
    async with second.reading():
        await started(second)

    (gap,) = second.gaps()
    assert gap.cause is GapCause.STOPPED
    assert "TransferSubscriptionsRequest" not in server.asked


async def test_a_message_that_is_gone_becomes_a_gap_between_its_neighbours():
    reader = Reader(ScriptServer())
    async with reader.reading():
        await started(reader)
        reader.server.drop_messages = 1
        lost_ns = reader.server.write(0, 2.0)
        await reader.until(lambda: not reader.server.drop_messages)
        for subscription in reader.server.subscriptions.values():
            subscription.sent.clear()
        reader.server.write(0, 3.0)
        await reader.heard(3.0)

    (gap,) = reader.gaps()
    assert gap.cause is GapCause.SEQUENCE
    assert gap.end_ns is not None
    assert gap.start_ns <= lost_ns <= gap.end_ns


async def test_the_overflow_bit_becomes_a_gap_of_its_tag_that_ends_at_the_row():
    reader = Reader(ScriptServer())
    async with reader.reading():
        await started(reader)
        at_ns = reader.server.write(1, 2.0, OVERFLOW)
        await reader.heard(2.0)

    (gap,) = reader.gaps()
    assert (gap.cause, gap.tag, gap.end_ns) == (GapCause.OVERFLOW, 1, at_ns)
    assert gap.start_ns < at_ns


async def test_missing_keep_alives_end_a_subscription_though_the_session_lives():
    reader = Reader(ScriptServer())
    async with reader.reading():
        await started(reader)
        (dead,) = reader.server.subscriptions
        reader.server.subscriptions[dead].mute = True
        await reader.until(lambda: dead not in reader.server.subscriptions)
        await reader.until(lambda: reader.server.subscriptions)
        await reader.until(reader.gaps)

    (gap,) = reader.gaps()
    assert (gap.cause, gap.end_ns is not None) == (GapCause.DISCONNECT, True)


async def test_nothing_is_acknowledged_before_it_is_durable_and_any_thread_may_say_so():
    reader = Reader(ScriptServer(), acknowledge=False)
    async with reader.reading():
        await started(reader)
        reader.server.write(0, 2.0)
        await reader.heard(2.0)
        await asyncio.sleep(0.1)
        before = list(reader.server.acknowledged)
        thread = threading.Thread(target=lambda: [delivery.acknowledge() for delivery in reader.deliveries])
        thread.start()
        thread.join(5)
        await reader.until(lambda: len(reader.server.acknowledged) == 2)

    assert before == []
    assert [sequence for _, sequence in reader.server.acknowledged] == [1, 2]


async def test_items_are_created_in_smaller_batches_where_the_server_finds_them_too_large():
    server = ScriptServer()
    server.most_items = 1
    reader = Reader(server)
    async with reader.reading():
        await started(reader)

    assert server.asked.count("CreateMonitoredItemsRequest") == 4


async def test_a_restart_with_an_unknown_node_keeps_the_rest_and_reports_it():
    server = ScriptServer()
    server.unknown = {"T2"}
    reader = Reader(server)
    async with reader.reading():
        await reader.until(lambda: any(len(one.handles) == 2 for one in server.subscriptions.values()))
        server.write(0, 1.0)
        await reader.heard(1.0)
        detail = reader.source.heartbeat(1).detail

    (gap,) = reader.gaps()
    assert detail == "1 of 3 nodes do not report: T2 (BadNodeIdUnknown)"
    assert (gap.tag, gap.end_ns) == (2, None)


@pytest.mark.parametrize("fault", ["cut", "restart", "session"])
async def test_whatever_happens_only_reading_requests_leave(fault):
    server = ScriptServer()
    reader = Reader(server)
    async with reader.reading():
        await started(reader)
        if fault == "restart":
            server.restart()
        server.session_alive = fault == "cut"
        reader.link.cut()
        await reader.until(lambda: server.subscriptions)
        await reader.until(lambda: any(one.handles for one in server.subscriptions.values()))
        server.write(0, 5.0)
        await reader.heard(5.0)

    assert set(server.asked) <= READ_ONLY
