"""Subscriptions of the firehose (part 4, 5.13 and 5.14), without a clock of their own: queues, numbers, lifetimes."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from simulators.servers.firehose_encoding import (
    EPOCH_TICKS,
    NOTHING,
    RowLayout,
    data_change,
    notification_message,
    publish_parameters,
)
from simulators.servers.firehose_values import DriftingValues

_SECOND_TICKS: Final = 10_000_000
_MESSAGES_KEPT: Final = 16  # for Republish
_VALUES_MOST: Final = 100_000  # in one message
_INTERVAL_LEAST_MS: Final = 10.0
_QUEUE_MOST: Final = 1000  # scans that wait for a Publish request


@dataclass(frozen=True, slots=True)
class Plant:
    """What is scanned. `scans_per_s` 0: as often as somebody asks. `step_s` 0: source times follow the clock.

    With a `step_s` each scan is so much later than the one before, however fast they follow each other.
    """

    values: DriftingValues
    types: NDArray[np.uint8]
    scans_per_s: float
    step_s: float
    started_ticks: int

    def times(self, scan: int, taken_ticks: int, tags: NDArray[np.intp]) -> tuple[NDArray[np.int64] | int, int]:
        """Source times by tag, and the server's time."""
        if not self.step_s:
            return taken_ticks, taken_ticks
        begun = self.started_ticks + round(scan * self.step_s * _SECOND_TICKS)
        late_s = self.values.phase_s[tags] * min(self.step_s, 1.0) + self.values.jitter_s(scan)[tags]
        source: NDArray[np.int64] = begun + (late_s * _SECOND_TICKS).astype(np.int64)
        return source, begun + round(max(self.step_s, 1.0) * _SECOND_TICKS)


@dataclass(slots=True)
class Item:
    """A monitored item; `tag` None: a node that never changes, or events that never come."""

    id: int
    handle: int
    tag: int | None
    queue: int
    reporting: bool = True


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan that waits to be sent."""

    number: int
    taken_ticks: int
    after_loss: bool


class Subscription:
    """One subscription. Whoever owns it calls `tick` every publishing interval, and `answer` with Publish requests."""

    def __init__(self, id_: int, plant: Plant, wanted: ua.CreateSubscriptionParameters, now_ticks: int) -> None:
        self.id = id_
        self.items: dict[int, Item] = {}
        self.sent = 0  # values
        self.enabled = bool(wanted.PublishingEnabled)
        self.revise(wanted)
        self._plant = plant
        self._waiting: deque[Scan] = deque()
        self._first: list[bytes] = []  # encoded items that are sent once
        self._kept: dict[int, bytes] = {}
        self._sequence = 1
        self._scan = 0
        self._due = 0.0
        self._scanned_ticks = now_ticks
        self._quiet = self.keep_alive_count  # the first message comes after one interval
        self._unasked = 0
        self._lost = False
        self._queue = 1
        self._tags: NDArray[np.intp] = np.zeros(0, np.intp)
        self._layouts: dict[bool, RowLayout] = {}
        self._head: tuple[memoryview, list[int]] | None = None  # the scan that is being sent, and its offsets
        self._at = 0  # items of it that were sent
        self._next_item = 1

    def revise(self, wanted: ua.CreateSubscriptionParameters | ua.ModifySubscriptionParameters) -> None:
        """Take new parameters, as far as this server can do them."""
        self.interval_ms = max(float(wanted.RequestedPublishingInterval), _INTERVAL_LEAST_MS)
        self.keep_alive_count = min(max(int(wanted.RequestedMaxKeepAliveCount), 1), 10_000)
        self.lifetime_count = min(max(int(wanted.RequestedLifetimeCount), 3 * self.keep_alive_count), 100_000)
        self._values_most = int(wanted.MaxNotificationsPerPublish) or _VALUES_MOST

    def add(self, handle: int, tag: int | None, queue: int, first: bytes | None = None, *, reporting: bool) -> Item:
        """A new item; `first` is its notification where it has only one."""
        item = Item(self._next_item, handle, tag, min(max(queue, 1), _QUEUE_MOST), reporting)
        self._next_item += 1
        self.items[item.id] = item
        if first is not None and reporting:
            self._first.append(first)
        return item

    def items_changed(self) -> None:
        """Lay the rows out anew; what waits is dropped."""
        shown = [item for item in self.items.values() if item.reporting and item.tag is not None]
        self._tags = np.array([item.tag for item in shown], np.intp)
        handles = np.array([item.handle for item in shown], np.uint32)
        self._layouts = {
            loss: RowLayout(handles, self._plant.types[self._tags], overflow=loss) for loss in (False, True) if shown
        }
        self._queue = min((item.queue for item in shown), default=1)
        self._waiting.clear()
        self._head, self._at = None, 0

    def tick(self, now_ticks: int) -> None:
        """A publishing interval is over."""
        self._quiet += 1
        self._unasked += 1
        if not self._plant.scans_per_s:
            return
        self._due += (now_ticks - self._scanned_ticks) / _SECOND_TICKS * self._plant.scans_per_s
        self._scanned_ticks = now_ticks
        count = round(self._due)  # a tick may come a little early
        self._due -= count
        period_ticks = round(_SECOND_TICKS / self._plant.scans_per_s)
        for before in range(min(count - 1, self._queue), -1, -1):  # what does not fit the queue is not made
            self._take(now_ticks - before * period_ticks)

    def _take(self, taken_ticks: int) -> None:
        """Scan every item once; the oldest scan goes where the items' queues are full."""
        if not len(self._tags):
            return
        self._scan += 1
        if len(self._waiting) >= self._queue:
            self._waiting.popleft()
            self._lost = self._queue > 1  # a queue of one overwrites without a word (part 4, 5.12.1.5)
            if self._waiting:
                first = self._waiting[0]
                self._waiting[0] = Scan(first.number, first.taken_ticks, self._lost)
                self._lost = False
        self._waiting.append(Scan(self._scan, taken_ticks, self._lost))
        self._lost = False

    @property
    def expired(self) -> bool:
        """Nobody has asked for so long that the subscription ends."""
        return self._unasked >= self.lifetime_count

    def asked(self) -> None:
        """A Publish request of its session has come."""
        self._unasked = 0

    def acknowledge(self, sequence: int) -> int:
        """Forget a message; returns the status code for the acknowledgement."""
        found = self._kept.pop(sequence, None)
        return 0 if found is not None else int(ua.StatusCodes.BadSequenceNumberUnknown)

    def kept(self, sequence: int) -> bytes | None:
        """A message that was sent and not acknowledged, for Republish; None: it is not kept."""
        return self._kept.get(sequence)

    def answer(self, now_ticks: int, acknowledged: list[int]) -> bytes | None:
        """The next PublishResponse's parameters; None: there is nothing to say yet."""
        if self.enabled and not self._plant.scans_per_s and not self._waiting and self._head is None:
            self._take(now_ticks)
        count, items = self._next_items() if self.enabled else (0, b"")
        if not count and self._quiet < self.keep_alive_count:
            return None
        self._quiet = 0
        message = notification_message(self._sequence, now_ticks, data_change(count, items) if count else NOTHING)
        if count:
            self._kept[self._sequence] = message
            self._sequence = self._sequence % 0xFFFF_FFFF + 1  # 0 is none (part 4, 7.26)
            if len(self._kept) > _MESSAGES_KEPT:
                del self._kept[next(iter(self._kept))]
            self.sent += count
        more = self._head is not None or (bool(self._waiting) and bool(self._plant.scans_per_s))
        return publish_parameters(self.id, list(self._kept), message, acknowledged, more=more)

    def _next_items(self) -> tuple[int, bytes]:
        """As many items as one message takes."""
        parts: list[bytes | memoryview] = [*self._first]
        count, self._first = len(self._first), []
        while count < self._values_most and (self._head is not None or self._waiting):
            if self._head is None:
                self._head = self._encoded(self._waiting.popleft())
            encoded, offsets = self._head
            take = min(len(offsets) - 1 - self._at, self._values_most - count)
            parts.append(encoded[offsets[self._at] : offsets[self._at + take]])
            count, self._at = count + take, self._at + take
            if self._at == len(offsets) - 1:
                self._head, self._at = None, 0
        return count, b"".join(parts)

    def _encoded(self, scan: Scan) -> tuple[memoryview, list[int]]:
        layout = self._layouts[scan.after_loss]
        source, server = self._plant.times(scan.number, scan.taken_ticks, self._tags)
        return layout.encode(self._plant.values.scan(scan.number)[self._tags], source, server), layout.offsets


def ticks(time_ns: int) -> int:
    """UTC ns as OPC UA's ticks."""
    return time_ns // 100 + EPOCH_TICKS
