"""What may be missing after an absence is told, as tightly as the broker's behaviour allows."""

import asyncio
from pathlib import Path

import pytest

from domain.entries import GapCause
from tests.acceptance.mqtt.broker import Mosquitto, Publisher, needs_mosquitto, publishing, running
from tests.acceptance.mqtt.collecting import collecting, point

pytestmark = needs_mosquitto


@pytest.fixture
def small_broker(tmp_path: Path):
    """A broker that keeps 100 messages for an absent client."""
    with running(tmp_path / "small", "max_queued_messages 100") as broker:
        yield broker


async def test_a_backlog_that_the_broker_can_keep_is_no_gap(small_broker: Mosquitto):
    with publishing(small_broker.port) as publisher:
        async with collecting(small_broker.port, broker_queue=100) as first:
            await first.until_subscribed()
            publisher.send("plant/a", point(0))
            await first.until(lambda: first.values(0))
        publisher.send("plant/a", *map(point, range(1, 80)))
        async with collecting(small_broker.port, first.state, broker_queue=100) as second:
            await second.until(lambda: len(second.values(0)) == 79)
            await asyncio.sleep(0.5)

    assert second.values(0) == list(range(1, 80))
    assert not second.gaps()
    assert '"absences"' not in str(second.state)


async def test_a_backlog_as_large_as_the_brokers_queue_is_a_possible_gap(small_broker: Mosquitto):
    with publishing(small_broker.port) as publisher:
        async with collecting(small_broker.port, broker_queue=100) as first:
            await first.until_subscribed()
            publisher.send("plant/a", point(0))
            await first.until(lambda: first.values(0))
            heard_ns = first.rows(0)[-1][1]
        publisher.send("plant/a", *map(point, range(1, 500)))
        async with collecting(small_broker.port, first.state, broker_queue=100) as second:
            await second.until(second.gaps)

    assert len(second.values(0)) < 499
    (gap,) = second.gaps()
    assert gap.cause == GapCause.POSSIBLE
    assert gap.start_ns >= heard_ns
    assert gap.end_ns is not None


async def test_qos_0_messages_are_not_kept_for_us_so_an_absence_is_a_possible_gap(
    broker: Mosquitto, publisher: Publisher
):
    async with collecting(broker.port) as first:
        await first.until_subscribed()
        publisher.send("plant/a", point(0), qos=0)
        await first.until(lambda: first.values(0))
    async with collecting(broker.port, first.state) as second:
        await second.until(second.gaps)

    assert [gap.cause for gap in second.gaps()] == [GapCause.POSSIBLE]


async def test_a_broker_that_kept_the_session_over_its_restart_loses_nothing_and_may_have(tmp_path: Path):
    with running(tmp_path / "kept", persistence=True) as broker:
        async with collecting(broker.port, reconnect_most_s=0.3) as collected:
            await collected.until_subscribed()
            collected.holds = True
            with publishing(broker.port) as publisher:
                publisher.send("plant/a", *map(point, range(50)))
            await collected.until(lambda: len(collected.values(0)) == 50)
            broker.stop()
            await collected.until(lambda: "refused" in collected.beat().detail)
            collected.acknowledge_held()  # their connection is gone: these acknowledgements must not be written
            collected.holds = False
            broker.start()
            await collected.until_subscribed()
            await collected.until(lambda: len(collected.values(0)) == 100)
            with publishing(broker.port) as publisher:
                publisher.send("plant/a", point(50))
            await collected.until(lambda: 50 in collected.values(0))

    assert collected.values(0) == [*range(50), *range(50), 50]
    assert [gap.cause for gap in collected.gaps()] == [GapCause.POSSIBLE]


async def test_a_session_begun_anew_unseen_is_found_out_by_its_missing_mark(broker: Mosquitto):
    async with collecting(broker.port) as first:
        await first.until_subscribed()
    broker.stop()
    broker.start()
    # Whoever connects under our client id begins the session anew; we shall be told 'session present' all the same.
    async with collecting(broker.port, topics=("elsewhere",)) as stranger:
        await stranger.until_subscribed()
    with publishing(broker.port) as publisher:
        publisher.send("plant/a", point(1))
    lost_mark = str(first.state)
    async with collecting(broker.port, topics=("elsewhere",), protocol="3.1.1") as unmarking:
        await unmarking.until_subscribed()
        unmarking.source._link._client.unsubscribe("thermowell/thermowell-test/session")
        await asyncio.sleep(0.2)
    async with collecting(broker.port, lost_mark) as second:
        await second.until(lambda: second.gaps() and second.gaps()[0].end_ns)

    assert [gap.cause for gap in second.gaps()] == [GapCause.STOPPED]


async def test_other_topics_are_subscribed_and_the_old_ones_left(broker: Mosquitto, publisher: Publisher):
    async with collecting(broker.port, topics=("plant/a",)) as first:
        await first.until_subscribed()
    async with collecting(broker.port, first.state, topics=("plant/b",)) as second:
        await second.until_subscribed()
        publisher.send("plant/a", point(1))
        publisher.send("plant/b", point(2))
        await second.until(second.values)

    assert second.values() == [2]
    assert not second.quarantined()


async def test_a_time_less_value_taken_before_a_cut_counts_once(tmp_path: Path):
    with running(tmp_path / "kept", persistence=True) as broker:
        async with collecting(broker.port, reconnect_most_s=0.3) as collected:
            await collected.until_subscribed()
            collected.holds = True
            with publishing(broker.port) as publisher:
                publisher.send("plant/bare", *["7"] * 20)
            await collected.until(lambda: len(collected.values(2)) == 20)
            broker.stop()
            await collected.until(lambda: not collected.beat().connected)
            broker.start()
            await collected.until(lambda: sum(delivery.redelivered for delivery in collected.deliveries) == 20)

    assert collected.values(2) == [7] * 20
    assert collected.counts_add_up
