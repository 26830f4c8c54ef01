"""What has been taken from the broker and is not acknowledged: our own count, because brokers overrun theirs."""

from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter

from collector.mqtt.frames import Publish

_PAYLOAD, _PACKET_ID = itemgetter(1), itemgetter(2)
_MOST_BYTES = 64 << 20
_MOST_WAITING = 256  # deliveries that nobody has asked for


class Receipt:
    """Acknowledges one delivery; callable once or often, from any thread."""

    __slots__ = ("_give_back", "done", "epoch", "messages", "packet_ids", "payload_bytes")

    def __init__(self, epoch: int, messages: Sequence[Publish], give_back: "Callable[[Receipt], None]") -> None:
        self.epoch = epoch
        self.packet_ids = list(filter(None, map(_PACKET_ID, messages)))
        self.messages = len(messages)
        self.payload_bytes = _payload_bytes(messages)
        self.done = False
        self._give_back = give_back

    def __call__(self) -> None:
        """The delivery is durable."""
        self._give_back(self)


class Window:
    """Counts messages from the socket until their delivery is acknowledged, and says when there is room for more.

    `handed` is called on the event loop, a receipt on any thread, everything else on the link's thread.
    """

    def __init__(self, receive_maximum: int, wake: Callable[[], None]) -> None:
        self._most = 2 * receive_maximum
        self._wake = wake
        self._epoch = 0  # counts connections: a PUBACK is written only on the connection its message came by
        self._messages = 0
        self._bytes = 0
        self._waiting = 0
        self._handed = 0
        self._returned = 0
        self._receipts: deque[Receipt] = deque()

    def took(self, messages: Sequence[Publish]) -> None:
        """Messages have been read from the socket."""
        self._messages += len(messages)
        self._bytes += _payload_bytes(messages)

    def receipt(self, messages: Sequence[Publish]) -> Receipt:
        """The receipt of a delivery that holds these messages."""
        return Receipt(self._epoch, messages, self._give_back)

    def waits(self, deliveries: int) -> None:
        """So many deliveries wait to be asked for."""
        self._waiting = deliveries

    def handed(self, still_waiting: int) -> None:
        """One delivery has been given to whoever journals it."""
        self._handed += 1
        was_full, self._waiting = self._waiting >= _MOST_WAITING, still_waiting
        if was_full:
            self._wake()

    def settle(self) -> list[int]:
        """Take in the receipts that came back; return the packet ids to acknowledge on this connection."""
        packet_ids: list[int] = []
        while self._receipts:
            receipt = self._receipts.popleft()
            if receipt.done:
                continue
            receipt.done = True
            self._returned += 1
            self._messages -= receipt.messages
            self._bytes -= receipt.payload_bytes
            # A packet id of an earlier connection may by now name a message that is not durable yet.
            if receipt.epoch == self._epoch:
                packet_ids += receipt.packet_ids
        return packet_ids

    def disconnected(self) -> None:
        """What was taken on this connection will not be acknowledged on the next one; the broker sends it again."""
        self._epoch += 1

    @property
    def has_room(self) -> bool:
        """Tell whether more may be read: half of what may be open is the broker's, the rest its overrun."""
        return self._messages < self._most and self._bytes < _MOST_BYTES and self._waiting < _MOST_WAITING

    @property
    def is_outstanding(self) -> bool:
        """Tell whether a delivery that was handed over is not acknowledged."""
        return self._handed > self._returned

    def _give_back(self, receipt: Receipt) -> None:
        self._receipts.append(receipt)
        self._wake()


def _payload_bytes(messages: Sequence[Publish]) -> int:
    return sum(map(len, map(_PAYLOAD, messages)))
