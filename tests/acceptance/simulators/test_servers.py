"""Real clients against the simulated plant's servers."""

import io
import json
import os
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import apprise
import paho.mqtt.client as paho
import pytest

from domain.time import SECOND_NS, ScaledTime
from simulators.clock import ScaledClock
from simulators.servers import broker, mailbox
from simulators.servers.mqtt import MqttPublisher
from tests.patience import LIMIT_S
from tests.ports import free_port

PLANT_NS = 1_790_000_000 * SECOND_NS


def wait_until(condition, what: str) -> None:
    give_up_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up_s, f"not within {LIMIT_S} s: {what}"
        time.sleep(0.02)


@pytest.fixture(params=["mosquitto", "embedded"])
def running_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[broker.Broker]:
    if request.param == "mosquitto" and broker.find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: the embedded broker alone is tried")
    running = broker.start(tmp_path / "broker", embedded=request.param == "embedded")
    assert running.kind == request.param
    yield running
    running.stop()


def test_published_values_reach_a_subscriber_each_once(running_broker: broker.Broker) -> None:
    messages: list[dict[str, object]] = []
    subscribed = threading.Event()
    protocol = {"5": paho.MQTTv5, "3.1.1": paho.MQTTv311}[running_broker.protocol]
    subscriber = paho.Client(paho.CallbackAPIVersion.VERSION2, "reader", protocol=protocol)
    subscriber.on_message = lambda client, userdata, message: messages.append(json.loads(message.payload))
    subscriber.on_subscribe = lambda *_: subscribed.set()
    subscriber.connect("127.0.0.1", running_broker.port)
    subscriber.loop_start()
    subscriber.subscribe("plant/#", 1)
    assert subscribed.wait(LIMIT_S)
    with MqttPublisher("127.0.0.1", running_broker.port, running_broker.protocol) as publisher:
        for number in range(300):
            publisher.publish("plant/t201/level", number / 10, PLANT_NS + number * SECOND_NS)
        wait_until(lambda: len(messages) >= 300, "300 messages")
    subscriber.disconnect()
    subscriber.loop_stop()

    # In no order: what was published before the connection stood may come behind what was published after.
    assert sorted(message["v"] for message in messages) == [number / 10 for number in range(300)]
    assert {"v": 0.1, "t": "2026-09-21T14:13:21Z"} in messages
    assert publisher.refused == 0


def test_messages_wait_for_a_broker_that_is_late() -> None:
    port = free_port()
    with MqttPublisher("127.0.0.1", port, "5") as publisher:
        for number in range(20_100):
            publisher.publish("plant/x", number, PLANT_NS)

    assert publisher.refused == 100


def test_a_stopped_broker_is_gone(tmp_path: Path) -> None:
    running = broker.start(tmp_path)
    running.stop()
    running.stop()

    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", running.port), 1)


@pytest.fixture
def shift_mail(tmp_path: Path) -> Iterator[tuple[mailbox.Mailbox, io.StringIO]]:
    console = io.StringIO()
    running = mailbox.start(tmp_path / "mail", console)
    yield running, console
    running.stop()


def test_a_mail_is_kept_and_shown(shift_mail: tuple[mailbox.Mailbox, io.StringIO]) -> None:
    running, console = shift_mail
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "R101 pH über 7.8", "thermowell@plant.example", "lead@plant.example"
    mail.set_content("first line\n.a line with a dot\nlast line\n")
    with smtplib.SMTP("127.0.0.1", running.port, timeout=LIMIT_S) as client:
        client.send_message(mail)
    kept = sorted(running.directory.glob("*.eml"))

    assert [path.name for path in kept] == ["0001.eml"]
    assert b"\r\n.a line with a dot\r\n" in kept[0].read_bytes()
    assert console.getvalue().startswith("mail to lead@plant.example: R101 pH über 7.8\n  | first line\n")


@pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")  # apprise imports it
def test_the_mailbox_takes_what_apprise_sends(shift_mail: tuple[mailbox.Mailbox, io.StringIO]) -> None:
    running, console = shift_mail
    sender = apprise.Apprise()
    sender.add(f"mailto://127.0.0.1:{running.port}?from=thermowell@plant.example&to=lead@plant.example")
    sent = sender.notify(title="T201: hold over its limit", body="crude has waited 4 h 00 min")

    assert sent
    assert "crude has waited 4 h 00 min" in console.getvalue()


def test_nonsense_does_not_stop_the_mailbox(shift_mail: tuple[mailbox.Mailbox, io.StringIO]) -> None:
    running, _ = shift_mail
    with socket.create_connection(("127.0.0.1", running.port), LIMIT_S) as raw:
        raw.sendall(os.urandom(200_000))
    with smtplib.SMTP("127.0.0.1", running.port, timeout=LIMIT_S) as client:
        refused = client.docmd("DATA")[0], client.docmd("EXPN staff")[0]
        alive = client.noop()[0]

    assert (refused, alive) == ((503, 502), 250)


async def test_a_scaled_clock_sleeps_in_the_plants_time() -> None:
    clock = ScaledClock(ScaledTime(time.time_ns(), PLANT_NS, 1000.0))
    await clock.sleep_until(PLANT_NS + 200 * SECOND_NS)

    assert clock.now_ns() >= PLANT_NS + 200 * SECOND_NS
    assert clock.simulated
