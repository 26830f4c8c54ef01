"""The Sparkplug edge node on a real broker, before a host that knows the rules."""

import json

import pytest

from simulators.faults.spec import AtTime, FaultChange, FaultSpec
from simulators.outlets import Update
from simulators.servers.broker import Broker
from simulators.servers.mqtt_payloads import PublishedTag
from simulators.servers.sparkplug import SparkplugEdge
from simulators.servers.sparkplug_payload import DataType, Metric, Payload, decode, encode
from tests.acceptance.simulators_mqtt.listening import Listener, listening

T_MS = 1_790_000_000_000
TAGS = [PublishedTag("R101.TT", float, "degC"), PublishedTag("R101.STEP", int), PublishedTag("T201.LT", float)]
REBIRTH = Payload((Metric(value=True, datatype=DataType.BOOLEAN, name="Node Control/Rebirth"),))
ONLINE, OFFLINE = True, False


def at(second: int, value: float, name: str = "R101.TT") -> Update:
    return Update(name, value, (T_MS + second * 1000) * 1_000_000)


def heard(listener: Listener) -> list[tuple[str, Payload]]:
    """(kind of message, payload) of everything that came from the node."""
    return [
        (topic.split("/")[2], decode(payload))
        for topic, payload, _ in list(listener.heard)
        if topic.startswith("spBv1.0/") and "STATE" not in topic and "NCMD" not in topic
    ]


def kinds(listener: Listener) -> list[str]:
    return [kind for kind, _ in heard(listener)]


def edge(running: Broker, **more: str) -> SparkplugEdge:
    return SparkplugEdge("127.0.0.1", running.port, running.protocol, TAGS, broker=running, **more)


def restart(*, active: bool) -> FaultChange:
    return FaultChange(FaultSpec("f", "broker_restart", "mqtt", AtTime(0), 60), active=active, second=0)


async def test_a_node_is_born_sends_data_by_alias_and_dies_in_good_order(mosquitto: Broker, listener: Listener) -> None:
    with edge(mosquitto) as node:
        listener.until(lambda: kinds(listener).count("DBIRTH") == 2, "the births")
        await node.write([at(0, 60.0), at(0, 20, "R101.STEP")])
        await node.write([at(1, 61.0), at(1, 0.5, "T201.LT")])
        listener.until(lambda: kinds(listener).count("DDATA") == 3, "the data")
    listener.until(lambda: kinds(listener)[-1] == "NDEATH", "the death")
    told = heard(listener)

    assert kinds(listener) == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA", "DDATA", "DDATA", "NDEATH"]
    assert [payload.seq for _, payload in told] == [0, 1, 2, 3, 4, 5, None]
    assert [(m.name, m.value) for m in told[1][1].metrics] == [("TT", None), ("STEP", None)]
    assert [(m.alias, m.value) for m in told[3][1].metrics] == [(1, 60.0), (2, 20)]
    assert told[4][1].metrics == (Metric(61.0, alias=1, datatype=DataType.DOUBLE, time_ms=T_MS + 1000),)
    assert told[-1][1].metrics[0].value == told[0][1].metrics[0].value


async def test_a_host_that_asks_for_a_rebirth_gets_one_with_the_newest_values(
    mosquitto: Broker, listener: Listener
) -> None:
    with edge(mosquitto) as node:
        listener.until(lambda: kinds(listener).count("DBIRTH") == 2, "the births")
        await node.write([at(1, 61.0)])
        listener.send("spBv1.0/thermowell/NCMD/plant", b"no payload")
        listener.send("spBv1.0/thermowell/NCMD/plant", encode(REBIRTH))
        listener.until(lambda: kinds(listener).count("DBIRTH") == 4, "the second births")
        await node.write([at(2, 62.0)])
        listener.until(lambda: kinds(listener)[-1] == "DDATA", "data afterwards")
    told = heard(listener)
    second = kinds(listener).index("NBIRTH", 1)

    assert [payload.seq for _, payload in told[second : second + 4]] == [0, 1, 2, 3]
    assert told[second][1].metrics[0].value == told[0][1].metrics[0].value  # bdSeq: the same connection
    assert told[second + 1][1].metrics[0].value == 61.0


async def test_after_the_broker_was_away_a_node_is_born_again_and_nothing_is_dropped(
    mosquitto: Broker, listener: Listener
) -> None:
    with edge(mosquitto) as node:
        listener.until(lambda: kinds(listener).count("DBIRTH") == 2, "the births")
        await node.fault(restart(active=True))
        for second in range(10, 15):
            await node.write([at(second, float(second))])
        await node.fault(restart(active=False))
        listener.until(lambda: node.births == 2, "the second births")  # the listener may come back later than the node
        with listening(mosquitto.port, client_id="host") as host:
            host.send("spBv1.0/thermowell/NCMD/plant", encode(REBIRTH))
            host.until(lambda: kinds(host).count("DBIRTH") == 2, "births for a host that missed them")
        newest = [m.value for _, payload in heard(host) for m in payload.metrics if m.name == "TT"]

    assert newest == [14.0]
    assert node.dropped == 0


async def test_history_is_marked_and_the_present_is_not(mosquitto: Broker, listener: Listener) -> None:
    with edge(mosquitto, primary_host="scada") as node:
        await node.write([at(second, float(second)) for second in range(3)])
        listener.send("spBv1.0/STATE/scada", _state(ONLINE, 1), retain=True)
        listener.until(lambda: "DDATA" in kinds(listener), "the history")
        await node.write([at(3, 3.0)])
        listener.until(lambda: kinds(listener).count("DDATA") == 2, "the present")
    data = [metric for kind, payload in heard(listener) if kind == "DDATA" for metric in payload.metrics]
    born = [m for kind, payload in heard(listener) if kind == "DBIRTH" for m in payload.metrics if m.name == "TT"]

    assert [(metric.value, metric.historical) for metric in data] == [(0.0, True), (1.0, True), (3.0, False)]
    assert [metric.value for metric in born] == [2.0]


async def test_a_node_is_silent_while_its_primary_host_is_away(mosquitto: Broker, listener: Listener) -> None:
    with edge(mosquitto, primary_host="scada") as node:
        listener.send("spBv1.0/STATE/scada", _state(ONLINE, 10), retain=True)
        listener.until(lambda: kinds(listener).count("DBIRTH") == 2, "the births")
        listener.send("spBv1.0/STATE/scada", _state(OFFLINE, 5))  # older news than what it knows
        listener.send("spBv1.0/STATE/scada", _state(OFFLINE, 20), retain=True)
        listener.until(lambda: "NDEATH" in kinds(listener), "its will")
        await node.write([at(1, 1.0)])
        listener.send("spBv1.0/STATE/scada", _state(ONLINE, 30), retain=True)
        listener.until(lambda: kinds(listener).count("NBIRTH") == 2, "its rebirth")
    numbers = [payload.metrics[0].value for kind, payload in heard(listener) if kind in ("NBIRTH", "NDEATH")]

    assert numbers[:3] == [0, 0, 1]
    assert "DDATA" not in kinds(listener)[: kinds(listener).index("NDEATH")]


def _state(online: bool, timestamp: int) -> bytes:
    return json.dumps({"online": online, "timestamp": timestamp}).encode()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_node_that_is_cut_off_is_declared_dead_by_the_broker(mosquitto: Broker, protocol: str) -> None:
    with listening(mosquitto.port) as listener, SparkplugEdge("127.0.0.1", mosquitto.port, protocol, TAGS) as node:
        listener.until(lambda: kinds(listener).count("DBIRTH") == 2, "the births")
        node._break_off()
        listener.until(lambda: kinds(listener).count("NBIRTH") == 2, "the next birth")

    born = [payload.metrics[0].value for kind, payload in heard(listener) if kind == "NBIRTH"]
    died = [payload.metrics[0].value for kind, payload in heard(listener) if kind == "NDEATH"]
    assert (born, died[0]) == ([0, 1], 0)
