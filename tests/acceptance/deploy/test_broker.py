"""The broker's configuration, in a real mosquitto: who may come in, who may say what, and how much is kept."""

import contextlib
import getpass
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from simulators.servers.broker import find_mosquitto
from tests.patience import LIMIT_S
from tests.ports import free_port
from tests.unit.deploy.reading import compose_file, text_of

PASSWORD = "not-in-any-message"
MORE_THAN_USUAL = 3000  # mosquitto keeps 1,000 unless told otherwise
pytestmark = pytest.mark.skipif(
    find_mosquitto() is None or shutil.which("mosquitto_passwd") is None,
    reason="no mosquitto here: the broker's configuration is not tried",
)


class Broker:
    """mosquitto with the configuration that containers get; only its places and its port are others."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        places = {
            "/run/secrets/mosquitto_passwords": folder / "passwords",
            "/mosquitto/config/acl": folder / "acl",
            "/mosquitto/data/": f"{folder}/",
        }
        text = re.sub(
            r"^listener .*$",
            f"listener {self.port} 127.0.0.1",
            text_of("deploy/mosquitto/mosquitto.conf"),
            flags=re.MULTILINE,
        )
        for there, here in places.items():
            assert there in text
            text = text.replace(there, str(here))
        (folder / "mosquitto.conf").write_text(f"user {getpass.getuser()}\n{text}")
        (folder / "acl").write_text(text_of("deploy/mosquitto/acl"))
        (folder / "acl").chmod(0o600)
        (folder / "passwords").touch(mode=0o600)
        for user in ("thermowell", "plant", "stranger"):
            command = ["mosquitto_passwd", "-b", str(folder / "passwords"), user, PASSWORD]
            subprocess.run(command, check=True, timeout=LIMIT_S)

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            command = [str(find_mosquitto()), "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until_s = time.monotonic() + LIMIT_S
        while True:
            with contextlib.suppress(paho.socket.error), paho.socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < until_s, "mosquitto does not listen"
            time.sleep(0.02)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(LIMIT_S)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    started = Broker(tmp_path)
    started.start()
    yield started
    started.stop()


class Someone:
    """A client: what the broker answered, and what it gave."""

    def __init__(self, broker: Broker, user: str = "", password: str = PASSWORD, *, session_s: int = 0) -> None:
        self.answer, self.heard = "", list[str]()
        self._puback: dict[int, str] = {}
        self._changed = threading.Condition()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, f"{user or 'nobody'}-client", protocol=paho.MQTTv5)
        self._client.max_inflight_messages_set(1000)
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        self._client.on_publish = self._published
        self._client.on_subscribe = lambda *_: self._tell(lambda: setattr(self, "subscribed", True))
        self.subscribed = False
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session_s
        self._client.connect("127.0.0.1", broker.port, clean_start=session_s == 0, properties=properties)
        self._client.loop_start()
        self.until(lambda: self.answer)

    def _tell(self, change) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def _connected(self, _client, _data, _flags, reason, _properties) -> None:
        self._tell(lambda: setattr(self, "answer", str(reason)))

    def _message(self, _client, _data, message: paho.MQTTMessage) -> None:
        self._tell(lambda: self.heard.append(f"{message.topic} {message.payload.decode()}"))

    def _published(self, _client, _data, number: int, reason, _properties) -> None:
        self._tell(lambda: self._puback.__setitem__(number, str(reason)))

    def until(self, condition) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, LIMIT_S)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, options=SubscribeOptions(qos=1))
        self.until(lambda: self.subscribed)

    def say(self, topic: str, *payloads: str, qos: int = 1) -> set[str]:
        """What the broker answered to all of them."""
        numbers = [self._client.publish(topic, payload, qos).mid for payload in payloads]
        self.until(lambda: all(number in self._puback for number in numbers))
        return {self._puback[number] for number in numbers}

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def someone(broker: Broker, user: str = "", password: str = PASSWORD, *, session_s: int = 0) -> Iterator[Someone]:
    client = Someone(broker, user, password, session_s=session_s)
    try:
        yield client
    finally:
        client.leave()


@pytest.mark.parametrize(("user", "password"), [("", ""), ("thermowell", "wrong"), ("nobody", PASSWORD)])
def test_nobody_comes_in_without_a_known_name_and_its_password(broker: Broker, user: str, password: str) -> None:
    with someone(broker, user, password) as client:
        assert client.answer == "Not authorized"


def test_the_service_reads_the_plant_and_can_publish_nothing(broker: Broker) -> None:
    with someone(broker, "thermowell") as service, someone(broker, "plant") as plant:
        service.subscribe("plant/#")
        refused = service.say("plant/t7/level", "from the service") | service.say("spBv1.0/a/NCMD/b", "a command")
        plant.say("plant/t7/level", "1.5")
        service.until(lambda: service.heard)

    assert refused == {"Not authorized"}
    assert service.heard == ["plant/t7/level 1.5"]


def test_who_publishes_stays_below_its_topics_and_who_is_not_named_does_nothing(broker: Broker) -> None:
    with someone(broker, "plant") as plant, someone(broker, "stranger") as stranger:
        stranger.subscribe("#")
        answers = {
            "elsewhere": plant.say("other/t7", "1"),
            "stranger": stranger.say("plant/t7", "1"),
            "plant": plant.say("plant/t7", "1"),
        }

    assert answers["elsewhere"] == answers["stranger"] == {"Not authorized"}
    assert answers["plant"] <= {"Success", "No matching subscribers"}
    assert not stranger.heard


def test_what_the_service_missed_waits_for_it_through_a_restart_of_the_broker(broker: Broker) -> None:
    """More than a default mosquitto keeps; of QoS 0, too."""
    with someone(broker, "thermowell", session_s=3600) as service:
        service.subscribe("plant/#")
    with someone(broker, "plant") as plant:
        plant.say("plant/sure", *map(str, range(MORE_THAN_USUAL)))
        plant.say("plant/perhaps", "0", qos=0)
        plant.say("plant/sure", "last")  # the broker has taken what came before it
    broker.stop()
    broker.start()
    with someone(broker, "thermowell", session_s=3600) as service:
        service.until(lambda: len(service.heard) >= MORE_THAN_USUAL + 2)

    sure = [text.removeprefix("plant/sure ") for text in service.heard if text.startswith("plant/sure ")]
    assert sure == [*map(str, range(MORE_THAN_USUAL)), "last"]
    assert "plant/perhaps 0" in service.heard


def test_the_simulated_plant_publishes_under_its_name(broker: Broker, tmp_path: Path) -> None:
    """As the profile `demo` starts it, with places and ports of the test."""
    (tmp_path / "plant_password").write_text(PASSWORD + "\n")
    command = list(map(str, compose_file()["services"]["plant"]["command"]))
    told = {"--opcua-port": "0", "--mqtt-host": "127.0.0.1", "--mqtt-port": str(broker.port),
            "--mqtt-password-file": str(tmp_path / "plant_password")}  # fmt: skip
    for option, value in told.items():
        command[command.index(option) + 1] = value
    with someone(broker, "thermowell") as service, (tmp_path / "plant.log").open("ab") as log:
        service.subscribe("plant/#")
        process = subprocess.Popen([sys.executable, "-m", "simulators.plant_process", *command], stdout=log, stderr=log)
        try:
            service.until(lambda: any(text.startswith("plant/t201/level ") for text in service.heard))
        finally:
            process.terminate()
            process.wait(LIMIT_S)
