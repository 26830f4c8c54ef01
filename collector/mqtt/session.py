"""What is said to a broker on one connection after the other: whose session it is, the filters, the acknowledgements.

No socket and no thread: a link brings what the broker says, and calls `work` now and then.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from collector.mqtt.frames import Publish
from collector.mqtt.settings import MqttSettings

log = logging.getLogger(__name__)

_FILTERS_A_PACKET = 100
_ASK_AGAIN_S = 60.0  # a refused filter may be granted later: access lists change


class Listener(Protocol):
    """Who is told what happens on the connection; every call comes from the link's thread and must not block."""

    def took(self, messages: list[Publish]) -> None:
        """Messages arrived."""

    def heard(self) -> None:
        """The broker said something."""

    def connected(self, *, session_present: bool, broker_was_down: bool) -> None:
        """Connected; whether the broker still has the session with our mark in it."""

    def may_subscribe(self) -> bool:
        """Tell whether what must be durable before subscribing is durable."""

    def subscribed(self, granted: Sequence[str], refused: Sequence[str], *, marked: bool) -> None:
        """These filters stand, those do not (and why); `marked` if the session carries our mark."""

    def disconnected(self, reason: str) -> None:
        """The connection is gone, or did not come about."""

    def malformed(self, problem: str) -> None:
        """The broker sent bytes that are not MQTT."""

    def ponged(self) -> None:
        """The broker has read everything that we wrote before the last probe."""

    def may_read(self) -> bool:
        """Tell whether there is room for more messages."""

    def work(self) -> tuple[list[int], bool]:
        """Do what is due; return the packet ids to acknowledge now, and whether a probe is wanted after them."""

    def next_due_s(self) -> float:
        """Seconds until `work` has something to do without new messages."""

    def outstanding(self) -> bool:
        """Tell whether deliveries that were handed over are still not acknowledged."""


class Speaker(Protocol):
    """Our side of one connection: what the broker sent is gathered, what we say is written in order."""

    taken: list[Publish]
    pongs: int
    malformed: str

    @property
    def heard_s(self) -> float:
        """When the broker last said anything; compared, never judged."""
        ...

    def is_open(self) -> bool:
        """Whether the connection stands."""
        ...

    def ask_for(self, filters: Sequence[str]) -> int | None:
        """Subscribe; the packet id of the request, None where it could not be written."""
        ...

    def take_leave_of(self, filters: Sequence[str]) -> None:
        """Unsubscribe."""
        ...

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Write the PUBACKs of these messages, in this order."""
        ...

    def probe(self) -> None:
        """Write a PINGREQ: its answer comes after the broker has read everything before it."""
        ...


class Session:
    """One broker's session, over all connections. `reason` says why the present one is over, once it is."""

    def __init__(
        self,
        settings: MqttSettings,
        speaker: Speaker,
        listener: Listener,
        old_topics: Sequence[str],
        *,
        marked: bool,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._speaker = speaker
        self._listener = listener
        self._now_s = now_s
        self._mark = f"thermowell/{settings.client_id}/session"
        self._marked = marked  # the last subscription of the mark was granted
        self._old_topics = [topic for topic in old_topics if topic not in settings.topics]
        self._subscribe_wanted = False
        self._subscribe_again_s: float | None = None
        self._asked: dict[int, list[str]] = {}  # SUBSCRIBE packet id → its filters
        self._granted: list[str] = []
        self._refused: list[str] = []
        self._pongs = 0
        self.heard_s = 0.0  # what was heard up to here has been told
        self.is_stale = False  # what arrives now may have waited long: it is no sign of life
        self._delay_s = settings.reconnect_first_s
        self.broker_was_down = False
        self.is_answered = False  # the CONNECT of this connection
        self.reason = ""

    def begins(self) -> None:
        """Forget the last connection: another one is tried."""
        self._subscribe_wanted, self._subscribe_again_s = False, None
        self._asked.clear()
        self._pongs = self._speaker.pongs
        self.is_answered, self.is_stale, self.reason = False, False, ""

    def ended(self) -> float:
        """The connection is gone, or did not come about; return the pause before the next one, longer each time."""
        self._listener.disconnected(self.reason or "the connection was lost")
        pause_s, self._delay_s = self._delay_s, min(self._delay_s * 2, self._settings.reconnect_most_s)
        return pause_s

    def hand_over(self) -> None:
        """Give the listener what came."""
        speaker = self._speaker
        if speaker.heard_s != self.heard_s and not self.is_stale:
            self._listener.heard()
        self.heard_s = speaker.heard_s
        if speaker.taken:
            messages, speaker.taken = speaker.taken, []
            self._listener.took(messages)
        if speaker.pongs != self._pongs:
            self._pongs = speaker.pongs
            self._listener.ponged()
        if speaker.malformed:
            self.reason, speaker.malformed = f"malformed packet: {speaker.malformed}", ""
            self._listener.malformed(self.reason)

    def work(self) -> None:
        """Write what is due: acknowledgements, probes, subscriptions."""
        packet_ids, wants_probe = self._listener.work()
        if not self._speaker.is_open():
            return
        if packet_ids:
            self._speaker.acknowledge(packet_ids)
        if wants_probe:
            self._speaker.probe()
        if self._subscribe_again_s is not None and self._now_s() > self._subscribe_again_s:
            self._subscribe_wanted, self._subscribe_again_s = True, None
        if self._subscribe_wanted and self._listener.may_subscribe():
            self._subscribe_wanted = False
            self._subscribe()

    # ---- what the broker answers

    def connected(self, *, session_present: bool, refusal: str) -> None:
        """CONNACK."""
        self.is_answered = True
        if refusal:
            self.reason = f"{self._settings.address}: the broker refused: {refusal}"
            return
        if session_present and self._settings.protocol == "5" and self._marked:
            # Whose session is it? An earlier CONNECT whose answer got lost may have begun a new one.
            self._speaker.take_leave_of([self._mark, *self._old_topics])
            return
        if session_present and self._old_topics:
            self._speaker.take_leave_of(self._old_topics)
        self._settle(session_present=session_present)

    def left(self, *, first_existed: bool) -> None:
        """UNSUBACK; whether the first filter of it was subscribed."""
        self._old_topics = []
        if self._settings.protocol == "5" and self._marked:
            self._marked = False
            self.hand_over()
            self._settle(session_present=first_existed)

    def subscribed(self, packet_id: int, refusals: Sequence[str]) -> None:
        """SUBACK: for each filter asked for, why it was refused; empty: granted."""
        for topic, refusal in zip(self._asked.pop(packet_id, []), refusals, strict=False):
            if refusal:
                self._refused.append(f"{topic!r}: {refusal}")
            else:
                self._granted.append(topic)
        if self._asked:
            return
        self.hand_over()
        self._marked = self._mark in self._granted
        granted = [topic for topic in self._granted if topic != self._mark]
        refused = [text for text in self._refused if not text.startswith(repr(self._mark))]
        if refused:
            told = {"source": self._settings.name}
            log.error("source %s: the broker refused %s", self._settings.name, "; ".join(refused), extra=told)
            self._subscribe_again_s = self._now_s() + _ASK_AGAIN_S
        if granted:
            self._delay_s = self._settings.reconnect_first_s
        self._listener.subscribed(granted, refused, marked=self._marked)

    def _settle(self, *, session_present: bool) -> None:
        down, self.broker_was_down = self.broker_was_down, False
        self._listener.connected(session_present=session_present, broker_was_down=down)
        self._subscribe_wanted = True

    def _subscribe(self) -> None:
        """Ask for every filter on every connection: a broker may have forgotten, and the filters may have changed."""
        self._granted, self._refused = [], []
        filters = list(self._settings.topics)
        if self._settings.protocol == "5":
            filters.append(self._mark)
        for start in range(0, len(filters), _FILTERS_A_PACKET):
            part = filters[start : start + _FILTERS_A_PACKET]
            packet_id = self._speaker.ask_for(part)
            if packet_id is not None:
                self._asked[packet_id] = part
