"""The doctor at real servers: a mosquitto that dropped messages, a secured OPC UA server whose certificate ran out."""

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as paho
import pytest
from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from paho.mqtt.properties import PacketTypes, Properties

from collector.mqtt.looking import look_at_broker
from collector.mqtt.settings import MqttSettings
from tests.acceptance.mqtt.broker import Mosquitto, needs_mosquitto
from tests.acceptance.opcua.plant import CounterServer
from tests.acceptance.service.running import ROOT, until
from tests.ports import free_port


def expired(folder):
    """A self-signed certificate that was good until yesterday, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:freeopcua:python:server")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.der", folder / "server.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.DER))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def overflow(broker: Mosquitto) -> None:
    """Leave a session that waits, and send it more than the broker keeps."""
    asked = Properties(PacketTypes.CONNECT)
    asked.SessionExpiryInterval = 600
    waiting = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="waiting", protocol=paho.MQTTv5)
    waiting.connect("127.0.0.1", broker.port, clean_start=True, properties=asked)
    waiting.on_connect = lambda client, *_: client.subscribe("plant/#", 1)
    granted = []
    waiting.on_subscribe = lambda *_: granted.append(True)
    waiting.loop_start()
    until(lambda: granted)
    waiting.disconnect()
    waiting.loop_stop()
    sender = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    sender.connect("127.0.0.1", broker.port)
    sender.loop_start()
    for number in range(40):
        sender.publish("plant/t7", str(number), 1).wait_for_publish(10)
    sender.disconnect()
    sender.loop_stop()


@pytest.fixture
def broker(tmp_path):
    running = Mosquitto(
        tmp_path / "broker", "max_queued_messages 5", "max_inflight_messages 1", "sys_interval 1"
    ).start()
    yield running
    running.stop()


@needs_mosquitto
async def test_a_plant_with_everything_wrong_is_told_row_by_row(broker, tmp_path):
    plant = CounterServer(free_port(), tags=2)
    plant.certificate = expired(tmp_path)
    plant.policies = [ua.SecurityPolicyType.NoSecurity, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
    config = tmp_path / "thermowell.yaml"
    dead = free_port()
    config.write_text(
        f"""\
site: north
sources:
  floor: {{mqtt: {{url: "mqtt://127.0.0.1:{broker.port}", topics: [plant/#]}}}}
  gone: {{mqtt: {{url: "mqtt://127.0.0.1:{dead}", topics: [x/#]}}}}
  plain: {{opcua: {{url: "opc.tcp://127.0.0.1:{plant.port}/", publishing_interval: 200ms}}}}
  sealed: {{opcua: {{url: "opc.tcp://127.0.0.1:{plant.port}/", security: Basic256Sha256}}}}
tags:
  T7: {{source: floor, topic: plant/t7}}
  C0: {{source: plain, node: "nsu=urn:test:counters;s=C0"}}
  C1: {{source: sealed, node: "nsu=urn:test:counters;s=C1"}}
""",
    )
    await asyncio.to_thread(overflow, broker)
    await asyncio.to_thread(until, lambda: _dropped(broker) > 0, 30)
    async with plant.running():
        command = [sys.executable, "-m", "service.cli", "doctor", "--json", "--config", str(config)]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
    rows = {row["check"]: row for row in json.loads(done.stdout)}
    found = {check: row["state"] for check, row in rows.items()}

    assert done.returncode == 1, done.stderr
    assert found["broker floor"] == "ok"
    assert "mosquitto" in rows["broker floor"]["seen"]
    assert found["broker floor session"] == "ok"
    assert (found["broker floor queue"], "dropped" in rows["broker floor queue"]["seen"]) == ("look", True)
    assert found["broker floor topics"] == "not checked"
    assert found["broker gone"] == "wrong"
    assert (found["server plain"], found["server plain clock"]) == ("ok", "ok")
    assert "publishes every 200 ms" in rows["server plain interval"]["seen"]
    assert found["server sealed certificate"] == "wrong"
    assert "run out" in rows["server sealed certificate"]["seen"]
    assert (found["server sealed"], "not trusted" in rows["server sealed"]["seen"]) == ("wrong", True)
    assert found["backup"] == "look"
    assert not (tmp_path / "data" / "journal.db").exists()


def _dropped(broker: Mosquitto) -> int:
    settings = MqttSettings("floor", "127.0.0.1", "looking", ("plant/#",), port=broker.port)
    seen = look_at_broker(settings)
    time.sleep(0.5)
    return seen.dropped or 0
