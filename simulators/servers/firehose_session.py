"""One connection to the firehose: the services of subscriptions (part 4, 5.13 and 5.14)."""

import asyncio
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from simulators.servers.firehose_encoding import response_header
from simulators.servers.firehose_items import Hose, MonitoredItems, status
from simulators.servers.firehose_subscriptions import Subscription, ticks

_REQUESTS_MOST: Final = 100  # Publish requests that wait
_SUBSCRIPTIONS_MOST: Final = 100
_PUBLISH_RESPONSE: Final = ua.ObjectIds.PublishResponse_Encoding_DefaultBinary
_REPUBLISH_RESPONSE: Final = ua.ObjectIds.RepublishResponse_Encoding_DefaultBinary


@dataclass(frozen=True, slots=True)
class _Request:
    """A Publish request that waits. `results` are the statuses of what it acknowledged."""

    handle: int
    id: int
    results: list[int]
    until_s: float  # of the loop's clock


class FirehoseProcessor(UaProcessor):  # type: ignore[misc]  # asyncua has no seam for another subscription service
    """asyncua's processor of one connection, with subscriptions of our own. They end with the connection."""

    def __init__(self, hose: Hose, internal_server: object, transport: asyncio.Transport, limits: object) -> None:
        super().__init__(internal_server, transport, limits)
        self._hose = hose
        self._requests: deque[_Request] = deque()
        self._subscriptions: dict[int, Subscription] = {}
        self._timers: dict[int, asyncio.Task[None]] = {}
        self._services: dict[int, Callable[[Buffer], Awaitable[object]]] = {
            ua.ObjectIds.CreateSubscriptionRequest_Encoding_DefaultBinary: self._create_subscription,
            ua.ObjectIds.ModifySubscriptionRequest_Encoding_DefaultBinary: self._modify_subscription,
            ua.ObjectIds.DeleteSubscriptionsRequest_Encoding_DefaultBinary: self._delete_subscriptions,
            ua.ObjectIds.SetPublishingModeRequest_Encoding_DefaultBinary: self._set_publishing_mode,
            **MonitoredItems(hose, self._found).services(),
        }

    async def close(self) -> None:
        """The connection is gone."""
        for id_ in list(self._subscriptions):
            self._end(id_)
        self._requests.clear()
        await super().close()

    async def _process_message(
        self, typeid: ua.NodeId, requesthdr: ua.RequestHeader, seqhdr: ua.SequenceHeader, body: Buffer
    ) -> bool:
        number = typeid.Identifier
        if self.session is None:
            return bool(await super()._process_message(typeid, requesthdr, seqhdr, body))
        if number == ua.ObjectIds.PublishRequest_Encoding_DefaultBinary:
            self._alive()
            self._publish(requesthdr, seqhdr, body)
        elif number == ua.ObjectIds.RepublishRequest_Encoding_DefaultBinary:
            self._alive()
            self._republish(requesthdr, seqhdr, body)
        elif number in self._services:
            self._alive()
            self.send_response(requesthdr.RequestHandle, seqhdr, await self._services[number](body))
        else:
            return bool(await super()._process_message(typeid, requesthdr, seqhdr, body))
        return True

    def _alive(self) -> None:
        self.session_last_activity = time.monotonic()
        self.session.touch()

    # Publishing

    def _publish(self, header: ua.RequestHeader, sequence_header: ua.SequenceHeader, body: Buffer) -> None:
        if not self._subscriptions:
            raise ServiceError(ua.StatusCodes.BadNoSubscription)
        results = [self._acknowledge(*pair) for pair in _acknowledgements(body)]
        for subscription in self._subscriptions.values():
            subscription.asked()
        if len(self._requests) >= _REQUESTS_MOST:
            self._refuse(self._requests.popleft(), ua.StatusCodes.BadTooManyPublishRequests)
        hint_s = header.TimeoutHint / 1000 or float("inf")
        until_s = asyncio.get_running_loop().time() + hint_s
        self._requests.append(_Request(header.RequestHandle, sequence_header.RequestId, results, until_s))
        self._serve()

    def _acknowledge(self, id_: int, sequence: int) -> int:
        subscription = self._subscriptions.get(id_)
        if subscription is None:
            return int(ua.StatusCodes.BadSubscriptionIdInvalid)
        return subscription.acknowledge(sequence)

    def _serve(self) -> None:
        """Answer Publish requests while some subscription has something to say, each in its turn."""
        silent = 0
        while self._requests and silent < len(self._subscriptions):
            id_, subscription = next(iter(self._subscriptions.items()))
            self._subscriptions[id_] = self._subscriptions.pop(id_)  # the next one's turn
            request = self._requests[0]
            if asyncio.get_running_loop().time() > request.until_s:
                self._refuse(self._requests.popleft(), ua.StatusCodes.BadTimeout)
                continue
            now_ticks = ticks(time.time_ns())
            parameters = subscription.answer(now_ticks, request.results)
            if parameters is None:
                silent += 1
                continue
            silent = 0
            self._requests.popleft()
            self._send(response_header(_PUBLISH_RESPONSE, now_ticks, request.handle) + parameters, request.id)

    def _send(self, response: bytes, request_id: int) -> None:
        self._transport.write(self._connection.message_to_binary(response, request_id=request_id))

    def _refuse(self, request: _Request, status: int) -> None:
        fault = ua.ServiceFault()
        fault.ResponseHeader.ServiceResult = ua.StatusCode(status)
        fault.ResponseHeader.RequestHandle = request.handle
        self._send(struct_to_binary(fault), request.id)

    def _republish(self, header: ua.RequestHeader, sequence_header: ua.SequenceHeader, body: Buffer) -> None:
        wanted = struct_from_binary(ua.RepublishParameters, body)
        message = self._found(wanted.SubscriptionId).kept(wanted.RetransmitSequenceNumber)
        if message is None:
            raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)
        head = response_header(_REPUBLISH_RESPONSE, ticks(time.time_ns()), header.RequestHandle)
        self._send(head + message, sequence_header.RequestId)

    async def _time(self, subscription: Subscription) -> None:
        """Tell a subscription of its publishing intervals until it ends."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while not subscription.expired:
            due_s = max(due_s + subscription.interval_ms / 1000, loop.time())
            await asyncio.sleep(due_s - loop.time())
            subscription.tick(ticks(time.time_ns()))
            if self._requests:
                subscription.asked()
            self._serve()
        self._end(subscription.id)

    # Subscriptions

    def _found(self, id_: int) -> Subscription:
        try:
            return self._subscriptions[id_]
        except KeyError:
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid) from None

    async def _create_subscription(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.CreateSubscriptionParameters, body)
        if len(self._subscriptions) >= _SUBSCRIPTIONS_MOST:
            raise ServiceError(ua.StatusCodes.BadTooManySubscriptions)
        subscription = self._hose.subscribe(wanted)
        self._subscriptions[subscription.id] = subscription
        self._timers[subscription.id] = asyncio.create_task(self._time(subscription))
        response = ua.CreateSubscriptionResponse()
        response.Parameters = ua.CreateSubscriptionResult(
            SubscriptionId=subscription.id,
            RevisedPublishingInterval=subscription.interval_ms,
            RevisedLifetimeCount=subscription.lifetime_count,
            RevisedMaxKeepAliveCount=subscription.keep_alive_count,
        )
        return response

    async def _modify_subscription(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.ModifySubscriptionParameters, body)
        subscription = self._found(wanted.SubscriptionId)
        subscription.revise(wanted)
        response = ua.ModifySubscriptionResponse()
        response.Parameters = ua.ModifySubscriptionResult(
            RevisedPublishingInterval=subscription.interval_ms,
            RevisedLifetimeCount=subscription.lifetime_count,
            RevisedMaxKeepAliveCount=subscription.keep_alive_count,
        )
        return response

    async def _delete_subscriptions(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.DeleteSubscriptionsParameters, body)
        response = ua.DeleteSubscriptionsResponse()
        response.Results = [status(self._end(id_), "BadSubscriptionIdInvalid") for id_ in wanted.SubscriptionIds]
        return response

    def _end(self, id_: int) -> bool:
        if id_ not in self._subscriptions:
            return False
        del self._subscriptions[id_]
        self._hose.unsubscribe(id_)
        timer = self._timers.pop(id_)
        if timer is not asyncio.current_task():
            timer.cancel()
        if not self._subscriptions:
            while self._requests:
                self._refuse(self._requests.popleft(), ua.StatusCodes.BadNoSubscription)
        return True

    async def _set_publishing_mode(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.SetPublishingModeParameters, body)
        for id_ in wanted.SubscriptionIds:
            if id_ in self._subscriptions:
                self._subscriptions[id_].enabled = bool(wanted.PublishingEnabled)
        response = ua.SetPublishingModeResponse()
        response.Parameters.Results = [
            status(id_ in self._subscriptions, "BadSubscriptionIdInvalid") for id_ in wanted.SubscriptionIds
        ]
        return response


def _acknowledgements(body: Buffer) -> list[tuple[int, int]]:
    """(subscription, sequence number) pairs of a Publish request."""
    (count,) = struct.unpack("<i", body.read(4))
    return [struct.unpack("<II", body.read(8)) for _ in range(max(count, 0))]
