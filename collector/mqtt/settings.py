"""How to reach a broker, and what to ask of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from domain.telling import AmountFault, any_unit

HOUR_S = 3600
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """One broker and our session on it. Times are wall-clock seconds, also on a scaled plant.

    `client_id` must stay the same for the life of the source: the broker keeps our messages under it. A session expiry
    of 0 asks for no session at all (looking, not recording). `broker_queue` is how many messages the broker is known
    to keep for an absent client; fewer waiting ones prove that none was dropped (mosquitto, HiveMQ, EMQX: 1,000).
    `receive_path` "stock" reads with unchanged paho, for the day its internals change.
    """

    name: str
    host: str
    client_id: str
    topics: tuple[str, ...]
    port: int = 1883
    tls: bool = False
    ca_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    protocol: Literal["5", "3.1.1"] = "5"
    session_expiry_s: int = 24 * HOUR_S
    receive_maximum: int = 5_000
    keep_alive_s: int = 10
    broker_queue: int = 1_000
    packet_most_bytes: int = 1 << 20
    tag_names: frozenset[str] = frozenset()  # of all sources: calibrations of them may be told by events
    amount_fault: AmountFault = any_unit  # judges the units of amounts that events tell
    event_topics: tuple[str, ...] = ()  # exact topics, whose messages tell what happens to batches
    pause_s: float = 0.005  # before each recv, so that one takes many messages
    reconnect_first_s: float = 0.2
    reconnect_most_s: float = 30.0
    receive_path: Literal["fast", "stock"] = "fast"

    def __post_init__(self) -> None:
        """Refuse what no broker can accept; ValueError names the source and the field."""
        if not self.client_id:
            raise ValueError(f"source {self.name!r}: an MQTT session needs a client id")
        if not self.topics:
            raise ValueError(f"source {self.name!r}: topics must name at least one topic filter")
        for topic in self.topics:
            if not is_filter(topic):
                raise ValueError(f"source {self.name!r}: {topic!r} is no topic filter")
        if not 1 <= self.receive_maximum <= 65_535:
            raise ValueError(f"source {self.name!r}: receive_maximum {self.receive_maximum} is not in 1…65535")
        if not 0 < self.keep_alive_s <= 65_535:
            raise ValueError(f"source {self.name!r}: keep_alive_s {self.keep_alive_s} is not in 1…65535")

    @property
    def address(self) -> str:
        """`host:port`, for messages."""
        return f"{self.host}:{self.port}"


def is_filter(topic: str) -> bool:
    """Tell whether a text is a topic filter (MQTT 5, 4.7): `+` for a whole level, `#` for all the last ones."""
    levels = topic.split("/")
    plain = all(level == "+" or not ("+" in level or "#" in level) for level in levels[:-1])
    return bool(topic) and "\0" not in topic and plain and (levels[-1] in ("+", "#") or not set("+#") & set(levels[-1]))


def read_url(url: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS, from `mqtt://host[:port]` or `mqtts://host[:port]`; ValueError names the URL."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no broker address: mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")
    if parts.username or parts.password:
        raise ValueError(
            f"a broker address carries no password: give user and password_file instead ({parts.hostname})"
        )
    return parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme == "mqtts"


def stable_client_id(site: str, source: str) -> str:
    """The client id of a source of a site: the same after every restart, printable ASCII only."""
    text = f"thermowell-{site}-{source}"
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in text)
