"""A server on a script: subscriptions, sessions and retransmission as the standard has them, and faults on demand."""

import asyncio
import struct
import time
from dataclasses import dataclass, field
from datetime import datetime

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from collector.opcua.link import LinkLost, Opening, ServiceRefused
from collector.opcua.wire import UNIX_EPOCH_TICKS, Answer, read_publish
from domain.time import SECOND_NS

OVERFLOW = 0x480


class ScriptClock:
    """The wall's clock."""

    simulated = False
    speed = 1.0

    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep_until(self, when_ns: int) -> None:
        await asyncio.sleep(max(0, when_ns - time.time_ns()) / SECOND_NS)


@dataclass
class Subscription:
    handles: list[int] = field(default_factory=list)
    pending: list[tuple[int, float, int, int]] = field(default_factory=list)  # handle, value, time, status
    sent: dict[int, bytes] = field(default_factory=dict)
    sequence: int = 0
    enabled: bool = True
    mute: bool = False


class ScriptServer:
    """What a test changes: `started`, `sessions`, `mute_after_transfer`, `most_items`; what it sees: `asked`, `acknowledged`."""

    def __init__(self) -> None:
        self.started = 1
        self.subscriptions: dict[int, Subscription] = {}
        self.next_subscription = 100
        self.session_alive = False
        self.reachable = True
        self.mute_after_transfer = False
        self.unknown: set[str] = set()
        self.most_items = 1000
        self.asked: list[str] = []
        self.acknowledged: list[tuple[int, int]] = []
        self.link: ScriptLink | None = None
        self.drop_messages = 0
        self.published_at: datetime | None = None

    def restart(self) -> None:
        self.started += 1
        self.subscriptions.clear()
        self.session_alive = False

    def write(self, handle: int, value: float, status: int = 0) -> int:
        """Give a node a value; its source time."""
        time_ns = time.time_ns() // 100 * 100
        for subscription in self.subscriptions.values():
            if handle in subscription.handles:
                subscription.pending.append((handle, value, time_ns, status))
        return time_ns

    def publish(self) -> None:
        """A publishing cycle: each live subscription sends what it has, or a keep-alive."""
        link = self.link
        for number, subscription in list(self.subscriptions.items()):
            if link is None or not link.in_flight or subscription.mute:
                continue
            if subscription.pending and subscription.enabled:
                subscription.sequence += 1
                body = _message(number, subscription.sequence, subscription.pending, self.published_at)
                subscription.pending = []
                subscription.sent[subscription.sequence] = body
                if self.drop_messages:
                    self.drop_messages -= 1
                    continue
            else:
                body = _message(number, subscription.sequence + 1, [])
            link.arrive(body)


class ScriptLink:
    """The Link port on a script."""

    def __init__(self, server: ScriptServer) -> None:
        self.server = server
        self.in_flight = 0
        self.inbox: list[tuple[int, Answer]] = []
        self.event = asyncio.Event()
        self.lost = True

    async def open(self) -> Opening:
        await asyncio.sleep(0)
        if not self.server.reachable:
            raise LinkLost("connect: refused")
        self.server.link, self.lost, self.in_flight, self.inbox = self, False, 0, []
        opening = Opening.REUSED if self.server.session_alive else Opening.NEW
        self.server.session_alive = True
        return opening

    async def ask(self, request, response_type):
        await asyncio.sleep(0)
        if self.lost:
            raise LinkLost("gone")
        name = type(request).__name__
        self.server.asked.append(name)
        response = response_type()
        getattr(self, f"_{name.removesuffix('Request').lower()}")(request, response)
        return response

    async def republish(self, subscription: int, sequence: int) -> Answer:
        self.server.asked.append("RepublishRequest")
        known = self.server.subscriptions.get(subscription)
        if known is None or sequence not in known.sent:
            return Answer(ua.StatusCodes.BadMessageNotAvailable, None)
        return read_publish(known.sent[sequence])

    def publish(self, acknowledgements: list[tuple[int, int]], count: int) -> None:
        self.in_flight += count
        self.server.acknowledged += acknowledgements

    async def arrivals(self, within_s: float) -> list[tuple[int, Answer]]:
        if not self.inbox and not self.lost:
            self.event.clear()
            try:
                async with asyncio.timeout(min(within_s, 0.02)):
                    await self.event.wait()
            except TimeoutError:
                return []
        if not self.inbox and self.lost:
            raise LinkLost("connection lost")
        arrived, self.inbox = self.inbox, []
        return arrived

    def wake(self) -> None:
        self.event.set()

    async def drop(self) -> None:
        self.lost = True

    async def leave(self, *, delete_subscriptions: bool) -> None:
        self.lost = True

    def arrive(self, body: bytes) -> None:
        self.in_flight -= 1
        self.inbox.append((time.time_ns(), read_publish(body)))
        self.event.set()

    def cut(self) -> None:
        """The connection breaks."""
        self.lost = True
        self.event.set()

    def _read(self, request, response) -> None:
        known = {
            ua.ObjectIds.Server_NamespaceArray: ["http://opcfoundation.org/UA/", "urn:server", "urn:t"],
            ua.ObjectIds.Server_ServerArray: ["urn:server"],
            ua.ObjectIds.Server_ServerStatus_StartTime: None,
        }
        response.ResponseHeader.Timestamp = None
        response.Results = [ua.DataValue(known.get(node.NodeId.Identifier)) for node in request.Parameters.NodesToRead]
        # the run of the server, told by another URI: a DateTime would do as well
        for node, result in zip(request.Parameters.NodesToRead, response.Results, strict=True):
            if node.NodeId.Identifier == ua.ObjectIds.Server_ServerArray:
                result.Value = ua.Variant([f"urn:server:{self.server.started}"])

    def _createsubscription(self, request, response) -> None:
        self.server.next_subscription += 1
        wanted = request.Parameters
        self.server.subscriptions[self.server.next_subscription] = Subscription(enabled=wanted.PublishingEnabled)
        response.Parameters = ua.CreateSubscriptionResult(
            SubscriptionId=self.server.next_subscription,
            RevisedPublishingInterval=wanted.RequestedPublishingInterval,
            RevisedLifetimeCount=wanted.RequestedLifetimeCount,
            RevisedMaxKeepAliveCount=wanted.RequestedMaxKeepAliveCount,
        )

    def _createmonitoreditems(self, request, response) -> None:
        wanted = request.Parameters.ItemsToCreate
        if len(wanted) > self.server.most_items:
            raise ServiceRefused(ua.StatusCodes.BadTooManyOperations, "CreateMonitoredItems")
        subscription = self.server.subscriptions[request.Parameters.SubscriptionId]
        for item in wanted:
            result = ua.MonitoredItemCreateResult(RevisedQueueSize=item.RequestedParameters.QueueSize)
            if item.ItemToMonitor.NodeId.Identifier in self.server.unknown:
                result.StatusCode = ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown)
            else:
                subscription.handles.append(item.RequestedParameters.ClientHandle)
            response.Results.append(result)

    def _transfersubscriptions(self, request, response) -> None:
        (number,) = request.Parameters.SubscriptionIds
        result = ua.TransferResult()
        if number in self.server.subscriptions:
            self.server.subscriptions[number].mute = self.server.mute_after_transfer
        else:
            result.StatusCode = ua.StatusCode(ua.StatusCodes.BadSubscriptionIdInvalid)
        response.Parameters.Results = [result]

    def _deletesubscriptions(self, request, response) -> None:
        for number in request.Parameters.SubscriptionIds:
            self.server.subscriptions.pop(number, None)

    def _setpublishingmode(self, request, response) -> None:
        for number in request.Parameters.SubscriptionIds:
            self.server.subscriptions[number].enabled = request.Parameters.PublishingEnabled
            response.Parameters.Results.append(ua.StatusCode())


def _message(
    subscription: int, sequence: int, rows: list[tuple[int, float, int, int]], published_at: datetime | None = None
) -> bytes:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = subscription
    message = ua.NotificationMessage(SequenceNumber=sequence)
    if published_at is not None:
        message.PublishTime = published_at
    if rows:
        message.NotificationData = [ua.DataChangeNotification(MonitoredItems=[])]
    response.Parameters.NotificationMessage = message
    encoded = struct_to_binary(response)
    if not rows:
        return encoded
    items = b"".join(
        struct.pack("<IBBdIq", handle, 7, 11, value, status, time_ns // 100 + UNIX_EPOCH_TICKS)
        for handle, value, time_ns, status in rows
    )
    at = encoded.index(b"\x01" + struct.pack("<iii", 8, 0, 0)) + 1
    return (
        encoded[:at]
        + struct.pack("<ii", 8 + len(items), len(rows))
        + items
        + struct.pack("<i", -1)
        + encoded[at + 12 :]
    )
