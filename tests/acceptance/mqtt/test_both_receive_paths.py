"""What a source must do with a real broker, checked on both ways of receiving."""

import asyncio
import contextlib

import paho.mqtt.client as paho

from collector.mqtt.routes import Route
from domain.entries import GapCause
from domain.status import BAD_NO_DATA, TIME_FROM_RECEIPT
from tests.acceptance.mqtt.broker import Mosquitto, Publisher, needs_mosquitto
from tests.acceptance.mqtt.collecting import collecting, is_nan, point
from tests.patience import LIMIT_S

pytestmark = needs_mosquitto


async def test_every_message_arrives_once_and_in_order(broker: Mosquitto, publisher: Publisher, receive_path: str):
    async with collecting(broker.port, receive_path=receive_path) as collected:
        await collected.until_subscribed()
        await asyncio.to_thread(publisher.send, "plant/a", *map(point, range(2000)))
        await collected.until(lambda: len(collected.rows()) >= 2000)

    assert collected.values(0) == list(range(2000))
    assert collected.counts_add_up
    assert not collected.gaps()


async def test_what_is_not_acknowledged_comes_again_to_the_next_process(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path) as first:
        await first.until_subscribed()
        first.holds = True
        publisher.send("plant/a", *map(point, range(100)))
        await first.until(lambda: len(first.values(0)) == 100)
    async with collecting(broker.port, receive_path=receive_path) as second:
        await second.until(lambda: len(second.values(0)) == 100)

    assert second.values(0) == list(range(100))


async def test_what_is_acknowledged_does_not_come_again(broker: Mosquitto, publisher: Publisher, receive_path: str):
    async with collecting(broker.port, receive_path=receive_path) as first:
        await first.until_subscribed()
        publisher.send("plant/a", *map(point, range(100)))
        await first.until(lambda: len(first.values(0)) == 100)
    async with collecting(broker.port, first.state, receive_path=receive_path) as second:
        await second.until_subscribed()
        publisher.send("plant/a", point(1000))
        await second.until(lambda: second.values(0))

    assert second.values(0) == [1000]
    assert not second.gaps()


async def test_without_acknowledgements_the_broker_has_to_wait(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path, receive_maximum=20) as collected:
        await collected.until_subscribed()
        collected.holds = True
        publisher.send("plant/a", *map(point, range(500)))
        await collected.until(lambda: len(collected.values(0)) >= 20)
        await asyncio.sleep(0.3)
        taken = len(collected.values(0))
        collected.holds = False
        collected.acknowledge_held()
        await collected.until(lambda: len(set(collected.values(0))) == 500)

    assert taken <= 2 * 20 + 20  # mosquitto may overrun the window it was given
    assert collected.values(0) == list(range(500))


async def test_a_source_that_nobody_asks_stays_connected_and_stops_reading(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path, receive_maximum=20, keep_alive_s=1) as collected:
        await collected.until_subscribed()
        collected.asks.clear()
        for start in range(0, 300, 10):
            publisher.send("plant/a", *map(point, range(start, start + 10)))
        await asyncio.sleep(2.2)
        still_connected = collected.beat().connected
        collected.asks.set()
        await collected.until(lambda: len(collected.values(0)) >= 300)

    assert still_connected
    assert collected.values(0) == list(range(300))


async def test_malformed_payloads_are_quarantined_and_their_neighbours_kept(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path) as collected:
        await collected.until_subscribed()
        publisher.send("plant/a", point(1), "{broken", '{"t":1750000000000,"v":"12.5"}', b"\xff\xfe", "", point(2))
        publisher.send("plant/a", '{"t":1750000000000,"v":null}', point(3))
        await collected.until(lambda: 3 in collected.values(0))

    good = [value for value in collected.values(0) if not is_nan(value)]
    assert good == [1, 2, 3]
    assert [row[3] for row in collected.rows() if is_nan(row[2])] == [BAD_NO_DATA]
    reasons = [entry.reason for entry in collected.quarantined()]
    assert len(reasons) == 4
    assert all("plant/a" in reason for reason in reasons)
    assert sum("no JSON" in reason for reason in reasons) == 3
    assert sum("the text '12.5'" in reason for reason in reasons) == 1
    assert collected.counts_add_up


async def test_topics_without_a_tag_are_counted_not_dropped(broker: Mosquitto, publisher: Publisher, receive_path: str):
    async with collecting(broker.port, receive_path=receive_path) as first:
        await first.until_subscribed()
        publisher.send("plant/nobody", "1")
        await first.until(first.quarantined)
        publisher.send("plant/nobody", *["1"] * 49)
        publisher.send("plant/a", point(1))
        await first.until(lambda: first.values(0))

    assert [(entry.address, entry.count) for entry in first.quarantined()] == [("plant/nobody", 1)]
    assert '["plant/nobody","unrouted",49,' in str(first.state)
    assert first.counts_add_up


async def test_an_oversized_message_is_quarantined_and_acknowledged(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path, packet_most_bytes=200_000) as first:
        await first.until_subscribed()
        publisher.send("plant/a", point(1), b'{"v":"' + b"x" * 3_000_000 + b'"}', point(2))
        await first.until(lambda: 2 in first.values(0))
    async with collecting(broker.port, first.state, receive_path=receive_path) as second:
        await second.until_subscribed()
        publisher.send("plant/a", point(3))
        await second.until(lambda: second.values(0))

    assert [entry.address for entry in first.quarantined()] == ["plant/a"]
    assert "larger" in first.quarantined()[0].reason
    assert second.values(0) == [3]
    assert not second.quarantined()


async def test_a_message_without_time_gets_the_receipt_time_and_says_so(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path) as collected:
        await collected.until_subscribed()
        publisher.send("plant/bare", *["7"] * 30)
        await collected.until(lambda: len(collected.rows(2)) == 30)

    rows = collected.rows(2)
    assert len({row[1] for row in rows}) == 30
    assert {row[3] for row in rows} == {TIME_FROM_RECEIPT}


async def test_a_retained_message_counts_only_with_a_time_of_its_own(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    publisher.send("plant/a", point(5), retain=True)
    publisher.send("plant/bare", "9", retain=True)
    async with collecting(broker.port, receive_path=receive_path) as collected:
        await collected.until(lambda: collected.values(0) and collected.quarantined())

    assert collected.values() == [5]
    assert "retained without time" in collected.quarantined()[0].reason


def take_the_session_away(broker: Mosquitto) -> None:
    """Somebody else connects by our name and wants a clean session; what the broker keeps of topics stays."""
    intruder = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="thermowell-test")
    intruder.connect("127.0.0.1", broker.port)
    intruder.loop_start()
    with contextlib.suppress(ValueError, RuntimeError):
        intruder.publish("plant/nobody", "x", 1).wait_for_publish(LIMIT_S)  # by then the broker has taken it
    intruder.disconnect()
    intruder.loop_stop()


async def test_a_state_that_the_broker_kept_is_known_at_the_start_and_counted_once(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    """A service that starts in the middle of a phase; then its session is lost under it, and while it is away."""
    ways = {
        "routes": (Route(0, "plant/a", "/v", "/t", "ms"), Route(2, "plant/step", is_state=True)),
        "receive_path": receive_path,
        "reconnect_most_s": 0.3,
    }
    publisher.send("plant/step", "20", retain=True)
    async with collecting(broker.port, **ways) as first:
        await first.until(lambda: first.rows(2))
        publisher.send("plant/step", "30", retain=True)
        await first.until(lambda: len(first.rows(2)) == 2)
        await asyncio.to_thread(take_the_session_away, broker)
        await first.until(lambda: sum(delivery.redelivered for delivery in first.deliveries) >= 1)
    take_the_session_away(broker)
    publisher.send("plant/step", "40", retain=True)
    async with collecting(broker.port, first.state, **ways) as second:
        await second.until(lambda: second.rows(2))
    async with collecting(broker.port, second.state, **ways) as third:
        await third.until_subscribed()
        publisher.send("plant/a", point(3))
        await third.until(lambda: third.values(0))

    assert [(row[2], row[3]) for row in first.rows(2)] == [(20, TIME_FROM_RECEIPT), (30, TIME_FROM_RECEIPT)]
    assert [(row[2], row[3]) for row in second.rows(2)] == [(40, TIME_FROM_RECEIPT)]
    assert third.rows(2) == []  # the session was kept: nothing was missed
    assert first.counts_add_up
    assert second.counts_add_up
    assert third.counts_add_up


async def test_a_broker_that_is_absent_at_start_is_waited_for(broker: Mosquitto, receive_path: str):
    broker.stop()
    async with collecting(broker.port, receive_path=receive_path, reconnect_most_s=0.3) as collected:
        await collected.until(lambda: "refused" in collected.beat().detail)
        absent = collected.beat()
        broker.start()
        await collected.until_subscribed()

    assert not absent.connected
    assert absent.heard_ns is None
    assert not collected.gaps()


async def test_a_broker_that_forgets_us_leaves_a_closed_gap_and_is_subscribed_again(
    broker: Mosquitto, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path, reconnect_most_s=0.3) as collected:
        await collected.until_subscribed()
        heard_ns = collected.beat().heard_ns
        broker.kill()
        await collected.until(lambda: not collected.beat().connected)
        broker.start()
        await collected.until_subscribed()
        publisher = Publisher(broker.port)
        publisher.send("plant/a", point(1))
        await collected.until(lambda: collected.values(0))
        publisher.close()

    (gap,) = collected.gaps()
    assert gap.cause == GapCause.DISCONNECT
    assert gap.start_ns >= heard_ns
    assert gap.end_ns is not None
    assert gap.end_ns > gap.start_ns


async def test_a_session_lost_while_we_were_stopped_is_a_gap(broker: Mosquitto, receive_path: str):
    async with collecting(broker.port, receive_path=receive_path) as first:
        await first.until_subscribed()
    broker.stop()
    broker.start()
    async with collecting(broker.port, first.state, receive_path=receive_path) as second:
        await second.until(lambda: second.gaps() and second.gaps()[0].end_ns)

    assert [gap.cause for gap in second.gaps()] == [GapCause.STOPPED]


async def test_a_broker_that_falls_silent_is_noticed_and_taken_back(
    broker: Mosquitto, publisher: Publisher, receive_path: str
):
    async with collecting(broker.port, receive_path=receive_path, keep_alive_s=1, reconnect_most_s=0.3) as collected:
        await collected.until_subscribed()
        broker.freeze()
        await collected.until(lambda: not collected.beat().connected)
        broker.thaw()
        await collected.until_subscribed()
        publisher.send("plant/a", point(1))
        await collected.until(lambda: collected.values(0))

    assert collected.values(0) == [1]


async def test_mqtt_3_1_1_keeps_its_session_too(broker: Mosquitto, publisher: Publisher, receive_path: str):
    async with collecting(broker.port, receive_path=receive_path, protocol="3.1.1") as first:
        await first.until_subscribed()
        first.holds = True
        publisher.send("plant/a", *map(point, range(15)))
        await first.until(lambda: len(first.values(0)) == 15)
    publisher.send("plant/a", point(15))
    async with collecting(broker.port, first.state, receive_path=receive_path, protocol="3.1.1") as second:
        await second.until(lambda: len(second.values(0)) == 16)

    assert second.values(0) == list(range(16))
    assert not second.gaps()
