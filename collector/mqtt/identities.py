"""Messages without a time of their own, known again by packet id and check sum when the broker sends them twice.

A broker repeats what it holds as unacknowledged. So an identity is needed from the moment its message is taken until
the broker has certainly read our PUBACK: it answers packets in order, hence a PINGRESP to a PINGREQ sent after the
PUBACK proves that. Identities older than that would be mistaken for a new message that reuses the packet id.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping

import numpy as np

_AGE_S = 60.0  # an acknowledged identity without proof (the connection broke meanwhile) is dropped after this


class Identities:
    """Packet id → check sum of what may come again; at most `most`, the oldest go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[int, int] = {}
        # Each known packet id is in at most one of these; in none while its PUBACK has not been written.
        self._acked: set[int] = set()  # PUBACK written, no probe sent since
        self._probed: set[int] = set()  # PUBACK written before the probe that is under way
        self._unproven: dict[int, float] = {}  # PUBACK may have been lost with its connection, and when

    @property
    def known(self) -> Mapping[int, int]:
        """What may come again."""
        return self._known

    @property
    def wants_proof(self) -> bool:
        """Tell whether a probe (PINGREQ) would let identities go, and none is under way."""
        return bool(self._acked) and not self._probed

    def take(self, fresh: Mapping[int, int]) -> None:
        """Remember messages taken now; a packet id taken again names the newer one."""
        for packet_id, check in fresh.items():
            if packet_id in self._known:
                self._forget(packet_id)
            self._known[packet_id] = check
        while len(self._known) > self._most:
            self._forget(next(iter(self._known)))

    def acknowledged(self, packet_ids: Iterable[int]) -> None:
        """Their PUBACKs have been written."""
        for packet_id in packet_ids:
            if packet_id in self._known:
                self._unproven.pop(packet_id, None)
                self._acked.add(packet_id)

    def probed(self) -> None:
        """A PINGREQ has been written after the PUBACKs so far."""
        self._probed, self._acked = self._acked, set()

    def proven(self) -> None:
        """A PINGRESP came: what was acknowledged before the probe cannot come again."""
        for packet_id in list(self._probed):
            self._forget(packet_id)

    def disconnected(self, now_s: float) -> None:
        """The PUBACKs without proof may be lost; their messages may come again."""
        self._unproven.update(dict.fromkeys(self._probed | self._acked, now_s))
        self._probed, self._acked = set(), set()

    def forget_old(self, now_s: float) -> None:
        """Let go what the broker would have repeated by now."""
        for packet_id in [id_ for id_, since_s in self._unproven.items() if now_s - since_s > _AGE_S]:
            self._forget(packet_id)

    def clear(self) -> None:
        """The session is gone, and its packet ids with it."""
        self._known, self._acked, self._probed, self._unproven = {}, set(), set(), {}

    def dump(self) -> list[str]:
        """Packet ids and check sums as two base64 texts (8 bytes a message)."""
        count = len(self._known)
        ids = np.fromiter(self._known.keys(), dtype="<u2", count=count)
        checks = np.fromiter(self._known.values(), dtype="<u4", count=count)
        return [b64encode(ids.tobytes()).decode(), b64encode(checks.tobytes()).decode()]

    def load(self, dumped: list[str], now_s: float) -> None:
        """Take over what the last process left; the broker repeats it soon, or never."""
        ids = np.frombuffer(b64decode(dumped[0]), dtype="<u2").tolist()
        checks = np.frombuffer(b64decode(dumped[1]), dtype="<u4").tolist()
        self._known = dict(zip(ids, checks, strict=True))
        self._unproven = dict.fromkeys(ids, now_s)

    def _forget(self, packet_id: int) -> None:
        del self._known[packet_id]
        self._acked.discard(packet_id)
        self._probed.discard(packet_id)
        self._unproven.pop(packet_id, None)
