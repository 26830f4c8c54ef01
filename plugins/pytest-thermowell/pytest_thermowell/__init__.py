"""pytest fixtures of a chemical plant that can be broken on purpose.

The plant runs in a process of its own (`thermowell bench serve`); this package needs pytest and nothing else.
"""

from pytest_thermowell.control import Refused, Unreachable
from pytest_thermowell.fixtures import (
    mqtt_broker,
    network,
    opcua_server,
    plant,
    pytest_addoption,
    pytest_configure,
    sparkplug_edge,
)
from pytest_thermowell.network import Network
from pytest_thermowell.plant import Fault, Plant, Unit
from pytest_thermowell.process import NotServed
from pytest_thermowell.servers import MqttBroker, OpcuaServer, SparkplugEdge

__all__ = [
    "Fault",
    "MqttBroker",
    "Network",
    "NotServed",
    "OpcuaServer",
    "Plant",
    "Refused",
    "SparkplugEdge",
    "Unit",
    "Unreachable",
    "mqtt_broker",
    "network",
    "opcua_server",
    "plant",
    "pytest_addoption",
    "pytest_configure",
    "sparkplug_edge",
]
