"""Alarm states as retained MQTT messages, for displays and horns: the only thing that this program ever publishes.

    thermowell/SITE/alarms/ALARM    JSON of the newest state; empty, so gone, once it is normal and acknowledged
    thermowell/SITE/summary         how many stand, by priority, and the worst
    thermowell/SITE/status          online | offline; the broker's last will says offline if we cannot

Everything lies below one topic of our own, which no source subscribes to and no equipment takes for a command
(`service.config.displays` refuses such a one). Messages go out with QoS 0, and are repeated as a whole on every
connection and every minute: an old one that is sent again late can never overwrite a newer one.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from domain.alarms import Transition
from domain.errors import RetryLater
from domain.rules import Priority
from domain.time import format_time

SCHEMA: Final = "thermowell.alarm.1"
_REPEAT_S = 60.0
_FIRST_ANSWER_S = 3.0
_NOT_IN_A_LEVEL = re.compile(r"[^A-Za-z0-9._~-]")


@dataclass(frozen=True, slots=True)
class MqttPlace:
    """The broker, and the topic below which everything lies."""

    host: str
    port: int
    tls: bool
    client_id: str
    base: str  # "thermowell/SITE"
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


class MqttDisplay:
    """A display of `service.telling.displays`; connects by itself, and again."""

    name = "mqtt"

    def __init__(self, place: MqttPlace, now_s: Callable[[], float] = time.monotonic) -> None:
        self._place = place
        self._now_s = now_s
        self._lock = threading.Lock()
        self._there: dict[str, bytes] = {}  # what the broker holds of ours, as far as we know
        self._connected = False
        self._reason = "there is no connection yet"
        self._whole_s = -_REPEAT_S
        self._begun = False
        self._answered = threading.Event()
        self._client = _client_of(place)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_connect_fail = lambda *_: self._answered.set()
        self._client.on_message = self._on_message

    def show(self, standing: Sequence[Transition]) -> None:
        """Publish what changed, or all of it when it is time. RetryLater: there is no connection."""
        self._begin()
        base = self._place.base
        wanted = {f"{base}/alarms/{_level(each.alarm)}": state_of(each) for each in standing}
        wanted[f"{base}/summary"] = summary_of(standing)
        with self._lock:
            if not self._connected:
                raise RetryLater(self._reason)
            whole = self._now_s() - self._whole_s >= _REPEAT_S
            for topic in [each for each in self._there if each not in wanted]:
                self._publish(topic, b"")
                del self._there[topic]
            for topic, payload in wanted.items():
                if whole or self._there.get(topic) != payload:
                    self._publish(topic, payload)
                    self._there[topic] = payload
            if whole:
                self._publish(f"{base}/status", b"online")
                self._whole_s = self._now_s()

    def close(self) -> None:
        """Say that we are gone, and go."""
        if not self._begun:
            return
        if self._connected:
            self._client.publish(f"{self._place.base}/status", b"offline", retain=True).wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    def _begin(self) -> None:
        if not self._begun:
            self._client.connect_async(self._place.host, self._place.port, keepalive=20)
            self._client.loop_start()
            self._begun = True
            self._answered.wait(_FIRST_ANSWER_S)

    def _publish(self, topic: str, payload: bytes) -> None:
        """Nothing leaves but below our own topic."""
        if not topic.startswith(f"{self._place.base}/"):
            raise AssertionError(f"{topic!r} is no topic of ours")
        self._client.publish(topic, payload, qos=0, retain=True)

    def _on_connect(
        self, client: paho.Client, _userdata: object, _flags: object, reason: ReasonCode, _props: Properties | None
    ) -> None:
        with self._lock:
            self._connected = not reason.is_failure
            self._reason = f"the broker refused: {reason}"
            self._whole_s = -_REPEAT_S + self._now_s()
            if self._connected:
                client.subscribe(f"{self._place.base}/alarms/+")  # what was left there and is normal by now is cleared
        self._answered.set()

    def _on_disconnect(self, *_: object) -> None:
        with self._lock:
            self._connected, self._reason = False, "the connection was lost"

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        with self._lock:
            if message.retain and message.payload:
                self._there.setdefault(message.topic, bytes(message.payload))


def _client_of(place: MqttPlace) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=place.client_id, protocol=paho.MQTTv311)
    client.reconnect_delay_set(1, 30)
    client.will_set(f"{place.base}/status", b"offline", qos=1, retain=True)
    if place.user is not None:
        secret = place.password_file
        client.username_pw_set(place.user, None if secret is None else secret.read_text(encoding="utf-8").strip())
    if place.tls:
        client.tls_set_context(ssl.create_default_context(cafile=place.ca_file))
    return client


def base_of(topic: str, site: str) -> str:
    """The topic below which everything lies."""
    return f"{topic}/{_level(site)}"


def _level(text: str) -> str:
    """A text as one level of a topic."""
    return _NOT_IN_A_LEVEL.sub("_", text)


def state_of(alarm: Transition) -> bytes:
    """The newest state of an alarm."""
    facts = alarm.facts
    return _json(
        {
            "schema": SCHEMA,
            "alarm": alarm.alarm,
            "state": facts.state.value,
            "active": facts.active,
            "acknowledged": facts.acknowledged,
            "latched": facts.latched,
            "shelved_until": None if facts.shelved_until_ns is None else format_time(facts.shelved_until_ns),
            "suppressed": facts.suppressed,
            "out_of_service": facts.out_of_service,
            "priority": int(alarm.priority),
            "priority_name": alarm.priority.name.lower(),
            "subject": alarm.subject,
            "name": alarm.name,
            "message": alarm.message,
            "unit": alarm.unit,
            "batch": alarm.batch,
            "phase": alarm.phase,
            "at": format_time(alarm.at_ns),
            "since": None if alarm.since_ns is None else format_time(alarm.since_ns),
            "occurrence": alarm.occurrence,
            "transition": alarm.id,
        }
    )


def summary_of(standing: Sequence[Transition]) -> bytes:
    """How many alarms stand that nobody has put away, and how many of them nobody has acknowledged, by priority."""
    seen = [each for each in standing if each.facts.state.value in {"UNACK", "ACKED", "RTNUN", "LATCH"}]
    counts: Mapping[str, dict[str, int]] = {
        priority.name.lower(): {
            "standing": sum(each.priority is priority for each in seen),
            "unacknowledged": sum(each.priority is priority and not each.facts.acknowledged for each in seen),
        }
        for priority in Priority
        if priority is not Priority.EVENT
    }
    worst = min((each for each in seen if not each.facts.acknowledged), key=lambda each: each.priority, default=None)
    told = {"schema": "thermowell.summary.1", "alarms": counts, "worst": None if worst is None else worst.alarm}
    return _json(told)


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
