"""The services of monitored items of the firehose (part 4, 5.12)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from simulators.servers.firehose_subscriptions import Item, Subscription

_ITEMS_MOST: Final = 1_000_000
_EVENTS: Final = ua.AttributeIds.EventNotifier


class Hose(Protocol):
    """What a connection needs of the server."""

    @property
    def tag_of(self) -> Mapping[ua.NodeId, int]:
        """Tags by their nodes."""
        ...

    def subscribe(self, wanted: ua.CreateSubscriptionParameters) -> Subscription:
        """Make a subscription."""
        ...

    def unsubscribe(self, id_: int) -> None:
        """Forget one."""
        ...

    async def read(self, item: ua.ReadValueId) -> ua.DataValue:
        """What an attribute of a node is."""
        ...


class MonitoredItems:
    """Creates, changes and deletes items of subscriptions; `found` gives one by its id, or raises ServiceError."""

    def __init__(self, hose: Hose, found: Callable[[int], Subscription]) -> None:
        self._hose = hose
        self._found = found

    def services(self) -> Mapping[int, Callable[[Buffer], Awaitable[object]]]:
        """What answers each kind of request: from its parameters to the response."""
        return {
            ua.ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary: self._create,
            ua.ObjectIds.ModifyMonitoredItemsRequest_Encoding_DefaultBinary: self._modify,
            ua.ObjectIds.SetMonitoringModeRequest_Encoding_DefaultBinary: self._set_monitoring_mode,
            ua.ObjectIds.DeleteMonitoredItemsRequest_Encoding_DefaultBinary: self._delete,
        }

    async def _create(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.CreateMonitoredItemsParameters, body)
        subscription = self._found(wanted.SubscriptionId)
        response = ua.CreateMonitoredItemsResponse()
        response.Results = [await self._create_item(subscription, item) for item in wanted.ItemsToCreate]
        subscription.items_changed()
        return response

    async def _create_item(
        self, subscription: Subscription, wanted: ua.MonitoredItemCreateRequest
    ) -> ua.MonitoredItemCreateResult:
        """One of our tags; or another node of the server, which tells its value once and never changes."""
        asked, node = wanted.RequestedParameters, wanted.ItemToMonitor
        if len(subscription.items) >= _ITEMS_MOST:
            return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadTooManyMonitoredItems))
        if _has_deadband(asked.Filter):
            refused = ua.StatusCodes.BadMonitoredItemFilterUnsupported
            return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(refused))
        reporting = wanted.MonitoringMode == ua.MonitoringMode.Reporting
        tag, first = self._hose.tag_of.get(node.NodeId) if node.AttributeId == ua.AttributeIds.Value else None, None
        if tag is None:
            value = await self._hose.read(node)
            if value.StatusCode is not None and not value.StatusCode.is_good():
                return ua.MonitoredItemCreateResult(StatusCode=value.StatusCode)
            if node.AttributeId != _EVENTS:
                first = struct_to_binary(ua.MonitoredItemNotification(asked.ClientHandle, value))
        item = subscription.add(asked.ClientHandle, tag, asked.QueueSize, first, reporting=reporting)
        return ua.MonitoredItemCreateResult(
            MonitoredItemId=item.id,
            RevisedSamplingInterval=max(asked.SamplingInterval, 0.0),
            RevisedQueueSize=ua.UInt32(item.queue),
        )

    async def _modify(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.ModifyMonitoredItemsParameters, body)
        subscription = self._found(wanted.SubscriptionId)
        response = ua.ModifyMonitoredItemsResponse()
        for change in wanted.ItemsToModify:
            item = subscription.items.get(change.MonitoredItemId)
            if item is None:
                result = ua.MonitoredItemModifyResult(ua.StatusCode(ua.StatusCodes.BadMonitoredItemIdInvalid))
            else:
                item.handle = change.RequestedParameters.ClientHandle
                item.queue = max(change.RequestedParameters.QueueSize, 1)
                result = ua.MonitoredItemModifyResult(RevisedQueueSize=ua.UInt32(item.queue))
            response.Results.append(result)
        subscription.items_changed()
        return response

    async def _set_monitoring_mode(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.SetMonitoringModeParameters, body)
        subscription = self._found(wanted.SubscriptionId)

        def report(item: Item) -> None:
            item.reporting = wanted.MonitoringMode == ua.MonitoringMode.Reporting

        response = ua.SetMonitoringModeResponse()
        response.Parameters.Results = self._each(subscription, wanted.MonitoredItemIds, report)
        return response

    async def _delete(self, body: Buffer) -> object:
        wanted = struct_from_binary(ua.DeleteMonitoredItemsParameters, body)
        subscription = self._found(wanted.SubscriptionId)

        def remove(item: Item) -> None:
            del subscription.items[item.id]

        response = ua.DeleteMonitoredItemsResponse()
        response.Results = self._each(subscription, wanted.MonitoredItemIds, remove)
        return response

    @staticmethod
    def _each(subscription: Subscription, ids: Sequence[int], change: Callable[[Item], None]) -> list[ua.StatusCode]:
        """Change some items; a status for each."""
        results = []
        for id_ in ids:
            item = subscription.items.get(id_)
            if item is not None:
                change(item)
            results.append(status(item is not None, "BadMonitoredItemIdInvalid"))
        subscription.items_changed()
        return results


def status(good: bool, otherwise: str) -> ua.StatusCode:  # noqa: FBT001 - the answer to one question
    """Good, or the code of that name."""
    return ua.StatusCode() if good else ua.StatusCode(getattr(ua.StatusCodes, otherwise))


def _has_deadband(wanted: object) -> bool:
    return isinstance(wanted, ua.DataChangeFilter) and wanted.DeadbandType != ua.DeadbandType.None_
