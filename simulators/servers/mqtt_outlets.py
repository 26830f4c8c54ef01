"""The outlet for what a plant publishes over MQTT, in the style that a scenario asks for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from simulators.outlets import Outlet
from simulators.servers.broker import Broker
from simulators.servers.mqtt import MqttOutlet, MqttPublisher
from simulators.servers.mqtt_payloads import JsonFormat, Place, PublishedTag, UnsFormat
from simulators.servers.sparkplug import SparkplugEdge

STYLES: Final = ("json", "uns", "sparkplug")


@contextmanager
def open_outlet(
    style: str,
    tags: Sequence[PublishedTag],
    host: str,
    port: int,
    protocol: str = "5",
    *,
    broker: Broker | None = None,
    place: Place | None = None,
    seed: int = 1,
) -> Iterator[Outlet]:
    """Connect to a broker and publish there until the block ends; ValueError for a style that there is not.

    `broker` is the broker itself where the bench started it, for the faults that stop it: `port` may be a proxy's.
    """
    if style not in STYLES:
        message = f"no MQTT style {style!r}: choose one of {', '.join(STYLES)}"
        raise ValueError(message)
    if style == "sparkplug":
        with SparkplugEdge(host, port, protocol, tags, broker=broker, seed=seed) as edge:
            yield edge
        return
    form = JsonFormat(tags) if style == "json" else UnsFormat(tags, place)
    with MqttPublisher(host, port, protocol) as publisher:
        yield MqttOutlet(publisher, form, broker, seed)
