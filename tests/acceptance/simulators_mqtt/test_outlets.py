"""The plant's MQTT outlets on a real broker, whole and broken."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.time import SECOND_NS
from simulators.faults.spec import AtTime, FaultChange, FaultSpec
from simulators.outlets import Update
from simulators.servers import broker
from simulators.servers.broker import Broker
from simulators.servers.mqtt import MqttOutlet, MqttPublisher
from simulators.servers.mqtt_outlets import open_outlet
from simulators.servers.mqtt_payloads import JsonFormat, PublishedTag
from tests.acceptance.simulators_mqtt.listening import Listener, listening

T_NS = 1_790_000_000 * SECOND_NS
TAGS = [PublishedTag("R101.TT", float, "degC"), PublishedTag("R101.BATCH", str), PublishedTag("R101.ON", bool)]


def at(second: int, value: float | str | bool = 0.0, name: str = "R101.TT") -> Update:
    return Update(name, value, T_NS + second * SECOND_NS)


def change(kind: str, *, active: bool = True, lasts_s: int | None = 60, **settings: float | str) -> FaultChange:
    return FaultChange(FaultSpec("f", kind, "mqtt", AtTime(0), lasts_s, settings=settings), active=active, second=0)


@contextmanager
def plant(running: Broker) -> Iterator[MqttOutlet]:
    with open_outlet("json", TAGS, "127.0.0.1", running.port, running.protocol, broker=running) as outlet:
        assert isinstance(outlet, MqttOutlet)
        yield outlet


def values(listener: Listener) -> list[object]:
    return [json.loads(payload)["v"] for _, payload, _ in listener.heard]


async def test_numbers_texts_and_booleans_arrive_in_order(mosquitto: Broker, listener: Listener) -> None:
    with plant(mosquitto) as outlet:
        await outlet.write([at(0, 61.5), at(0, "101-0017", "R101.BATCH"), at(1, True, "R101.ON")])
        listener.until(lambda: len(listener.heard) == 3, "three values")

    assert [(topic, json.loads(payload)) for topic, payload, _ in listener.heard] == [
        ("plant/r101/tt", {"v": 61.5, "t": "2026-09-21T14:13:20Z"}),
        ("plant/r101/batch", {"v": "101-0017", "t": "2026-09-21T14:13:20Z"}),
        ("plant/r101/on", {"v": True, "t": "2026-09-21T14:13:21Z"}),
    ]


async def test_the_unified_namespace_is_published_under_the_plants_levels(
    mosquitto: Broker, listener: Listener
) -> None:
    with open_outlet("uns", TAGS, "127.0.0.1", mosquitto.port) as outlet:
        await outlet.write([at(0, 61.5)])
        listener.until(lambda: len(listener.heard) == 1, "a value")

    topic, payload, _ = listener.heard[0]
    assert topic == "thermowell/simulated/synthesis/line1/R101/TT"
    assert json.loads(payload)["unit"] == "degC"


def test_a_style_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'xml'.*json, uns, sparkplug"), open_outlet("xml", TAGS, "127.0.0.1", 1):
        pass


async def test_a_doubled_message_reaches_a_subscriber_twice(mosquitto: Broker, listener: Listener) -> None:
    with plant(mosquitto) as outlet:
        await outlet.write([at(0)])
        listener.until(lambda: len(listener.heard) == 1, "the connection")
        await outlet.fault(change("duplicated", probability=1.0))
        await outlet.write([at(second, float(second)) for second in range(1, 21)])
        listener.until(lambda: len(listener.heard) == 41, "twenty values twice")

    assert sorted(values(listener)[1:]) == sorted(2 * [float(n) for n in range(1, 21)])


async def test_a_new_subscriber_gets_the_stale_value_that_was_retained(mosquitto: Broker, listener: Listener) -> None:
    with plant(mosquitto) as outlet:
        await outlet.write([at(0, 60.0)])
        await outlet.fault(change("retained_stale", age=3600.0))
        await outlet.write([at(10, 61.0)])
        listener.until(lambda: len(listener.heard) == 3, "all three")
        with listening(mosquitto.port, client_id="newcomer") as newcomer:
            newcomer.until(lambda: bool(newcomer.heard), "the retained value")

    assert newcomer.heard == [("plant/r101/tt", b'{"v": 60.0, "t": "2026-09-21T13:13:20Z"}', True)]


@pytest.mark.parametrize("persistence", ["kept", "lost"])
async def test_a_restarted_broker_has_what_it_kept_or_nothing(mosquitto: Broker, persistence: str) -> None:
    with listening(mosquitto.port, client_id="recorder", expiry_s=600):
        pass
    with plant(mosquitto) as outlet:
        await outlet.write([at(second, float(second)) for second in range(5)])
        with listening(mosquitto.port, "plant/#", "witness") as witness:
            await outlet.write([at(5, 5.0)])
            witness.until(lambda: 5.0 in values(witness), "the broker to have them all")
        await outlet.fault(change("broker_restart", persistence=persistence))
        assert mosquitto.process.poll() is not None
        await outlet.write([at(6, 6.0)])  # the publisher keeps it
        await outlet.fault(change("broker_restart", active=False, persistence=persistence))
        with listening(mosquitto.port, client_id="recorder", expiry_s=600) as recorder:
            recorder.until(lambda: 6.0 in values(recorder), "what was published meanwhile")

    expected = [float(n) for n in range(7)] if persistence == "kept" else [6.0]
    assert values(recorder) == expected


async def test_a_queue_that_is_too_small_drops_values_without_a_word(mosquitto: Broker) -> None:
    with listening(mosquitto.port, client_id="recorder", expiry_s=600):
        pass
    with plant(mosquitto) as outlet:
        await outlet.fault(change("broker_queue_overflow", limit=20.0))
        await outlet.write([at(second, float(second)) for second in range(200)])
        with listening(mosquitto.port, "plant/#", "witness") as witness:
            await outlet.write([at(200, 200.0)])
            witness.until(lambda: 200.0 in values(witness), "the broker to have them all")
        await outlet.fault(change("broker_queue_overflow", active=False, limit=20.0))
        await outlet.write([at(201, 201.0)])
        with listening(mosquitto.port, client_id="recorder", expiry_s=600) as recorder:
            recorder.until(lambda: 201.0 in values(recorder), "the present")

    assert values(recorder) == [*(float(n) for n in range(20)), 201.0]


async def test_the_embedded_broker_says_that_it_has_no_queue_to_overflow(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    running = broker.start(tmp_path, embedded=True)
    try:
        outlet = MqttOutlet(MqttPublisher("127.0.0.1", running.port, "3.1.1"), JsonFormat(TAGS), running)
        with pytest.raises(broker.BrokerFailed, match="no queue"):
            await outlet.fault(change("broker_queue_overflow"))
    finally:
        running.stop()
