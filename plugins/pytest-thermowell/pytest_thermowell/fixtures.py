"""The fixtures, and how a test suite says which plant it wants."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_thermowell.control import Control
from pytest_thermowell.network import Network
from pytest_thermowell.plant import Plant
from pytest_thermowell.process import BenchProcess
from pytest_thermowell.servers import MqttBroker, OpcuaServer, SparkplugEdge

_SCOPES: Final = ("function", "module", "package", "session")
_STYLES: Final = ("json", "uns", "sparkplug")
_SCENARIO: Final = """\
name: pytest
teaches: A plant in which nothing goes wrong, unless a test breaks it.
lasts: 30d
servers: {{mqtt: {mqtt}}}
"""


@dataclass(frozen=True)
class Wanted:
    """Which plant a test wants: the arguments of its marker, else the ini file's."""

    scenario: str = ""  # a file, or a name of the bench's library; empty: a plant in which nothing goes wrong
    mqtt: str = "json"
    seed: int | None = None
    speed: float = 60.0
    paused: bool = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """The ini options."""
    parser.addini(
        "thermowell_command", "how to start the bench; the variable THERMOWELL_COMMAND goes first", default=""
    )
    parser.addini("thermowell_scenario", "the plant's scenario: a file, or a name of the bench's library", default="")
    parser.addini("thermowell_scope", f"how long a plant lives: {', '.join(_SCOPES)}", default="module")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "thermowell(scenario='', mqtt='json', seed=None, speed=60.0, paused=False): "
        "which plant the tests of a module (or this test, where thermowell_scope is function) want",
    )


def _scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ARG001 - pytest asks by these names
    scope = config.getini("thermowell_scope")
    if scope not in _SCOPES:
        raise pytest.UsageError(f"thermowell_scope is {scope!r}: choose one of {', '.join(_SCOPES)}")
    return scope


@pytest.fixture(scope=_scope)
def plant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A plant that is served: its clock, its units, and what is broken in it."""
    wanted = _wanted(request)
    folder = tmp_path_factory.mktemp("thermowell")
    bench = BenchProcess(_command(request.config), _arguments(wanted, request, folder), folder)
    try:
        yield Plant(Control(bench.ready["control"]), bench.ready)
    finally:
        bench.stop()


@pytest.fixture(scope=_scope)
def opcua_server(plant: Plant) -> OpcuaServer:
    """The plant's OPC UA server."""
    return OpcuaServer(_served(plant, "opcua"))


@pytest.fixture(scope=_scope)
def mqtt_broker(plant: Plant) -> MqttBroker:
    """The MQTT broker that the plant publishes to."""
    return MqttBroker(_served(plant, "mqtt"))


@pytest.fixture(scope=_scope)
def sparkplug_edge(request: pytest.FixtureRequest, plant: Plant) -> SparkplugEdge:
    """The plant as a Sparkplug B edge node."""
    if _wanted(request).mqtt != "sparkplug":
        pytest.fail(
            "the plant publishes plain messages: mark the tests with thermowell(mqtt='sparkplug')", pytrace=False
        )
    return SparkplugEdge(_served(plant, "mqtt"))


@pytest.fixture(scope=_scope)
def network(plant: Plant) -> Network:
    """The network before the plant's servers: cut, blackhole, slow, half open."""
    return Network(plant)


def _served(plant: Plant, name: str) -> Plant:
    if name not in plant.addresses:
        pytest.fail(f"the scenario {plant.addresses.get('scenario')!r} has no {name} server", pytrace=False)
    return plant


def _wanted(request: pytest.FixtureRequest) -> Wanted:
    marker = request.node.get_closest_marker("thermowell")
    if marker is None:
        return Wanted()
    try:
        wanted = Wanted(*marker.args, **marker.kwargs)
    except TypeError as error:
        raise pytest.UsageError(f"the marker thermowell of {request.node.nodeid}: {error}") from error
    if wanted.mqtt not in _STYLES:
        raise pytest.UsageError(f"the marker thermowell of {request.node.nodeid}: mqtt is one of {', '.join(_STYLES)}")
    return wanted


def _command(config: pytest.Config) -> list[str]:
    return shlex.split(os.environ.get("THERMOWELL_COMMAND") or config.getini("thermowell_command") or "thermowell")


def _arguments(wanted: Wanted, request: pytest.FixtureRequest, folder: Path) -> list[str]:
    arguments = [_scenario(wanted, request, folder), "--speed", f"{wanted.speed:g}"]
    if wanted.seed is not None:
        arguments += ["--seed", str(wanted.seed)]
    return [*arguments, "--paused"] if wanted.paused else arguments


def _scenario(wanted: Wanted, request: pytest.FixtureRequest, folder: Path) -> str:
    """The scenario's file: beside the tests, below the root, or written here; or its name in the library."""
    chosen: str = wanted.scenario or request.config.getini("thermowell_scenario")
    if not chosen:
        file = folder / "pytest.yaml"
        file.write_text(_SCENARIO.format(mqtt=wanted.mqtt), encoding="utf-8")
        return str(file)
    beside = Path(str(getattr(request.node, "path", request.config.rootpath)))
    for place in (beside.parent, request.config.rootpath):
        if (place / chosen).is_file():
            return str(place / chosen)
    return chosen
