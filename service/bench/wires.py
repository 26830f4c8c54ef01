"""The network of a world: connections between two ends, with the ways in which a real one fails."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from simulators.faults.catalogue import CATALOGUE
from simulators.faults.spec import FaultChange, FaultSpec

NETWORK_KINDS: Final = frozenset({"cut", "blackhole", "slow", "half_open"})

Call = Callable[[], None]


class Wire:
    """One connection. What goes in at one end comes out at the other in order, later; or never, after a cut."""

    def __init__(self, network: "Network", at_client_lost: Call, at_server_lost: Call = lambda: None) -> None:
        self._network = network
        self.at_client_lost = at_client_lost
        self.at_server_lost = at_server_lost
        self._ends_open = [True, True]
        self._busy_until_s = [0.0, 0.0]
        self._on_the_way: tuple[deque[Call], deque[Call]] = (deque(), deque())
        self._held: list[tuple[int, Call]] = []  # while nothing gets through

    def to_server(self, call: Call) -> None:
        """The client sends something that does this at the server."""
        self._send(1, call)

    def to_client(self, call: Call) -> None:
        """The server sends something that does this at the client."""
        self._send(0, call)

    def close(self) -> None:
        """The client ends the connection; the server hears of it, if anything gets through."""
        self._ends_open[0] = False
        self._send(1, self._server_hears)

    def vanish(self) -> None:
        """The client's machine is off: nobody tells the server."""
        self._ends_open[0] = False

    def cut(self) -> None:
        """Both ends hear at once that it is over; what was on its way is lost."""
        self._held.clear()
        for end in (0, 1):
            self._end(end)
        self._network.gone(self)

    def forget_at_server(self) -> None:
        """The server's end is gone, and nobody tells the client."""
        self._end(1)

    def let_through(self) -> None:
        """What was held comes out now: the ends have sent it again and again meanwhile."""
        held, self._held = self._held, []
        for end, call in held:
            self._schedule(end, call)

    def _send(self, end: int, call: Call) -> None:
        if self._network.is_blocked:
            self._held.append((end, call))
        else:
            self._schedule(end, call)

    def _schedule(self, end: int, call: Call) -> None:
        loop = self._network.loop
        arrives_s = max(loop.time() + self._network.delay_s(), self._busy_until_s[end])
        self._busy_until_s[end] = arrives_s
        self._on_the_way[end].append(call)
        loop.call_at(arrives_s, self._arrive, end)

    def _arrive(self, end: int) -> None:
        call = self._on_the_way[end].popleft()  # in order: timers of one moment are in none
        if self._network.is_blocked:
            self._held.append((end, call))
        elif self._ends_open[end]:
            call()

    def _server_hears(self) -> None:
        self._end(1)
        self._network.gone(self)

    def _end(self, end: int) -> None:
        if self._ends_open[end]:
            self._ends_open[end] = False
            (self.at_server_lost if end else self.at_client_lost)()


@dataclass(slots=True)
class Network:
    """The way to one server. `latency_s` is one way; faults are those of the catalogue's network kinds."""

    loop: asyncio.AbstractEventLoop
    chance: Random
    latency_s: float = 0.001
    wires: list[Wire] = field(default_factory=list)
    _active: dict[str, FaultSpec] = field(default_factory=dict)

    @property
    def is_cut(self) -> bool:
        """Whether connections are refused."""
        return any(spec.kind == "cut" for spec in self._active.values())

    @property
    def is_blocked(self) -> bool:
        """Whether nothing gets through, and nobody is told."""
        return any(spec.kind == "blackhole" for spec in self._active.values())

    def delay_s(self) -> float:
        """How long something takes one way, this time."""
        delay_s = self.latency_s
        for spec in self._active.values():
            if spec.kind == "slow":
                delay_s += _number(spec, "delay") + _number(spec, "jitter") * self.chance.random()
        return delay_s

    def connect(self, at_client_lost: Call) -> Wire:
        """A new connection; the caller has made sure that there can be one."""
        wire = Wire(self, at_client_lost)
        self.wires.append(wire)
        return wire

    def gone(self, wire: Wire) -> None:
        """A connection is over at both ends."""
        if wire in self.wires:
            self.wires.remove(wire)

    def hang_up(self) -> None:
        """The server closes every connection."""
        for wire in list(self.wires):
            wire.cut()

    def fault(self, change: FaultChange) -> None:
        """A fault of the network begins or ends; others are ignored."""
        spec = change.spec
        if spec.kind not in NETWORK_KINDS:
            return
        self._active.pop(spec.id, None)
        if change.active:
            self._active[spec.id] = spec
        if spec.kind == "cut" and change.active:
            self.hang_up()
        elif spec.kind == "half_open" and change.active:
            for wire in self.wires:
                wire.forget_at_server()
        elif spec.kind == "blackhole" and not change.active and not self.is_blocked:
            for wire in list(self.wires):
                wire.let_through()


def _number(spec: FaultSpec, name: str) -> float:
    value = spec.settings.get(name, CATALOGUE[spec.kind].settings[name].default)
    assert value is not None
    return float(value)
