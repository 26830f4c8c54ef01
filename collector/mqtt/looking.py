"""Looks at a broker for a person: what it grants, without a session of its own that stays, and without publishing."""

import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.mqtt.settings import MqttSettings
from domain.errors import RetryLater

_VERSION, _DROPPED = "$SYS/broker/version", "$SYS/broker/publish/messages/dropped"
_NEWS_S = 2.0  # retained messages of the broker about itself come at once, or not at all


@dataclass(frozen=True, slots=True)
class BrokerSeen:
    """What a broker said. None: it did not say."""

    expiry_s: int | None = None  # that it grants our session; None: it cannot grant any (3.1.1)
    most_qos: int = 2
    in_flight: int | None = None  # how many unacknowledged messages it takes of us
    refused: tuple[str, ...] = ()  # filters, each with the reason
    version: str | None = None
    dropped: int | None = None  # messages since it started, of all clients


@dataclass(slots=True)
class _Answers:
    """What the network's thread heard."""

    connected: threading.Event = field(default_factory=threading.Event)
    subscribed: threading.Event = field(default_factory=threading.Event)
    told: threading.Event = field(default_factory=threading.Event)
    refusal: str = ""
    properties: Properties | None = None
    codes: Sequence[ReasonCode] = ()
    news: dict[str, str] = field(default_factory=dict)


def look_at_broker(settings: MqttSettings, within_s: float = 5.0) -> BrokerSeen:
    """Connect twice under the name in the settings. RetryLater tells why the broker cannot be had.

    First as the service does, to hear how long it keeps a session, and leave so that none stays. Then without one, to
    hear which filters it grants, and what it tells of itself.
    """
    client, heard = _client(settings, settings.session_expiry_s)
    _visit(client, heard, settings, within_s)
    _leave(client, settings)
    granted = heard.properties
    client, heard = _client(settings, 0)
    _visit(client, heard, settings, within_s)
    try:
        _subscribe(client, heard, settings, within_s)
    finally:
        _leave(client, settings)
    refused = [f"{topic}: {code}" for topic, code in zip(settings.topics, heard.codes, strict=False) if code.is_failure]
    return BrokerSeen(
        expiry_s=_property(granted, "SessionExpiryInterval", settings.session_expiry_s) if _is_v5(settings) else None,
        most_qos=_property(granted, "MaximumQoS", 2),
        in_flight=_property(granted, "ReceiveMaximum", 65_535) if _is_v5(settings) else None,
        refused=tuple(refused),
        version=heard.news.get(_VERSION),
        dropped=int(heard.news[_DROPPED]) if heard.news.get(_DROPPED, "").isdigit() else None,
    )


def _is_v5(settings: MqttSettings) -> bool:
    return settings.protocol == "5"


def _property(properties: Properties | None, name: str, usual: int) -> int:
    """A number that a CONNACK carries where it is not the usual one."""
    return int(getattr(properties, name, usual)) if properties is not None else usual


def _client(settings: MqttSettings, expiry_s: int) -> tuple[paho.Client, _Answers]:
    """A client that has not begun; one that ends badly leaves a session without any filter."""
    v5 = _is_v5(settings)
    heard = _Answers()
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        clean_session=None if v5 else True,
        protocol=paho.MQTTv5 if v5 else paho.MQTTv311,
        reconnect_on_failure=False,
    )
    if settings.user is not None:
        secret = settings.password_file
        client.username_pw_set(
            settings.user, None if secret is None else secret.read_text(encoding="utf-8").rstrip("\r\n")
        )
    if settings.tls:
        client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file))
    asked = None
    if v5:
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        asked.SessionExpiryInterval = expiry_s
        asked.ReceiveMaximum = settings.receive_maximum
    _listen(client, heard)
    client.connect_async(
        settings.host, settings.port, settings.keep_alive_s, clean_start=v5 or paho.MQTT_CLEAN_START_FIRST_ONLY,
        properties=asked,
    )  # fmt: skip
    return client, heard


def _listen(client: paho.Client, heard: _Answers) -> None:
    def connected(
        _client: paho.Client, _data: object, _flags: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        heard.refusal, heard.properties = str(code) if code.is_failure else "", properties
        heard.connected.set()

    def failed(_client: paho.Client, _data: object) -> None:
        heard.refusal = "nobody answers there"
        heard.connected.set()

    def subscribed(
        _client: paho.Client, _data: object, _number: int, codes: Sequence[ReasonCode], _properties: Properties | None
    ) -> None:
        heard.codes = codes
        heard.subscribed.set()

    def told(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic in (_VERSION, _DROPPED):
            heard.news[message.topic] = message.payload.decode("utf-8", "replace")[:200]
            if len(heard.news) == 2:
                heard.told.set()

    client.on_connect, client.on_connect_fail = connected, failed
    client.on_subscribe, client.on_message = subscribed, told


def _visit(client: paho.Client, heard: _Answers, settings: MqttSettings, within_s: float) -> None:
    """Begin, and wait for the answer."""
    client.loop_start()
    if not heard.connected.wait(within_s):
        heard.refusal = f"no answer within {within_s:g} s"
    if heard.refusal:
        client.loop_stop()
        raise RetryLater(f"{settings.address}: {heard.refusal}")


def _subscribe(client: paho.Client, heard: _Answers, settings: MqttSettings, within_s: float) -> None:
    filters = [*settings.topics, _VERSION, _DROPPED]
    if _is_v5(settings):
        # What is retained on the plant's topics is not sent; what the broker tells of itself is.
        kinds = [SubscribeOptions.RETAIN_DO_NOT_SEND] * len(settings.topics) + [
            SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        ] * 2
        client.subscribe(
            [(topic, SubscribeOptions(qos=1, retainHandling=kind)) for topic, kind in zip(filters, kinds, strict=True)]
        )
    else:
        client.subscribe([(topic, 1) for topic in filters])
    if not heard.subscribed.wait(within_s):
        raise RetryLater(f"{settings.address}: no answer to SUBSCRIBE within {within_s:g} s")
    heard.told.wait(_NEWS_S)


def _leave(client: paho.Client, settings: MqttSettings) -> None:
    """Say goodbye so that no session stays, and end the thread."""
    farewell = None
    if _is_v5(settings):
        farewell = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]  # paho's
        farewell.SessionExpiryInterval = 0
    client.disconnect(properties=farewell)
    client.loop_stop()
