"""One run of the OPC UA server, from a start to a stop: what lives no longer than its sessions."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from asyncua import Server, ua

from simulators.outlets import Update
from simulators.servers.opcua_history import HistoryReads, RecentHistory
from simulators.servers.opcua_nodes import Place
from simulators.servers.opcua_security import Gate, stand_before
from simulators.servers.opcua_times import to_datetime

_CLOCK_EVERY_S: Final = 1.0
_CLOSING_S: Final = 0.05
_BIND_WITHIN_S: Final = 10.0  # a port that was just let go may be held by its last connections
_LOOK_AGAIN_S: Final = 0.02
_UNKNOWN: Final = ua.StatusCodes.BadNodeIdUnknown


class Run:
    """One run of the server, from a start to a stop."""

    def __init__(self, server: Server, places: Mapping[str, Place], now: Callable[[], datetime]) -> None:
        self._server = server
        self._places = places
        self._now = now
        self._away: dict[str, object] = {}  # asyncua's nodes that are not in the address space now, by name
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, gate: Gate) -> None:
        """Listen; OSError if the port stays taken."""
        give_up_s = time.monotonic() + _BIND_WITHIN_S
        while True:
            try:
                await self._server.start()
                break
            except OSError:
                if time.monotonic() >= give_up_s:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)
        stand_before(self._server, gate)
        self._ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Stop listening and end every session and subscription."""
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
        self.hang_up()
        for session in list(self._server.iserver._external_sessions.values()):  # noqa: SLF001 - else they wait for their time-out
            await session.close_session(True)
        await self._server.stop()
        # asyncua closes its connections without waiting: let the loop finish that before it may end.
        await asyncio.sleep(_CLOSING_S)

    def add_history(self, history: RecentHistory) -> None:
        """Let clients read the past of every tag."""
        internal = self._server.iserver
        variants = {place.node: (name, place.variant) for name, place in self._places.items()}
        internal.history_manager = HistoryReads(internal, history, variants)

    def fullness(self) -> float:
        """How full the fullest queue of a subscription is, 0 … 1."""
        share: float = self._server.iserver.subscription_service.fullness()
        return share

    def hang_up(self) -> None:
        """End every connection."""
        for transport in list(self._server.iserver.asyncio_transports):
            transport.abort()

    async def publish(self, update: Update) -> None:
        """Give a node its new value, without a session's checks; one that is away gets it when it is back."""
        if update.name in self._away:
            return
        place = self._places[update.name]
        value = ua.DataValue(
            ua.Variant(update.value, place.variant),
            ua.StatusCode(update.status),
            None if update.time_ns is None else to_datetime(update.time_ns),
            ServerTimestamp=None if update.server_ns is None else to_datetime(update.server_ns),
        )
        write = self._server.iserver.aspace.write_attribute_value
        status = await write(place.node, ua.AttributeIds.Value, value)
        if not status.is_good():
            message = f"node {update.name}: {update.value!r} is refused, {status.name}"
            raise ValueError(message)

    async def keep_away(self, names: frozenset[str], newest: Mapping[str, Update]) -> None:
        """Take exactly these nodes out of the address space, and put back the others with their newest value.

        Whoever monitored a node is told Bad_NodeIdUnknown once, and nothing more: its item is dead, also when the node
        is back.
        """
        space = self._server.iserver.aspace
        for name in sorted(names - self._away.keys()):
            node = self._places[name].node
            value = space[node].attributes[ua.AttributeIds.Value]
            gone = ua.DataValue(StatusCode=ua.StatusCode(_UNKNOWN), ServerTimestamp=self._now())
            for handle, tell in list(value.datachange_callbacks.items()):
                await tell(handle, gone)
                space.delete_datachange_callback(handle)
            self._away[name] = space[node]
            del space[node]
        for name in sorted(self._away.keys() - names):
            space[self._places[name].node] = self._away.pop(name)
            if name in newest:
                await self.publish(newest[name])

    async def _tick(self) -> None:
        """Keep the server's own clock, which asyncua would set to the wall's."""
        while True:
            await self._server.iserver.current_time_node.write_value(self._now())
            await asyncio.sleep(_CLOCK_EVERY_S)
