"""Where the plant can be read: addresses, names, and what may happen to the servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from pytest_thermowell.plant import Fault, Plant

NAMESPACE: Final = "urn:thermowell:simulated-plant"


class _Server:
    """A server of the plant, by its name there."""

    name: str

    def __init__(self, plant: Plant) -> None:
        self.plant = plant

    @contextmanager
    def broken(self, kind: str, **more: Any) -> Iterator[Fault]:
        """Break the server for the time of a `with` block: see `plant.catalogue`."""
        with self.plant.broken(kind, self.name, **more) as fault:
            yield fault


class OpcuaServer(_Server):
    """The OPC UA server. A tag `R101.TT` is the node `s=R101.TT` of `namespace`."""

    name = "opcua"
    namespace = NAMESPACE

    @property
    def url(self) -> str:
        """`opc.tcp://…`."""
        return str(self.plant.addresses["opcua"])

    def node(self, tag: str) -> str:
        """A tag's node as `nsu=…;s=…`, whatever the index of its namespace is just now."""
        return f"nsu={self.namespace};s={tag}"

    def down(self, namespace_order: str = "same") -> Any:
        """The server is down for the time of a `with` block; afterwards its namespaces may be `swapped`."""
        return self.broken("server_restart", namespace_order=namespace_order, lasts="30d")


class MqttBroker(_Server):
    """The MQTT broker that the plant publishes to."""

    name = "mqtt"

    @property
    def url(self) -> str:
        """`mqtt://host:port`."""
        return str(self.plant.addresses["mqtt"])

    @property
    def host(self) -> str:
        """Its host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.plant.addresses["mqtt_port"])

    @property
    def protocol(self) -> str:
        """`5` or `3.1.1`."""
        return str(self.plant.addresses["mqtt_protocol"])

    def down(self, persistence: str = "kept") -> Any:
        """The broker is down for the time of a `with` block; its sessions and queues are `kept` or `lost`."""
        return self.broken("broker_restart", persistence=persistence, lasts="30d")


class SparkplugEdge(MqttBroker):
    """The plant as a Sparkplug B edge node: a unit is a device, its tags are metrics."""

    group = "thermowell"
    node = "plant"

    def topic(self, kind: str, device: str = "") -> str:
        """The topic of a message: `NBIRTH`, `DDATA`, `NCMD` … of the node, or of one of its devices."""
        return "/".join(("spBv1.0", self.group, kind, self.node, *([device] if device else [])))
