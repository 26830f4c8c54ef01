"""A real OPC UA server for a plant: typed nodes in folders, history, security, and faults on demand."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from asyncua import Server, ua

from simulators.faults.spec import FaultChange
from simulators.outlets import Update
from simulators.servers.opcua_conditions import NEED_SECURITY, Conditions, number, setting
from simulators.servers.opcua_history import RecentHistory, Row
from simulators.servers.opcua_internal import PlantInternalServer
from simulators.servers.opcua_nodes import NodeSpec, Place, build, build_neighbour
from simulators.servers.opcua_queues import Thinning
from simulators.servers.opcua_run import Run
from simulators.servers.opcua_security import Gate, Security, Users, secure
from simulators.servers.opcua_times import to_datetime

__all__ = ["NAMESPACE", "NEIGHBOUR", "Limits", "NodeSpec", "OpcUaServer", "Security", "Update"]

NAMESPACE: Final = "urn:thermowell:simulated-plant"
NEIGHBOUR: Final = "urn:thermowell:simulated-neighbour"
"""The other namespace, with nodes of the same names: before the plant's, or behind it."""

_APPLICATION: Final = f"{NAMESPACE}:server"
_LOOK_AGAIN_S: Final = 0.02
_HALF_FULL: Final = 0.5

Extension = Callable[[Server, int], Awaitable[None]]
"""Adds what is not a tag to a server that is about to start, under the plant's namespace index: methods."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes in one call, as it tells in its capabilities, and how much history it keeps per node."""

    reads: int = 1000
    monitored_items: int = 1000
    history_rows: int = 5000


class OpcUaServer:
    """Serves nodes on the loopback; `async with` starts and stops it. It is a `simulators.outlets.Outlet`.

    `now_ns` is the plant's clock, and `origin_ns` the plant's time at second 0 of its campaign, where faults start.
    Values that come while the server is down are what it starts with; nobody is told those between.
    """

    def __init__(
        self,
        port: int,
        nodes: Sequence[NodeSpec],
        security: Security | None = None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        origin_ns: int = 0,
        limits: Limits = Limits(),
        extension: Extension | None = None,
    ) -> None:
        self.port = port
        self.url = f"opc.tcp://127.0.0.1:{port}/"
        self.starts = 0
        self._specs = tuple(nodes)
        self._security = security
        self._now_ns = now_ns
        self._origin_ns = origin_ns
        self._limits = limits
        self._extension = extension
        self._conditions = Conditions(tuple(spec.name for spec in nodes))
        self._history = RecentHistory(limits.history_rows)
        self._newest: dict[str, Update] = {}
        self._neighbour_first = False
        self._gate = Gate()
        self._thinning = Thinning()
        self._running: Run | None = None

    async def __aenter__(self) -> Self:
        """Build the address space and listen."""
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and end every session."""
        await self._stop()

    async def write(self, updates: Iterable[Update]) -> None:
        """Publish new values, in order; KeyError for a name that is none of the nodes."""
        absent = self._conditions.befallen("source_time_absent")
        for update in updates:
            shown = self._as_shown(update, without_source_time=update.name in absent)
            self._newest[update.name] = shown
            self._remember(shown)
            if self._running is not None:
                await self._running.publish(shown)

    async def fault(self, change: FaultChange) -> None:
        """Let a fault of this server begin or end; ValueError for one that it cannot show."""
        if change.active and change.spec.kind in NEED_SECURITY and self._security is None:
            message = f"fault {change.spec.id}: {change.spec.kind} needs a server with security"
            raise ValueError(message)
        if not self._conditions.take(change, self._origin_ns):
            return
        handler = self._handlers().get(change.spec.kind)
        if handler is not None:
            await handler(change)

    async def settle(self, limit_s: float) -> bool:
        """Wait, where a subscriber's queue is half full, until all is fetched; False: not within the limit."""
        if self._running is None or self._running.fullness() < _HALF_FULL:
            return True
        return await self.taken(limit_s)

    async def taken(self, limit_s: float) -> bool:
        """Wait until subscribers have fetched what is queued for them; False: not within the limit."""
        give_up_s = time.monotonic() + limit_s
        while self._running is not None and self._running.fullness() > 0:
            if time.monotonic() >= give_up_s:
                return False
            await asyncio.sleep(_LOOK_AGAIN_S)
        return True

    def _handlers(self) -> Mapping[str, Callable[[FaultChange], Awaitable[None]]]:
        return {
            "server_restart": self._restart,
            "certificate_expired": self._change_certificate,
            "certificate_refused": self._refuse_clients,
            "nodes_invalid": self._change_nodes,
            "queue_overflow": self._change_queues,
        }

    async def _restart(self, change: FaultChange) -> None:
        """Go down while the fault lasts. Without an end it comes back at once."""
        swapped = setting(change.spec, "namespace_order") == "swapped"
        if change.active:
            await self._stop()
            if change.spec.lasts_s is not None:
                return
        if swapped:
            self._neighbour_first = not self._neighbour_first
        if change.active or not self._conditions.any_of("server_restart"):
            await self._start()

    async def _change_certificate(self, change: FaultChange) -> None:  # noqa: ARG002 - what is so now counts
        if self._running is not None:
            await self._stop()
            await self._start()

    async def _refuse_clients(self, change: FaultChange) -> None:
        self._gate.closed = self._conditions.any_of("certificate_refused")
        if change.active and self._running is not None:
            self._running.hang_up()

    async def _change_nodes(self, change: FaultChange) -> None:  # noqa: ARG002 - as above
        if self._running is not None:
            await self._running.keep_away(self._conditions.befallen("nodes_invalid"), self._newest)

    async def _change_queues(self, change: FaultChange) -> None:
        self._thinning.end(change.spec.id)
        if change.active:
            share = number(change.spec, "dropped")
            self._thinning.begin(change.spec.id, frozenset(self._conditions.tags(change.spec)), share)

    def _as_shown(self, update: Update, *, without_source_time: bool) -> Update:
        """An update with the times that this server's clock gives it."""
        source_ns = update.time_ns
        server_ns = update.server_ns if update.server_ns is not None else source_ns
        if source_ns is not None:
            source_ns += self._conditions.clock_error_ns(source_ns)
        if server_ns is not None:
            server_ns += self._conditions.clock_error_ns(server_ns)
        source_ns = None if without_source_time else source_ns
        return Update(update.name, update.value, source_ns, update.status, server_ns)

    def _remember(self, update: Update) -> None:
        time_ns = update.time_ns if update.time_ns is not None else update.server_ns
        if time_ns is not None:
            value = None if ua.StatusCode(update.status).is_bad() else update.value
            row = Row(time_ns, value, update.status, update.server_ns if update.server_ns is not None else time_ns)
            self._history.add(update.name, row)

    def _server_now(self) -> datetime:
        """What this server's clock shows."""
        now_ns = self._now_ns()
        return to_datetime(now_ns + self._conditions.clock_error_ns(now_ns))

    async def _start(self) -> None:
        if self._running is not None:
            return
        server = await self._new_server()
        await secure(server, self._security, _APPLICATION, expired=self._conditions.any_of("certificate_expired"))
        places = await self._address_space(server)
        run = Run(server, places, self._server_now)
        run.add_history(self._history)
        await run.keep_away(self._conditions.befallen("nodes_invalid"), self._newest)
        for update in self._newest.values():
            await run.publish(update)
        await run.start(self._gate)
        self._running = run
        self.starts += 1

    async def _stop(self) -> None:
        if self._running is not None:
            run, self._running = self._running, None
            await run.stop()

    async def _new_server(self) -> Server:
        limits = self._limits
        users = Users(self._security)
        inner = PlantInternalServer(users, self._thinning, self._server_now, limits.reads, limits.monitored_items)
        server = Server(inner)
        await server.init()
        server.set_endpoint(self.url)
        server.set_server_name("Simulated plant")
        await server.set_application_uri(_APPLICATION)
        return server

    async def _address_space(self, server: Server) -> dict[str, Place]:
        """Register the namespaces in their order, and build what is in them."""
        order = (NEIGHBOUR, NAMESPACE) if self._neighbour_first else (NAMESPACE, NEIGHBOUR)
        index = {uri: await server.register_namespace(uri) for uri in order}
        places = await build(server, self._specs, index[NAMESPACE])
        if self._neighbour_first:
            await build_neighbour(server, self._specs, index[NEIGHBOUR])
        if self._extension is not None:
            await self._extension(server, index[NAMESPACE])
        await _tell_limits(server, self._limits)
        return places


async def _tell_limits(server: Server, limits: Limits) -> None:
    """Write what one call may ask into the server's capabilities (part 5, 6.3.11)."""
    told = {
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead: limits.reads,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall: limits.monitored_items,
    }
    for node, limit in told.items():
        await server.get_node(ua.NodeId(node)).write_value(ua.Variant(limit, ua.VariantType.UInt32))
    history = ua.NodeId(ua.ObjectIds.HistoryServerCapabilities_AccessHistoryDataCapability)
    await server.get_node(history).write_value(True)
