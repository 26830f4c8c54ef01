"""The outlet for what a plant publishes over MQTT, in the style that a scenario asks for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from simulators.outlets import Outlet
from simulators.servers.broker import Broker
from simulators.servers.mqtt import Login, MqttOutlet, MqttPublisher
from simulators.servers.mqtt_payloads import JsonFormat, Place, PublishedTag, UnsFormat
from simulators.servers.sparkplug import SparkplugEdge

STYLES: Final = ("json", "uns", "sparkplug")


@contextmanager
def open_outlet(  # noqa: PLR0913 - what a scenario says of its MQTT side
    style: str,
    tags: Sequence[PublishedTag],
    host: str,
    port: int,
    protocol: str = "5",
    *,
    broker: Broker | None = None,
    place: Place | None = None,
    seed: int = 1,
    patient: bool = False,
    login: Login | None = None,
) -> Iterator[Outlet]:
    """Connect to a broker and publish there until the block ends; ValueError for a style that there is not.

    `broker` is the broker itself where the bench started it, for the faults that stop it: `port` may be a proxy's.
    `patient`: it waits for a slow broker where a device would lose values.
    """
    if style not in STYLES:
        message = f"no MQTT style {style!r}: choose one of {', '.join(STYLES)}"
        raise ValueError(message)
    if style == "sparkplug":
        if login is not None:
            raise ValueError("a Sparkplug node has no login here: choose json or uns")
        with SparkplugEdge(host, port, protocol, tags, broker=broker, seed=seed, patient=patient) as edge:
            yield edge
        return
    form = JsonFormat(tags) if style == "json" else UnsFormat(tags, place)
    with MqttPublisher(host, port, protocol, login=login) as publisher:
        yield MqttOutlet(publisher, form, broker, seed, patient=patient)
