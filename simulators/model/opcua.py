"""A pure model of an OPC UA server: sessions, subscriptions, republishing, transfer, restarts. Time is given, not read.

It speaks real bytes where a subscription speaks; every other service is in `opcua_services`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncua import ua

from domain.time import HOUR_NS, SECOND_NS
from simulators.faults.catalogue import CATALOGUE
from simulators.faults.spec import FaultChange, FaultSpec
from simulators.model import opcua_bytes
from simulators.model.opcua_subscription import Item, Served, Subscription
from simulators.outlets import Update

NAMESPACE: Final = "urn:thermowell:simulated-plant"
SERVER: Final = "opcua"
"""The target of a fault that hits the whole server."""

_STANDARD: Final = ("http://opcfoundation.org/UA/", "urn:thermowell:model-server")
_NEVER: Final = 1 << 62
_CERTIFICATE_STATUS: Final = {
    "certificate_expired": ua.StatusCodes.BadCertificateTimeInvalid,
    "certificate_refused": ua.StatusCodes.BadSecurityChecksFailed,
}


class BadService(Exception):
    """The server refuses a request."""

    def __init__(self, status: int) -> None:
        super().__init__(ua.StatusCode(status).name)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server grants at most."""

    queue: int = 1000
    kept_messages: int = 100  # per subscription, for Republish
    publish_requests: int = 10  # per session
    items_per_call: int = 1000
    subscriptions: int = 100


@dataclass(slots=True)
class Session:
    """A session; `send` brings answers to Publish to whoever is connected, None: nobody."""

    number: int
    timeout_ns: int
    heard_ns: int
    send: Callable[[bytes], None] | None = None
    requests: int = 0  # Publish requests that wait


@dataclass(slots=True)
class _Thinning:
    """A share of a node's values is dropped, evenly."""

    share: float
    due: float = 0.0


@dataclass(slots=True)
class _Clock:
    """What is wrong with the server's clock: steps, and what it gains per second, by fault."""

    steps_ns: dict[str, int] = field(default_factory=dict)
    rates: dict[str, tuple[int, float]] = field(default_factory=dict)  # since, ns per ns

    def off_ns(self, now_ns: int) -> int:
        drift = sum((now_ns - since_ns) * rate for since_ns, rate in self.rates.values())
        return sum(self.steps_ns.values()) + round(drift)


class ModelOpcUaServer:
    """One server of one namespace of variables. `now_ns` is the plant's time; call `run` when it reaches `due_ns`.

    `served` is told of every value that the server could give out: tag, source time (as sent), value, status.
    """

    def __init__(
        self,
        nodes: Iterable[str],
        now_ns: Callable[[], int],
        limits: Limits = Limits(),
        *,
        namespace: str = NAMESPACE,
        namespaces_first: Sequence[str] = (),
        is_mute_after_transfer: bool = False,
    ) -> None:
        self.limits = limits
        self.is_up = True
        self.started_ns = now_ns()
        self.namespace = namespace
        self.namespaces = [*_STANDARD, *namespaces_first, namespace]
        self.values: dict[str, Served | None] = dict.fromkeys(nodes)
        self.refuses_with = 0  # the status with which new connections are refused
        self.served: Callable[[str, Served], None] = lambda _name, _served: None
        self.acknowledged: Callable[[int, int], None] = lambda _subscription, _sequence: None
        self.hang_up: Callable[[], None] = lambda: None  # every connection ends
        self.sessions: dict[int, Session] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self._is_mute_after_transfer = is_mute_after_transfer
        self._now_ns = now_ns
        self._clock = _Clock()
        self._missing: dict[str, frozenset[str]] = {}  # by fault
        self._timeless: dict[str, str] = {}  # fault → target
        self._thinned: dict[str, dict[str, _Thinning]] = {}  # fault → node
        self._number = 0

    # ---- time

    def clock_ns(self) -> int:
        """What the server's clock shows."""
        now_ns = self._now_ns()
        return now_ns + self._clock.off_ns(now_ns)

    def due_ns(self) -> int:
        """When `run` has something to do next, plant time; a very late time if never."""
        cycles = (each.next_cycle_ns for each in self.subscriptions.values())
        ends = (each.heard_ns + each.timeout_ns for each in self.sessions.values())
        return min((*cycles, *ends), default=_NEVER) if self.is_up else _NEVER

    def run(self) -> None:
        """Do everything that is due."""
        now_ns = self._now_ns()
        for session in [each for each in self.sessions.values() if each.heard_ns + each.timeout_ns <= now_ns]:
            self.close(session.number, delete_subscriptions=False)
        for subscription in list(self.subscriptions.values()):
            while subscription.next_cycle_ns <= now_ns and subscription.number in self.subscriptions:
                if subscription.cycle():
                    self._speak(subscription)

    @property
    def has_given_all(self) -> bool:
        """Whether there is a subscription that sends, and nothing waits in it."""
        sending = [each for each in self.subscriptions.values() if each.session is not None and each.enabled]
        return bool(sending) and not any(each.has_news for each in sending)

    # ---- sessions

    def create_session(self, timeout_ns: int) -> Session:
        """A new session; BadService where the server is not willing."""
        self._demand_willing()
        self._number += 1
        session = Session(self._number, timeout_ns, self._now_ns())
        self.sessions[session.number] = session
        return session

    def activate(self, number: int, send: Callable[[bytes], None]) -> Session:
        """Go on with a session on another connection: what waited on the one before is void."""
        self._demand_willing()
        session = self.heard(number)
        session.send, session.requests = send, 0
        return session

    def unplugged(self, number: int, send: Callable[[bytes], None]) -> None:
        """The connection of a session is gone, unless it has another one by now; its Publish requests are void."""
        session = self.sessions.get(number)
        if session is not None and session.send is send:
            session.send, session.requests = None, 0

    def _demand_willing(self) -> None:
        if self.refuses_with:
            raise BadService(self.refuses_with)

    def heard(self, number: int) -> Session:
        """A request of a session came; BadService if there is none."""
        session = self.sessions.get(number)
        if session is None:
            raise BadService(ua.StatusCodes.BadSessionIdInvalid)
        session.heard_ns = self._now_ns()
        return session

    def close(self, number: int, *, delete_subscriptions: bool) -> None:
        """End a session; its subscriptions end too, or wait for another one."""
        self.sessions.pop(number, None)
        for subscription in [each for each in self.subscriptions.values() if each.session == number]:
            if delete_subscriptions:
                del self.subscriptions[subscription.number]
            else:
                subscription.session = None

    # ---- publishing

    def publish(self, number: int, acknowledgements: Sequence[tuple[int, int]], count: int) -> None:
        """Some Publish requests of a session, the first with (subscription, sequence) pairs; answers go to `send`."""
        session = self.sessions.get(number)
        if session is None:
            return  # the answer, a fault, has nowhere to go
        session.heard_ns = self._now_ns()
        for acknowledged, sequence in acknowledgements:
            self.acknowledged(acknowledged, sequence)
            if acknowledged in self.subscriptions:
                self.subscriptions[acknowledged].acknowledge([sequence])
        session.requests += count
        own = [each for each in self.subscriptions.values() if each.session == number]
        for subscription in own:
            subscription.heard()
        if not own:
            while session.requests:
                self._answer(session, opcua_bytes.fault(ua.StatusCodes.BadNoSubscription, self.clock_ns()))
        while session.requests > self.limits.publish_requests:
            self._answer(session, opcua_bytes.fault(ua.StatusCodes.BadTooManyPublishRequests, self.clock_ns()))
        for subscription in own:
            if subscription.is_late and session.requests:
                self._speak(subscription)

    def _speak(self, subscription: Subscription) -> None:
        """Send what a subscription has to say, if somebody asked."""
        if subscription.is_over:
            subscription.farewell = ua.StatusCodes.BadTimeout
            del self.subscriptions[subscription.number]
        session = None if subscription.session is None else self.sessions.get(subscription.session)
        if session is None or not session.requests or subscription.is_mute:
            return
        told = subscription.tell(self.clock_ns())
        kept = tuple(subscription.kept)
        self._answer(session, opcua_bytes.publish_response(subscription.number, kept, told, self.clock_ns()))

    def _answer(self, session: Session, body: bytes) -> None:
        session.requests -= 1
        if session.send is not None:
            session.send(body)

    def republish(self, number: int, subscription: int, sequence: int) -> bytes:
        """A message that is still kept, as bytes; or the refusal."""
        self.heard(number)
        known = self.subscriptions.get(subscription)
        if known is None or known.session != number:
            return opcua_bytes.fault(ua.StatusCodes.BadSubscriptionIdInvalid, self.clock_ns())
        known.heard()
        if sequence not in known.kept:
            return opcua_bytes.fault(ua.StatusCodes.BadMessageNotAvailable, self.clock_ns())
        return opcua_bytes.republish_response(known.kept[sequence], self.clock_ns())

    def subscribe(self, session: int, publishing_ns: int, keep_alives: int, lifetimes: int, *, enabled: bool) -> int:
        """A new subscription's number; BadService beyond the limit."""
        if len(self.subscriptions) >= self.limits.subscriptions:
            raise BadService(ua.StatusCodes.BadTooManySubscriptions)
        self._number += 1
        first_ns = self._now_ns() + publishing_ns
        self.subscriptions[self._number] = Subscription(
            self._number, session, publishing_ns, keep_alives, lifetimes, enabled, first_ns, self.limits.kept_messages
        )
        return self._number

    def monitor(self, subscription: int, handle: int, node: str, queue: int) -> tuple[int, int]:
        """An item for a node, its present value first; (status, size of the queue)."""
        if node not in self.values or self._is_missing(node):
            return int(ua.StatusCodes.BadNodeIdUnknown), 0
        item = Item(handle, node, max(1, min(queue, self.limits.queue)))
        self.subscriptions[subscription].add(item)
        value = self.values[node]
        if value is not None:
            item.put(value)
        return int(ua.StatusCodes.Good), item.size

    def transfer(self, subscription: int, session: int) -> int:
        """Give a subscription to another session; the status."""
        known = self.subscriptions.get(subscription)
        if known is None:
            return int(ua.StatusCodes.BadSubscriptionIdInvalid)
        known.session = session
        known.heard()
        known.is_mute = self._is_mute_after_transfer
        return int(ua.StatusCodes.Good)

    # ---- the plant's side: an outlet

    async def write(self, updates: Sequence[Update]) -> None:
        """New values of the plant, in order."""
        for update in updates:
            self._write(update)

    def _write(self, update: Update) -> None:
        if update.name not in self.values:
            return
        off_ns = self._clock.off_ns(self._now_ns())
        told_ns = update.time_ns if update.time_ns is not None else self._now_ns()
        source_ns = None if update.time_ns is None or self._is_timeless(update.name) else told_ns + off_ns
        server_ns = (told_ns if update.server_ns is None else update.server_ns) + off_ns
        served = self.values[update.name] = Served(update.value, update.status, source_ns, server_ns)
        if self._is_missing(update.name):
            return
        self.served(update.name, served)
        self._report(update.name, served)

    def _report(self, node: str, served: Served) -> None:
        dropped = self._is_dropped(node)
        for subscription in self.subscriptions.values():
            item = subscription.by_node.get(node)
            if item is not None:
                item.drop() if dropped else item.put(served)

    async def fault(self, change: FaultChange) -> None:
        """A fault of this server begins or ends; others are ignored."""
        spec, active = change.spec, change.active
        if spec.kind == "server_restart":
            self._restart(spec, active=active)
        elif spec.kind in _CERTIFICATE_STATUS:
            self.refuses_with = _CERTIFICATE_STATUS[spec.kind] if active else 0
            if active:
                self.hang_up()
        elif spec.kind == "nodes_invalid":
            self._lose_nodes(spec, active=active)
        elif spec.kind == "queue_overflow":
            self._thin(spec, active=active)
        elif spec.kind in ("clock_jump", "clock_drift"):
            self._set_clock(spec, active=active)
        elif spec.kind == "source_time_absent":
            self._timeless.pop(spec.id, None)
            if active:
                self._timeless[spec.id] = spec.target

    def _restart(self, spec: FaultSpec, *, active: bool) -> None:
        """Down while it lasts; a restart without an end is over at once."""
        if active:
            self.is_up = False
            self.sessions.clear()
            self.subscriptions.clear()
            self.hang_up()
        if not active or spec.lasts_s is None:
            self.is_up = True
            self.started_ns = self.clock_ns()
            if _setting(spec, "namespace_order") == "swapped":
                self.namespaces[1:] = self.namespaces[:0:-1]

    def _lose_nodes(self, spec: FaultSpec, *, active: bool) -> None:
        back = self._missing.pop(spec.id, frozenset())
        for node in sorted(back):
            value = self.values.get(node)
            if value is not None and not self._is_missing(node):
                self.served(node, value)
                self._report(node, value)
        if not active:
            return
        lost = [spec.target]
        if spec.target == SERVER:
            lost = sorted(self.values)[: round(len(self.values) * float(_setting(spec, "share")))]
        self._missing[spec.id] = frozenset(lost)
        for node in lost:
            last = self.values.get(node)
            if last is not None:
                gone = Served(last.value, ua.StatusCodes.BadNodeIdUnknown, self.clock_ns(), self.clock_ns())
                self.served(node, gone)
                self._report(node, gone)

    def _thin(self, spec: FaultSpec, *, active: bool) -> None:
        self._thinned.pop(spec.id, None)
        if active:
            nodes = list(self.values) if spec.target == SERVER else [spec.target]
            share = float(_setting(spec, "dropped"))
            self._thinned[spec.id] = {node: _Thinning(share) for node in nodes}

    def _is_dropped(self, node: str) -> bool:
        for nodes in self._thinned.values():
            thinning = nodes.get(node)
            if thinning is not None:
                thinning.due += thinning.share
                if thinning.due >= 1.0 - 1e-9:
                    thinning.due -= 1.0
                    return True
        return False

    def _set_clock(self, spec: FaultSpec, *, active: bool) -> None:
        self._clock.steps_ns.pop(spec.id, None)
        self._clock.rates.pop(spec.id, None)
        if active and spec.kind == "clock_jump":
            self._clock.steps_ns[spec.id] = round(float(_setting(spec, "step")) * SECOND_NS)
        elif active:
            self._clock.rates[spec.id] = (self._now_ns(), float(_setting(spec, "rate")) * SECOND_NS / HOUR_NS)

    def _is_missing(self, node: str) -> bool:
        return any(node in nodes for nodes in self._missing.values())

    def _is_timeless(self, node: str) -> bool:
        return any(target in (SERVER, node) for target in self._timeless.values())


def _setting(spec: FaultSpec, name: str) -> float | str:
    value = spec.settings.get(name, CATALOGUE[spec.kind].settings[name].default)
    assert value is not None
    return value
