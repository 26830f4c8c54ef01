"""The firehose before stock clients, and as the command line starts it."""

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from asyncua import Client, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography.x509.oid import ExtendedKeyUsageOID

from simulators.servers.broker import Broker
from simulators.servers.firehose_direct import DirectFirehose
from simulators.servers.firehose_mqtt import MqttLoad
from simulators.servers.firehose_opcua import NAMESPACE, OpcUaFirehose, OpcUaLoad, tag_name
from tests.acceptance.simulators_mqtt.listening import Listener
from tests.patience import LIMIT_S
from tests.ports import free_port

TAGS = 60


class Heard:
    """A handler of asyncua's subscription; `enough` after so many values."""

    def __init__(self, enough: int) -> None:
        self.values: list[tuple[str, object, float]] = []
        self.enough = asyncio.Event()
        self._count = enough

    def datachange_notification(self, node: object, value: object, event: object) -> None:
        told = event.monitored_item.Value
        self.values.append((node.nodeid.Identifier, value, told.SourceTimestamp.timestamp()))
        if len(self.values) >= self._count:
            self.enough.set()


async def subscribed(client: Client, heard: Heard, **options: int) -> object:
    index = await client.get_namespace_index(NAMESPACE)
    subscription = await client.create_subscription(50, heard)
    nodes = [client.get_node(ua.NodeId(tag_name(tag), index)) for tag in range(TAGS)]
    await subscription.subscribe_data_change(nodes, **options)
    return subscription


async def test_stock_clients_get_every_tag_with_times_that_move_on() -> None:
    load = OpcUaLoad(free_port(), TAGS, rate=TAGS * 100.0, mixed=True)
    async with OpcUaFirehose(load) as hose, Client(hose.url) as client, Client(hose.url) as other:
        heard, also = Heard(10 * TAGS), Heard(TAGS)
        await subscribed(client, heard, queuesize=100)
        await subscribed(other, also)
        async with asyncio.timeout(LIMIT_S):
            await heard.enough.wait()
            await also.enough.wait()
        assert hose.sent >= 11 * TAGS
    times = {tag_name(tag): [at for name, _, at in heard.values if name == tag_name(tag)] for tag in range(TAGS)}

    assert all(later > earlier for of_tag in times.values() for earlier, later in itertools.pairwise(of_tag))
    assert {type(value) for _, value, _ in heard.values} == {float, int, bool}


async def test_the_channel_is_really_encrypted_where_a_client_asks_for_it(tmp_path: Path) -> None:
    key, certificate, uri = tmp_path / "key.pem", tmp_path / "client.der", "urn:thermowell:test"
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    await setup_self_signed_certificate(key, certificate, uri, "localhost", usages, {"commonName": "test"})
    async with OpcUaFirehose(OpcUaLoad(free_port(), TAGS, rate=0.0), tmp_path / "server") as hose:
        client = Client(hose.url)
        client.application_uri = uri
        await client.set_security(SecurityPolicyBasic256Sha256, certificate, key)
        async with client:
            heard = Heard(20 * TAGS)
            await subscribed(client, heard)
            async with asyncio.timeout(LIMIT_S):
                await heard.enough.wait()

    assert len({at for _, _, at in heard.values}) >= 20


async def test_services_of_subscriptions_answer_honestly() -> None:
    async with OpcUaFirehose(OpcUaLoad(free_port(), TAGS, rate=TAGS * 10.0)) as hose, Client(hose.url) as client:
        heard = Heard(TAGS)
        subscription = await subscribed(client, heard)
        async with asyncio.timeout(LIMIT_S):
            await heard.enough.wait()
        unknown = client.get_node(ua.NodeId("V999999", await client.get_namespace_index(NAMESPACE)))
        with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
            await subscription.subscribe_data_change(unknown)
        with pytest.raises(ua.uaerrors.BadMessageNotAvailable):
            await client.uaclient.protocol.send_request(_republish(subscription.subscription_id, 4_000_000))
        with pytest.raises(ua.uaerrors.BadSubscriptionIdInvalid):
            await client.uaclient.protocol.send_request(_republish(999, 1))
        await subscription.delete()
        statuses = await client.uaclient.delete_subscriptions([subscription.subscription_id])

        assert [status.name for status in statuses] == ["BadSubscriptionIdInvalid"]


def _republish(subscription: int, sequence: int) -> ua.RepublishRequest:
    parameters = ua.RepublishParameters(SubscriptionId=subscription, RetransmitSequenceNumber=sequence)
    return ua.RepublishRequest(Parameters=parameters)


async def test_items_can_be_silenced_changed_and_deleted() -> None:
    async with OpcUaFirehose(OpcUaLoad(free_port(), TAGS, rate=TAGS * 20.0)) as hose, Client(hose.url) as client:
        heard = Heard(50)
        index = await client.get_namespace_index(NAMESPACE)
        subscription = await client.create_subscription(50, heard)
        nodes = [client.get_node(ua.NodeId(tag_name(tag), index)) for tag in range(3)]
        items = await subscription.subscribe_data_change(nodes)
        await subscription.unsubscribe(items[1])
        await subscription.modify_monitored_item(items[2], 50, new_queuesize=7)
        await subscription.set_monitoring_mode(ua.MonitoringMode.Disabled)
        await asyncio.sleep(0.2)  # what was on its way
        heard.values.clear()
        await asyncio.sleep(0.3)
        silent = list(heard.values)
        heard.enough.clear()
        await subscription.set_monitoring_mode(ua.MonitoringMode.Reporting)
        async with asyncio.timeout(LIMIT_S):
            await heard.enough.wait()
        with pytest.raises(ua.uaerrors.BadMonitoredItemIdInvalid):
            await subscription.unsubscribe(999)

    assert silent == []
    assert {name for name, _, _ in heard.values} == {"V0", "V2"}


@pytest.mark.parametrize(("protocol", "qos"), [(paho.MQTTv311, 0), (paho.MQTTv311, 1), (paho.MQTTv5, 1)])
def test_subscribers_get_messages_directly(protocol: paho.MQTTProtocolVersion, qos: int) -> None:
    payloads, enough = [], threading.Event()

    def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        payloads.append((message.topic, json.loads(message.payload)["t"]))
        if len(payloads) >= 100:
            enough.set()

    with DirectFirehose(MqttLoad("127.0.0.1", 0, TAGS, rate=0.0, qos=qos)) as hose:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, "subscriber", protocol=protocol)
        client.on_message = on_message
        client.on_connect = lambda client, *_: client.subscribe("firehose/t07" if qos else "firehose/#", 1)
        client.connect("127.0.0.1", hose.port)
        client.loop_start()
        assert enough.wait(LIMIT_S)
        client.disconnect()
        client.loop_stop()
    of_one = [at for topic, at in payloads if topic == payloads[0][0]]

    assert all(later > earlier for earlier, later in itertools.pairwise(of_one))


@contextmanager
def running(*words: str) -> Iterator[tuple[dict[str, object], subprocess.Popen[str]]]:
    """The firehose as a process, and what it said when it was ready."""
    command = [sys.executable, "-m", "simulators.servers.firehose", "--tags", str(TAGS), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), process
    finally:
        process.kill()
        process.communicate()


def test_a_paced_publisher_sends_at_its_rate_and_tells_its_counts(mosquitto: Broker, listener: Listener) -> None:
    with running("--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}", "--rate", "600") as (ready, process):
        listener.until(lambda: len(listener.heard) >= 600, "600 messages")
        process.send_signal(signal.SIGTERM)
        done = json.loads(process.communicate(timeout=LIMIT_S)[0])

    assert ready["ready"]
    assert len({topic for topic, *_ in listener.heard}) == TAGS
    assert 0 < done["acknowledged"] <= done["sent"]  # the last ones may still have been on their way
    assert 600 <= done["sent"] <= 600 * (done["seconds"] + 1)


def test_a_broker_that_is_not_there_is_named_in_one_line() -> None:
    port = free_port()
    command = [sys.executable, "-m", "simulators.servers.firehose", "--mqtt", f"127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "Traceback" not in done.stderr
