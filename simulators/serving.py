"""`bench serve`: a scenario on real servers, on a scaled clock, steered while it runs."""

import asyncio
import logging
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from domain.time import ScaledTime
from simulators.campaign import Campaign
from simulators.clock import ScaledClock
from simulators.faults.catalogue import CATALOGUE
from simulators.faults.kind import Domain
from simulators.faults.spec import FaultSpec
from simulators.live import FASTEST, LivePlant, NotPossible
from simulators.nodes import node_specs, published_tags
from simulators.outlets import Outlet
from simulators.scenario import Scenario
from simulators.servers import broker
from simulators.servers.control import ControlServer
from simulators.servers.control_desk import Desk
from simulators.servers.mqtt import Login, MqttOutlet
from simulators.servers.mqtt_events import BatchTeller
from simulators.servers.mqtt_outlets import open_outlet
from simulators.servers.network import NetworkProxy
from simulators.servers.opcua import OpcUaServer, Security
from simulators.servers.opcua_conditions import NEED_SECURITY
from simulators.servers.opcua_methods import BenchMethods
from simulators.servers.ports import free_port, require_free
from simulators.told import tell
from simulators.truth.files import write_truth
from simulators.truth.profile import Profile
from simulators.truth.recorder import TruthRecorder

logger = logging.getLogger(__name__)

_HOST: Final = "127.0.0.1"
_BROKER_KINDS: Final = frozenset({"broker_restart", "broker_queue_overflow"})

Say = Callable[[Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a scenario is served. A port 0 is a free one, told in the ready line; None: there is no such thing.

    `broker_port`: a broker that runs already; else one is started where the scenario has MQTT. `networks`: proxies
    stand before the servers, so that the network can be broken. `wall_origin_ns`: when the plant's clock shows the
    scenario's start; it may lie ahead; None: when everything is up. `users` (name -> password) come in where the
    scenario has security. `profile` is what the truth takes for normal; without it a fault is visible by limits alone.
    """

    opcua_port: int = 0
    mqtt_port: int = 0
    broker_port: int | None = None
    broker_host: str = _HOST  # of the broker that runs already
    broker_login: Login | None = None
    protocol: str | None = None  # of MQTT; None: the scenario's, as far as the broker speaks it
    control_port: int | None = 0
    token: str = ""
    networks: bool = True
    speed: float | None = None  # None: the scenario's
    paused: bool = False  # the clock stands at first
    seed: int | None = None
    wall_origin_ns: int | None = None
    clock_file: Path | None = None
    out: Path | None = None  # truth is written there at the end
    certificates: Path | None = None  # folder of the server's key and certificate; None: a temporary one
    users: Mapping[str, str] = field(default_factory=dict)
    embedded_broker: bool = False
    profile: Profile | None = None


async def serve(
    scenario: Scenario, options: ServeOptions, say: Say | None = None, stop: asyncio.Event | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or `stop`; `say` gets the ready line's content (default: a line on stdout).

    NotPossible: the scenario has a fault that this bench cannot show, or the speed is none. OSError: a port is
    taken, or the truth cannot be written to `out`, which is tried first.
    """
    if options.out is not None:
        make_out(options.out)
    ends = stop if stop is not None else _stopped_by_signal()
    async with AsyncExitStack() as stack:
        served = await _Stage(scenario, options, stack).build()
        (say or tell)({"ready": True, **served.addresses})
        try:
            await served.plant.run(ends)
        finally:
            if options.out is not None:
                _tell_truth(served, options.out)


def make_out(folder: Path) -> None:
    """Make the folder of a truth, and try whether files can be written there; OSError says why not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "it is a file" if folder.is_file() else error.strerror or str(error)
        raise OSError(f"no truth can be written to {folder}: {reason}") from error


@dataclass(frozen=True, slots=True)
class _Served:
    plant: LivePlant
    recorder: TruthRecorder
    addresses: dict[str, object]


def _tell_truth(served: _Served, folder: Path) -> None:
    """Write the truth, unless the plant has stood all the time: then there is none."""
    if served.plant.campaign.second <= 0:
        logger.warning("no truth is written to %s: the plant's clock has not moved", folder)
        return
    write_truth(served.recorder.truth(), folder)


class _Stage:
    """Puts servers, proxies and the control interface up, one before the other."""

    def __init__(self, scenario: Scenario, options: ServeOptions, stack: AsyncExitStack) -> None:
        self._scenario = scenario
        self._options = options
        self._stack = stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self._outlets: dict[str, Outlet] = {}
        self._networks: list[NetworkProxy] = []
        self._methods = BenchMethods()
        self._broker: broker.Broker | None = None

    async def build(self) -> _Served:
        """Everything that the scenario asks for, up and with the plant's first values."""
        scenario, options = self._scenario, self._options
        if not 0 < self._speed <= FASTEST:
            raise NotPossible("speed", f"{self._speed:g} is not above 0 and at most {FASTEST:g}")
        campaign = Campaign(scenario, options.seed)
        recorder = TruthRecorder(scenario, options.profile, keep_values=options.out is not None)
        campaign.observers.append(recorder)
        clock = self._clock()
        addresses: dict[str, object] = {"scenario": scenario.name, "seed": campaign.seed, "speed": self._speed}
        if scenario.servers.opcua:
            addresses["opcua"] = await self._serve_opcua(campaign, clock)
        if scenario.servers.mqtt:
            addresses |= await self._serve_mqtt(campaign)
        plant = LivePlant(campaign, clock, self._outlets, self._networks, self._obstacle, self._speed)
        await plant.open()
        desk = Desk(plant, addresses, recorder.labels)
        if options.control_port is not None:
            control = await self._stack.enter_async_context(ControlServer(desk, options.control_port, options.token))
            addresses["control"] = control.url
            if not options.token:
                self._methods.desk = desk
        if plant.paused and not options.paused:
            await plant.resume()
        origins = {"wall_origin": clock.scaled.wall_origin_ns, "plant_origin": clock.scaled.plant_origin_ns}
        addresses |= {**origins, "paused": plant.paused}
        return _Served(plant, recorder, addresses)

    def _clock(self) -> ScaledClock:
        """The plant's clock: it stands until everything is up, unless it has an agreed origin."""
        origin_ns = self._options.wall_origin_ns
        runs = origin_ns is not None and not self._options.paused
        wall_ns = time.time_ns() if origin_ns is None else origin_ns
        scaled = ScaledTime(wall_ns, self._scenario.start_ns, self._speed if runs else 0.0)
        return ScaledClock(scaled, self._options.clock_file, self._speed)

    @property
    def _speed(self) -> float:
        return self._scenario.speed if self._options.speed is None else self._options.speed

    async def _serve_opcua(self, campaign: Campaign, clock: ScaledClock) -> str:
        """Start the OPC UA server; returns its address."""
        scenario, options = self._scenario, self._options
        behind = options.networks
        steered = options.control_port is not None and not options.token
        if options.opcua_port and not behind:
            require_free(options.opcua_port)
        server = OpcUaServer(
            free_port() if behind or not options.opcua_port else options.opcua_port,
            node_specs(campaign.tags, scenario.layout),
            self._security(),
            now_ns=clock.now_ns,
            origin_ns=scenario.start_ns,
            extension=self._methods.add if steered else None,
        )
        self._outlets["opcua"] = await self._stack.enter_async_context(server)
        if not behind:
            return server.url
        proxy = await self._proxy("opcua", server.port, options.opcua_port)
        return f"opc.tcp://{_HOST}:{proxy.port}/"

    def _security(self) -> Security | None:
        if not self._scenario.servers.security:
            return None
        return Security(self._options.certificates or self._folder / "certificates", self._options.users)

    async def _serve_mqtt(self, campaign: Campaign) -> dict[str, object]:
        """Start the broker, where there is none yet, and publish to it; returns its addresses."""
        scenario, options = self._scenario, self._options
        port, protocol = options.broker_port, options.protocol or scenario.servers.protocol
        host = _HOST if port is None else options.broker_host
        if port is None:
            self._broker = await asyncio.to_thread(
                broker.start, self._folder / "broker", embedded=options.embedded_broker
            )
            self._stack.push_async_callback(asyncio.to_thread, self._broker.stop)
            port = self._broker.port
            protocol = min(protocol, self._broker.protocol)  # "3.1.1" is less than "5"
        outlet = open_outlet(
            scenario.servers.mqtt,
            published_tags(campaign.tags),
            host,
            port,
            protocol,
            broker=self._broker,
            seed=campaign.seed,
            login=options.broker_login,
        )
        self._outlets["mqtt"] = served = self._stack.enter_context(outlet)
        if scenario.servers.events and isinstance(served, MqttOutlet):
            teller = BatchTeller(scenario.layout, scenario.start_ns, messages=served.beside)
            campaign.observers.append(teller)
        if options.networks:
            host, port = _HOST, (await self._proxy("mqtt", port, options.mqtt_port)).port
        return {"mqtt": f"mqtt://{host}:{port}", "mqtt_port": port, "mqtt_protocol": protocol}

    async def _proxy(self, name: str, target_port: int, port: int) -> NetworkProxy:
        proxy = await self._stack.enter_async_context(NetworkProxy(name, target_port, port, seed=self._scenario.seed))
        self._networks.append(proxy)
        return proxy

    def _obstacle(self, spec: FaultSpec) -> str | None:
        """Why this bench cannot show a fault; None: it can."""
        kind = CATALOGUE[spec.kind]
        if spec.target in ("opcua", "mqtt") and spec.target not in self._outlets:
            return f"there is no {spec.target} server here"
        if kind.domain is Domain.NETWORK and not self._options.networks:
            return f"{spec.kind} needs a proxy before the server, and there is none"
        if spec.kind in NEED_SECURITY and not self._scenario.servers.security:
            return f"{spec.kind} needs a server with security"
        if spec.kind in _BROKER_KINDS and self._broker is None:
            return f"{spec.kind} needs a broker that the bench started itself"
        return None


def _stopped_by_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
