"""A subscriber that keeps everything it hears, and waits with a limit."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.patience import LIMIT_S


class Listener:
    """Subscribes to a filter with QoS 1; `heard` is (topic, payload, retained), in order."""

    def __init__(self, port: int, wanted: str = "#", client_id: str = "listener", *, expiry_s: int = 0) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(wanted, 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = expiry_s
        self._client.connect("127.0.0.1", port, clean_start=expiry_s == 0, properties=properties)
        self._client.loop_start()
        assert self._subscribed.wait(LIMIT_S)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish something and wait until the broker has it."""
        self._client.publish(topic, payload, 1, retain).wait_for_publish(LIMIT_S)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something to have been heard."""
        give_up_s = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < give_up_s, f"not within {LIMIT_S} s: {what}; heard {self.heard[-5:]}"
            time.sleep(0.02)

    def leave(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(port: int, wanted: str = "#", client_id: str = "listener", *, expiry_s: int = 0) -> Iterator[Listener]:
    listener = Listener(port, wanted, client_id, expiry_s=expiry_s)
    try:
        yield listener
    finally:
        listener.leave()
