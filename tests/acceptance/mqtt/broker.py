"""A real mosquitto on a port of its own, and a publisher that waits until the broker has what it sends."""

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.patience import LIMIT_S
from tests.ports import free_port

needs_mosquitto = pytest.mark.skipif(
    shutil.which("mosquitto") is None, reason="mosquitto is not installed: the MQTT collector is not tested against it"
)


class Mosquitto:
    """Started, stopped, killed and frozen by the tests; with `persistence` it saves on a clean end."""

    def __init__(self, folder: Path, *lines: str, persistence: bool = False, listener: str = "") -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        config = [f"listener {self.port} 127.0.0.1", listener]
        if not any(line.startswith("allow_anonymous") for line in lines):
            config.append("allow_anonymous true")
        config += [f"persistence {str(persistence).lower()}", f"persistence_location {folder}/", *lines]
        if not any(line.startswith("user") for line in lines):
            config.append("user root")
        (folder / "broker.conf").write_text("\n".join(config) + "\n")

    def start(self) -> "Mosquitto":
        log = (self._folder / "broker.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                ["mosquitto", "-c", str(self._folder / "broker.conf")], stdout=log, stderr=log
            )
        until_s = time.monotonic() + LIMIT_S
        while time.monotonic() < until_s:
            if self._process.poll() is not None:
                raise RuntimeError((self._folder / "broker.log").read_text())
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.02)
        raise RuntimeError("mosquitto does not listen")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        self._process.wait(LIMIT_S)
        self._process = None


@contextlib.contextmanager
def running(folder: Path, *lines: str, persistence: bool = False, listener: str = ""):
    broker = Mosquitto(folder, *lines, persistence=persistence, listener=listener).start()
    try:
        yield broker
    finally:
        broker.stop()


class Publisher:
    """Publishes and waits for the broker's acknowledgement."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="instrument")
        self._client.max_inflight_messages_set(1000)
        if context is not None:
            self._client.tls_set_context(context)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, topic: str, *payloads: str | bytes, qos: int = 1, retain: bool = False) -> None:
        sent = [self._client.publish(topic, payload, qos, retain) for payload in payloads]
        for item in sent:
            item.wait_for_publish(LIMIT_S)
            assert item.is_published()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def publishing(port: int, context: ssl.SSLContext | None = None):
    publisher = Publisher(port, context)
    try:
        yield publisher
    finally:
        publisher.close()
