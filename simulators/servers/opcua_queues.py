"""What the server's subscriptions do beside asyncua's: the overflow bit, limits on a call, and values that are dropped.

asyncua drops the oldest value of a full queue without a word; part 4 (5.13.1.5) wants the overflow bit on the next one.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AddressSpace, AttributeService
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.subscription_service import SubscriptionService

from domain.status import OVERFLOW

_WHOLE: Final = 1.0 - 1e-9  # of a value, where shares are added up


class Thinning:
    """Which share of a tag's values never gets into a queue: evenly spread, so that it needs no chance."""

    def __init__(self) -> None:
        self._shares: dict[str, float] = {}  # by fault
        self._targets: dict[str, frozenset[str]] = {}

    def begin(self, fault: str, tags: frozenset[str], share: float) -> None:
        """Drop a share of these tags' values from now on."""
        self._shares[fault], self._targets[fault] = share, tags

    def end(self, fault: str) -> None:
        """Drop no more for this fault."""
        self._shares.pop(fault, None)
        self._targets.pop(fault, None)

    def share(self, tag: object) -> float:
        """The share of a tag's values that is dropped now; 0: none."""
        return max((self._shares[fault] for fault, tags in self._targets.items() if tag in tags), default=0.0)


class OverflowingSubscriptions(SubscriptionService):  # type: ignore[misc]  # asyncua is not typed here
    """asyncua's subscriptions, which also say when values were dropped, and publish by the plant's clock.

    `most_items` is the limit of one call.
    """

    def __init__(
        self, iserver: InternalServer, thinning: Thinning, now: Callable[[], datetime], most_items: int
    ) -> None:
        super().__init__(iserver.aspace, iserver=iserver)
        self._thinning = thinning
        self._now = now
        self._most_items = most_items

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Awaitable[None]],
        session_id: ua.NodeId,
        request_callback: Callable[..., object] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """Create one whose queues set the overflow bit and whose messages bear the plant's time."""
        result = await super().create_subscription(params, callback, session_id, request_callback)
        subscription = self.subscriptions[result.SubscriptionId]
        subscription.enqueue_datachange_event = _Queues(self._thinning, subscription).put
        subscription._pop_publish_result = partial(_stamped, subscription._pop_publish_result, self._now)  # noqa: SLF001 - as below
        return result

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> Sequence[ua.MonitoredItemCreateResult]:
        """Create items, as many as one call may; ServiceError."""
        _within(len(params.ItemsToCreate), self._most_items)
        results: Sequence[ua.MonitoredItemCreateResult] = await super().create_monitored_items(params)
        return results

    def fullness(self) -> float:
        """How full the fullest queue is of a subscription that publishes, 0 … 1; an item of size 1 wants no more."""
        most = 0.0
        for subscription in self.subscriptions.values():
            if not subscription._publishing_enabled:  # noqa: SLF001 - asyncua has no other way to see its queues
                continue
            items = subscription.monitored_item_srv._monitored_items  # noqa: SLF001 - as above
            for item, queue in subscription._triggered_datachanges.items():  # noqa: SLF001 - as above
                size = items[item].queue_size if item in items else 1
                most = max(most, len(queue) / size if size > 1 else 0.0)
        return most


class LimitedReads(AttributeService):  # type: ignore[misc]  # asyncua is not typed here
    """asyncua's attribute service with the limit that the server tells: more nodes in one call are refused."""

    def __init__(self, aspace: AddressSpace, most_reads: int) -> None:
        super().__init__(aspace)
        self._most_reads = most_reads

    def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Read attributes; ServiceError."""
        _within(len(params.NodesToRead), self._most_reads)
        values: list[ua.DataValue] = super().read(params)
        return values


def _stamped(pop: Callable[[], ua.PublishResult], now: Callable[[], datetime]) -> ua.PublishResult:
    """What a subscription publishes next, with the plant's time on it."""
    result = pop()
    result.NotificationMessage.PublishTime = now()
    return result


def _within(count: int, most: int) -> None:
    if count > most:
        raise ServiceError(ua.StatusCodes.BadTooManyOperations)


class _Queues:
    """The queues of one subscription's monitored items."""

    def __init__(self, thinning: Thinning, subscription: InternalSubscription) -> None:
        self._thinning = thinning
        self._subscription = subscription
        self._owed: dict[int, float] = {}  # item -> the share of a value that is still to be dropped
        self._dropped: set[int] = set()  # items whose next value carries the overflow bit

    async def put(self, item: int, event: ua.MonitoredItemNotification, size: int) -> None:
        """Queue a value of an item whose queue takes `size`; a full queue loses its oldest."""
        if self._is_dropped(item):
            self._dropped.add(item)
            return
        if item in self._dropped:
            self._dropped.discard(item)
            event = _overflowed(event)
        queues: Mapping[int, list[ua.MonitoredItemNotification]]
        queues = self._subscription._triggered_datachanges  # noqa: SLF001 - as above
        queue = queues.get(item, [])
        full = size > 1 and len(queue) >= size
        await self._subscription._enqueue_event(item, event, size, queues)  # noqa: SLF001 - as above
        if full:
            queue[0] = _overflowed(queue[0])

    def _is_dropped(self, item: int) -> bool:
        monitored = self._subscription.monitored_item_srv._monitored_items.get(item)  # noqa: SLF001 - as above
        share = self._thinning.share(monitored.read_value_id.NodeId.Identifier) if monitored is not None else 0.0
        owed = self._owed.pop(item, 0.0) + share
        if share == 0.0:
            return False
        dropped = owed >= _WHOLE
        self._owed[item] = owed - 1.0 if dropped else owed
        return dropped


def _overflowed(event: ua.MonitoredItemNotification) -> ua.MonitoredItemNotification:
    """The same notification with the overflow bit; the value itself is shared with others, so it is copied."""
    status = ua.StatusCode(event.Value.StatusCode.value | OVERFLOW)
    return dataclasses.replace(event, Value=dataclasses.replace(event.Value, StatusCode=status))
