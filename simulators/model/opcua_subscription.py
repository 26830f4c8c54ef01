"""A subscription of the model server: queues, publishing cycles, numbered messages, and what is kept to be sent again.

Part 4, 5.13.1 (publishing state machine) and 5.12.1.5 (queues of monitored items).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.status import OVERFLOW
from simulators.model import opcua_bytes
from simulators.outlets import Value

_HIGHEST_SEQUENCE: Final = 0xFFFF_FFFF


@dataclass(slots=True)
class Served:
    """A value as the server gives it out; a time that is None is not on the wire."""

    value: Value
    status: int
    source_ns: int | None
    server_ns: int | None


@dataclass(slots=True)
class Item:
    """A monitored item: the queue of one node for one subscription. `size` is at least 1; the oldest goes first."""

    handle: int
    node: str
    size: int
    queue: deque[Served] = field(default_factory=deque)
    has_dropped: bool = False  # the oldest in the queue, or the next that comes, follows a dropped value

    def put(self, served: Served) -> None:
        """Queue a value; if there is no room, the oldest is dropped, and the one after it will say so."""
        if len(self.queue) >= self.size:
            self.queue.popleft()
            self.has_dropped = True
        self.queue.append(served)

    def drop(self) -> None:
        """A value came and did not fit."""
        self.has_dropped = True

    def take(self) -> Iterator[bytes]:
        """Everything that is queued, as it goes on the wire."""
        while self.queue:
            served = self.queue.popleft()
            status = served.status
            if self.has_dropped and self.size > 1:
                status, self.has_dropped = status | OVERFLOW, False
            yield opcua_bytes.item(self.handle, served.value, status, served.source_ns, served.server_ns)


@dataclass(slots=True)
class Subscription:
    """One subscription. Times are ns of the server's own steady clock, which no fault sets."""

    number: int
    session: int | None  # None: its session is gone, it waits to be taken over
    publishing_ns: int
    keep_alives: int
    lifetimes: int
    enabled: bool
    next_cycle_ns: int
    most_kept: int
    items: list[Item] = field(default_factory=list)
    by_node: dict[str, Item] = field(default_factory=dict)
    sequence: int = 0
    kept: dict[int, bytes] = field(default_factory=dict)  # sent and not acknowledged
    is_late: bool = False  # it has something to say, and nobody asked
    is_mute: bool = False  # a server's fault: it believes that it sends
    farewell: int = 0  # the status with which it ends
    _idle_cycles: int = 0
    _unheard_cycles: int = 0

    def __post_init__(self) -> None:
        """The first cycle says something in any case."""
        self._idle_cycles = self.keep_alives - 1

    def add(self, item: Item) -> None:
        """Monitor a node, once."""
        self.items.append(item)
        self.by_node[item.node] = item

    @property
    def has_news(self) -> bool:
        """Whether a publishing cycle has values to send."""
        return self.enabled and any(item.queue for item in self.items)

    def heard(self) -> None:
        """The client asks: the lifetime begins anew."""
        self._unheard_cycles = 0

    def cycle(self) -> bool:
        """A publishing interval is over; whether there is something to say, a keep-alive too."""
        self.next_cycle_ns += self.publishing_ns
        self._unheard_cycles += 1
        if self._unheard_cycles >= self.lifetimes:
            return True
        self._idle_cycles += 1
        self.is_late = self.is_late or self.has_news or self._idle_cycles >= self.keep_alives
        return self.is_late

    @property
    def is_over(self) -> bool:
        """Nobody has asked for a lifetime."""
        return self._unheard_cycles >= self.lifetimes

    def tell(self, now_ns: int) -> bytes:
        """The next message; it is kept until it is acknowledged. `now_ns` is what the server's clock shows."""
        self.is_late = False
        self._idle_cycles = 0
        notifications: list[bytes] = []
        if self.has_news:
            items = [body for item in self.items for body in item.take()]
            notifications.append(opcua_bytes.data_change(items))
        if self.farewell:
            notifications.append(opcua_bytes.status_change(self.farewell))
        if not notifications:
            return opcua_bytes.message(_after(self.sequence), now_ns, ())
        self.sequence = _after(self.sequence)
        told = opcua_bytes.message(self.sequence, now_ns, notifications)
        self.kept[self.sequence] = told
        while len(self.kept) > self.most_kept:
            del self.kept[next(iter(self.kept))]
        return told

    def acknowledge(self, sequences: Sequence[int]) -> None:
        """These messages need not be kept."""
        for sequence in sequences:
            self.kept.pop(sequence, None)


def _after(sequence: int) -> int:
    return 1 if sequence >= _HIGHEST_SEQUENCE else sequence + 1
