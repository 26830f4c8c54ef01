"""From messages to deliveries: everything that happens between the socket and the journal, on the link's thread."""

import time
from collections.abc import Callable, Sequence
from operator import itemgetter

from collector.mqtt.continuity import Continuity
from collector.mqtt.frames import DUP, RETAIN, Publish
from collector.mqtt.identities import Identities
from collector.mqtt.payloads import PayloadReader, Reading, Refusal
from collector.mqtt.quarantine import QuarantineBook
from collector.mqtt.settings import MqttSettings
from collector.mqtt.state import SavedState
from collector.mqtt.window import Receipt, Window
from domain.entries import Entry, Gap, Heartbeat, SourceState
from domain.ports import Clock, Delivery

_PACKET_ID = itemgetter(2)
_FLUSH_S = 0.02  # messages are gathered this long where they come without pause
_STATE_S = 0.1  # how exactly the durable state knows when the broker was last heard
_SETTLE_S = 0.2  # how long after our subscription a backlog may begin to arrive
_PROBE_S = 0.25
_LOOK_S = 0.1
_SECOND_NS = 1_000_000_000
_NO_LEAD_NS = 1_000_000


class Intake:
    """Listens to the link and makes deliveries; see `collector.mqtt.session.Listener` for the calls.

    Messages are gathered for a moment, read by the routes, and handed over as one `Delivery` together with everything
    that must become durable with them: gaps, refusals, and the state from which the next process goes on.
    """

    def __init__(
        self,
        settings: MqttSettings,
        reader: PayloadReader,
        clock: Clock,
        saved: SavedState,
        emit: Callable[[Delivery], int],
        wake: Callable[[], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._now_s = now_s
        self._reader = reader
        self._clock = clock
        self._emit = emit  # returns how many deliveries wait
        same_session = saved.client_id == settings.client_id
        self._topics = list(saved.topics)
        self._marked = saved.marked and same_session
        self._continuity = Continuity(
            settings.name,
            settings.broker_queue,
            saved.heard_ns,
            saved.qos0,
            saved.absences,
            saved.waited,
            saved.open_gap,
        )
        self._identities = Identities(2 * settings.receive_maximum)
        if same_session:
            self._identities.load(saved.identities, now_s())
        self._window = Window(settings.receive_maximum, wake)
        self._quarantine = QuarantineBook(settings.name)
        self._quarantine.load(saved.waiting, now_s())
        self._online = False  # it is known whose session this is
        self._early = 0  # messages that came before it was known
        self._open = 0  # taken on this connection and not acknowledged there
        self._coming_again = 0  # left open by an earlier connection of this process
        self._subscribed = False
        self._detail = "not connected yet"
        self._pending: list[Publish] = []
        self._gaps: list[Gap] = []
        self._state_wanted = False
        self._subscribe_after: Receipt | None = None
        self._stamped_ns = 0
        self._lead_ns = 0
        self._state_heard_ns: int | None = saved.heard_ns
        self._flushed_s = self._state_s = self._probed_s = self._look_s = 0.0
        self._settle_s: float | None = None
        self._settle_window = 0

    # ---- called by the source, on the event loop

    def handed(self, still_waiting: int) -> None:
        """One more delivery has been given to whoever journals it."""
        self._window.handed(still_waiting)

    def heartbeat(self, now_ns: int) -> Heartbeat:
        """Whether the broker is heard, and why not."""
        lead_ns, self._lead_ns = self._lead_ns, 0
        return Heartbeat(
            self._settings.name,
            now_ns,
            self._subscribed,
            self._continuity.heard_ns,
            lead_ns or None,  # only a time ahead of ours proves a skew: one behind may just be late
            self._detail,
        )

    # ---- called by the link, on its thread

    def took(self, messages: list[Publish]) -> None:
        """Messages arrived."""
        if not self._continuity.qos0 and _without_guarantee(messages):
            self._continuity.qos0 = self._state_wanted = True
        if self._continuity.absences or not self._online:
            fresh = self._fresh(messages)
            if self._online:
                self._settle_window += fresh
                self._gaps += self._continuity.took(fresh)
            else:
                self._early += fresh
        self._open += len(messages)
        self._pending += messages
        self._window.took(messages)

    def _fresh(self, messages: Sequence[Publish]) -> int:
        """How many of these waited for us: DUP does not tell that we took one, it may have been sent in vain."""
        live = [message for message in messages if not message[3] & RETAIN]
        again = min(sum(1 for message in live if message[3] & DUP), self._coming_again)
        self._coming_again -= again
        return len(live) - again

    def heard(self) -> None:
        """The broker said something."""
        self._continuity.heard(self._clock.now_ns())

    def connected(self, *, session_present: bool, broker_was_down: bool) -> None:
        """Connected: judge what may be missing. A lost session's gap must be durable before we subscribe."""
        now_ns = self._clock.now_ns()
        self._online, self._detail = True, "connected, not subscribed yet"
        self._reader.is_new_session = not session_present
        if session_present:
            self._gaps += self._continuity.kept(now_ns, broker_was_down=broker_was_down)
            self._gaps += self._continuity.took(self._early)
            self._state_wanted = True
        else:
            # The mark may be gone though the session is the one we left: the identities stay. In a new session nothing
            # that is sent again matches them by chance.
            self._coming_again = 0
            self._gaps += self._continuity.lost(now_ns)
        if self._gaps:
            receipt = self._flush(force=True)
            self._subscribe_after = None if session_present else receipt

    def may_subscribe(self) -> bool:
        """Tell whether a lost session's gap is durable: subscribing before would hide the loss from the next start."""
        return self._subscribe_after is None or self._subscribe_after.done

    def subscribed(self, granted: Sequence[str], refused: Sequence[str], *, marked: bool) -> None:
        """The subscriptions stand."""
        self._topics, self._marked = list(granted), marked
        self._subscribed = not refused
        self._detail = f"the broker refused the subscription {'; '.join(refused)}" if refused else ""
        if granted:
            self._gaps += self._continuity.subscribed(self._clock.now_ns())
        self._settle_s, self._settle_window = self._now_s() + _SETTLE_S, 0
        self._flush(force=True)

    def disconnected(self, reason: str) -> None:
        """The connection is gone: what it brought is still taken, its acknowledgements are not written any more."""
        self._detail = reason
        if self._online or self._pending:
            self._flush(force=True)
        self._window.disconnected()
        self._coming_again, self._open = self._coming_again + max(self._open, 0), 0
        self._online = self._subscribed = False
        self._early = 0
        self._settle_s = self._subscribe_after = None
        self._identities.disconnected(self._now_s())
        self._continuity.disconnected()

    def malformed(self, problem: str) -> None:
        """The broker sent bytes that are not MQTT: kept as a fact, then the link connects anew."""
        reading = Reading()
        reading.refuse(Refusal(self._settings.address, "malformed", problem, b""))
        self._deliver(reading, ())

    def ponged(self) -> None:
        """The broker has read every PUBACK before the last probe."""
        self._identities.proven()

    def may_read(self) -> bool:
        """Tell whether more may be taken; if not, the broker has to wait."""
        return self._window.has_room

    def outstanding(self) -> bool:
        """Tell whether a delivery that was handed over is not acknowledged."""
        return self._window.is_outstanding

    def next_due_s(self) -> float:
        """Seconds until the gathered messages are due, or the backlog is judged."""
        now_s = self._now_s()
        if self._pending:
            return max(0.0, self._flushed_s + _FLUSH_S - now_s)
        return _PROBE_S if self._settle_s is None else max(0.0, self._settle_s - now_s)

    def work(self) -> tuple[list[int], bool]:
        """Do what is due; return what to acknowledge now, and whether to probe after it."""
        now_s = self._now_s()
        packet_ids = self._window.settle()
        self._open -= len(packet_ids)
        if packet_ids and self._identities.known:
            self._identities.acknowledged(packet_ids)
        self._judge_backlog(now_s)
        gathered = now_s >= self._flushed_s + _FLUSH_S or 2 * len(self._pending) >= self._settings.receive_maximum
        if self._pending and gathered:
            self._flush()
        if now_s >= self._look_s:
            self._look_s = now_s + _LOOK_S
            self._look(now_s)
        probe = self._online and self._identities.wants_proof and now_s - self._probed_s >= _PROBE_S
        if probe:
            self._probed_s = now_s
            self._identities.probed()
        return packet_ids, probe

    # ---- inside

    def _look(self, now_s: float) -> None:
        """See to what need not be exact to the millisecond."""
        self._identities.forget_old(now_s)
        counts = self._quarantine.due(self._clock.now_ns(), now_s)
        quiet = (
            self._continuity.heard_ns != self._state_heard_ns and now_s - self._state_s >= self._settings.keep_alive_s
        )
        if counts:
            self._deliver(Reading(received=sum(entry.count for entry in counts)), (), counts, force_state=True)
        elif self._gaps or self._state_wanted or quiet:
            self._flush(force=True)

    def _judge_backlog(self, now_s: float) -> None:
        """After the subscription, see whether all that waited has come, and whether it was less than a broker keeps."""
        if self._settle_s is None or now_s < self._settle_s or not self._window.has_room:
            return
        # Less than one window in all, or hardly anything of late: no backlog is left.
        most = self._settings.receive_maximum
        if self._continuity.waited < most or self._settle_window < most // 10:
            self._settle_s = None
            if self._continuity.absences:
                self._continuity.caught_up()
                self._state_wanted = True
        else:
            self._settle_s, self._settle_window = now_s + _SETTLE_S, 0

    def _flush(self, *, force: bool = False) -> Receipt | None:
        """Deliver what is pending; without messages only if something else must become durable."""
        messages, self._pending = self._pending, []
        if not messages and not force:
            return None
        self._flushed_s = self._now_s()
        now_ns = self._clock.now_ns()
        received_ns = self._next_stamp(now_ns)
        reading = self._reader.read(messages, received_ns, self._identities.known)
        self._stamped_ns = received_ns + reading.received
        self._identities.take(reading.identities)
        if reading.samples is not None:
            lead_ns = int(reading.samples.time_ns.max()) - now_ns
            self._lead_ns = max(self._lead_ns, lead_ns if lead_ns > _NO_LEAD_NS else 0)
        return self._deliver(reading, messages, force_state=force)

    def _next_stamp(self, now_ns: int) -> int:
        """Now, or the first receipt time that has not been given yet (unless the clock has been set back)."""
        return max(now_ns, self._stamped_ns) if self._stamped_ns - now_ns < _SECOND_NS else now_ns

    def _deliver(
        self,
        reading: Reading,
        messages: Sequence[Publish],
        more: Sequence[Entry] = (),
        *,
        force_state: bool = False,
    ) -> Receipt:
        entries: list[Entry] = [*self._gaps, *more]
        self._gaps = []
        if reading.samples is not None:
            entries.append(reading.samples)
        if reading.texts is not None:
            entries.append(reading.texts)
        entries += reading.events
        waiting = self._quarantine.waiting
        entries += self._refuse(reading)
        now_s = self._now_s()
        if (
            force_state
            or self._state_wanted
            or reading.identities
            or self._continuity.absences  # the count of what waited must be as durable as what is acknowledged
            or waiting != self._quarantine.waiting
            or now_s - self._state_s >= _STATE_S
        ):
            self._state_s, self._state_wanted = now_s, False
            self._state_heard_ns = self._continuity.heard_ns
            entries.append(SourceState(self._settings.name, self._state()))
        receipt = self._window.receipt(messages)
        delivery = Delivery(self._settings.name, tuple(entries), reading.received, receipt, reading.redelivered)
        self._window.waits(self._emit(delivery))
        return receipt

    def _refuse(self, reading: Reading) -> list[Entry]:
        """Entries for what could not be read; what only adds to a count is `received` when the count is told."""
        entries: list[Entry] = []
        received_ns, now_s = self._clock.now_ns(), self._now_s()
        for refusal in reading.refusals:
            entry = self._quarantine.take(refusal, received_ns, now_s)
            if entry is None:
                reading.received -= refusal.samples
            else:
                entries.append(entry)
        for topic, (count, payload) in reading.unrouted.items():
            name = topic.decode("utf-8", "backslashreplace")
            refusal = Refusal(name, "unrouted", f"no tag is fed by topic {name!r}", payload, count)
            entry = self._quarantine.take(refusal, received_ns, now_s, burst=1)
            if entry is not None:
                reading.received += count
                entries.append(entry)
        return entries

    def _state(self) -> str:
        continuity = self._continuity
        return SavedState(
            self._settings.client_id,
            self._topics,
            self._marked,
            continuity.heard_ns,
            continuity.qos0,
            continuity.absences,
            continuity.waited,
            continuity.open_gap,
            self._identities.dump(),
            self._quarantine.dump(),
        ).to_text()


def _without_guarantee(messages: Sequence[Publish]) -> bool:
    """Tell whether live messages of QoS 0 are among these."""
    return 0 in map(_PACKET_ID, messages) and any(not message[2] and not message[3] & RETAIN for message in messages)
