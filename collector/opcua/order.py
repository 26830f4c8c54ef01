"""The order of messages, what may be acknowledged, and up to which time everything has come."""

from collections import deque
from collections.abc import Callable, Sequence

from collector.opcua.batches import ticks_to_ns
from collector.opcua.wire import MOST_ACKNOWLEDGEMENTS, Message
from domain.ports import Clock

_HIGHEST = 0xFFFF_FFFF
_MOST_HELD = 64


def following(sequence: int) -> int:
    """The number after this one; 0 is never used."""
    return 1 if sequence >= _HIGHEST else sequence + 1


def ahead(sequence: int, of: int) -> int:
    """How far a number is ahead of another (negative: behind), across the wrap."""
    distance = (sequence - of) & _HIGHEST
    return distance if distance <= _HIGHEST // 2 else distance - _HIGHEST - 1


class Order:
    """Gives messages out in their order, once each."""

    def __init__(self, delivered: int) -> None:
        self.delivered = delivered
        self._held: dict[int, tuple[int, Message]] = {}

    @property
    def expected(self) -> int:
        """The number of the next message."""
        return following(self.delivered)

    def is_next(self, message: Message) -> bool:
        """Tell whether a message with values is the expected one, and nothing waits for it."""
        return not self._held and message.sequence == self.expected and bool(message.notifications)

    def hold(self, received_ns: int, message: Message) -> bool:
        """Keep a message until its turn; False if it was delivered before."""
        if ahead(message.sequence, self.expected) < 0:
            return False
        if len(self._held) < _MOST_HELD:  # a message not kept is not acknowledged: the server gives it again
            self._held[message.sequence] = (received_ns, message)
        return True

    def pop(self) -> tuple[int, Message] | None:
        """The expected message, if it is here; it counts as delivered."""
        held = self._held.pop(self.expected, None)
        if held is not None:
            self.delivered = held[1].sequence
        return held

    def first_held(self) -> int | None:
        """The number of the nearest message that is held; everything between it and `delivered` is missing."""
        return min(self._held, key=lambda sequence: ahead(sequence, self.delivered), default=None)

    def skip_to(self, sequence: int) -> None:
        """Give up what is missing before `sequence`."""
        self.delivered = _HIGHEST if sequence == 1 else sequence - 1


class Acknowledgements:
    """What is durable and may be acknowledged, and how much is not yet: at most `most_rows` or `most_messages`."""

    def __init__(self, most_rows: int = 262_144, most_messages: int = 1000) -> None:
        self._most_rows, self._most_messages = most_rows, most_messages
        self._committed: deque[tuple[int, int, int]] = deque()  # filled by the journal's thread
        self._rows = self._messages = 0
        self._starved: Callable[[], None] | None = None

    def delivered(self, messages: int, rows: int) -> None:
        """Count messages that were handed over."""
        self._rows += rows
        self._messages += messages

    def commit(self, messages: Sequence[tuple[int, int, int]]) -> None:
        """Note (subscription, sequence, rows) of messages that are durable. Cheap, never blocks, from any thread."""
        self._committed.extend(messages)
        if (starved := self._starved) is not None:
            self._starved = None
            starved()

    def take(self) -> list[tuple[int, int]]:
        """(subscription, sequence) of what became durable since the last time."""
        committed = self._committed
        taken = []
        for _ in range(min(len(committed), MOST_ACKNOWLEDGEMENTS)):
            subscription, sequence, rows = committed.popleft()
            self._rows -= rows
            self._messages -= 1
            taken.append((subscription, sequence))
        return taken

    def room(self, starved: Callable[[], None]) -> bool:
        """Tell whether more may be fetched; if not, `starved` is called (from any thread) once something is durable."""
        if self._fits():
            return True
        self._starved = starved
        return bool(self._committed)  # durable in the meantime

    def _fits(self) -> bool:
        return self._rows < self._most_rows and self._messages < self._most_messages


class Edges:
    """Up to which time everything has come, on the server's clock: samples and gaps speak of the same time.

    A message's publish time bounds what it holds, less the lag that its newest sample shows (at most one publishing
    interval). A simulated plant's server stamps its messages with a wall clock that the plant does not have: there our
    own (scaled) clock stands for it.
    """

    def __init__(self, clock: Clock, publishing_interval_ns: int) -> None:
        self._clock = clock
        self.interval_ns = round(publishing_interval_ns * clock.speed)
        self._lag_ns = self._ahead_ns = 0
        self._skews: deque[int] = deque(maxlen=16)
        self.base_ns = 0

    @property
    def skew_ns(self) -> int | None:
        """The server's clock minus ours. A delay on the way only lowers what one message shows, so the most counts."""
        return max(self._skews) if self._skews else None

    def forget_skew(self) -> None:
        """Messages that were sent again show when they were first sent: they tell nothing of the server's clock."""
        self._skews.clear()

    def take(self, publish_ticks: int, received_ns: int, newest_ns: int | None) -> int:
        """The edge after a message (or keep-alive) came."""
        published_ns = None if self._clock.simulated else ticks_to_ns(publish_ticks)
        if published_ns is not None:
            self._skews.append(published_ns - received_ns)
        base_ns = self.base_ns = received_ns if published_ns is None else published_ns
        if newest_ns is not None:
            self._lag_ns = min(max(base_ns - newest_ns, 0), self.interval_ns)
            self._ahead_ns = min(max(newest_ns - base_ns, 0), self.interval_ns)
        return base_ns - self._lag_ns

    def end(self, server_now_ns: int | None) -> int:
        """The end of a gap that closes now; `server_now_ns` is the server's clock, where it told."""
        now_ns = self._clock.now_ns() if server_now_ns is None or self._clock.simulated else server_now_ns
        return now_ns + self._ahead_ns
