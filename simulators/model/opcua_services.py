"""Requests to the model server in asyncua's types, and its answers; only what a reading client asks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asyncua import ua

from domain.time import SECOND_NS
from simulators.model.opcua import BadService, ModelOpcUaServer

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LIMIT: Final = "Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall"

Handler = Callable[[ModelOpcUaServer, int, Any, Any], None]  # asyncua's types are not typed


def answer(server: ModelOpcUaServer, session: int, request: object, response: Any) -> None:
    """Fill the response to a request of a session; BadService where the server refuses."""
    server.heard(session)
    handler = _HANDLERS.get(type(request).__name__)
    if handler is None:
        raise BadService(ua.StatusCodes.BadServiceUnsupported)
    response.ResponseHeader.Timestamp = _moment(server.clock_ns())
    handler(server, session, request, response)


def _moment(time_ns: int) -> datetime:
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).replace(tzinfo=None)


def _read(server: ModelOpcUaServer, _: int, request: Any, response: Any) -> None:
    known = {
        ua.ObjectIds.Server_NamespaceArray: server.namespaces,
        ua.ObjectIds.Server_ServerArray: ["urn:thermowell:model-server"],
        ua.ObjectIds.Server_ServerStatus_StartTime: _moment(server.started_ns),
        ua.ObjectIds.Server_ServerStatus_State: 0,
        getattr(ua.ObjectIds, _LIMIT): server.limits.items_per_call,
    }
    for wanted in request.Parameters.NodesToRead:
        value = known.get(wanted.NodeId.Identifier)
        response.Results.append(ua.DataValue(None if value is None else ua.Variant(value)))


def _create_subscription(server: ModelOpcUaServer, session: int, request: Any, response: Any) -> None:
    wanted = request.Parameters
    number = server.subscribe(
        session,
        round(wanted.RequestedPublishingInterval * SECOND_NS / 1000),
        int(wanted.RequestedMaxKeepAliveCount),
        int(wanted.RequestedLifetimeCount),
        enabled=bool(wanted.PublishingEnabled),
    )
    response.Parameters = ua.CreateSubscriptionResult(
        SubscriptionId=number,
        RevisedPublishingInterval=wanted.RequestedPublishingInterval,
        RevisedLifetimeCount=wanted.RequestedLifetimeCount,
        RevisedMaxKeepAliveCount=wanted.RequestedMaxKeepAliveCount,
    )


def _create_items(server: ModelOpcUaServer, session: int, request: Any, response: Any) -> None:
    subscription = int(request.Parameters.SubscriptionId)
    _demand_own(server, session, subscription)
    wanted = request.Parameters.ItemsToCreate
    if len(wanted) > server.limits.items_per_call:
        raise BadService(ua.StatusCodes.BadTooManyOperations)
    for item in wanted:
        node, asked = item.ItemToMonitor.NodeId, item.RequestedParameters
        status, size = ua.StatusCodes.BadNodeIdUnknown, 0
        if server.namespaces[node.NamespaceIndex] == server.namespace:
            status, size = server.monitor(subscription, int(asked.ClientHandle), node.Identifier, int(asked.QueueSize))
        response.Results.append(ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(status), RevisedQueueSize=size))


def _demand_own(server: ModelOpcUaServer, session: int, subscription: int) -> None:
    known = server.subscriptions.get(subscription)
    if known is None or known.session != session:
        raise BadService(ua.StatusCodes.BadSubscriptionIdInvalid)


def _transfer(server: ModelOpcUaServer, session: int, request: Any, response: Any) -> None:
    response.Parameters.Results = [
        ua.TransferResult(StatusCode=ua.StatusCode(server.transfer(int(number), session)))
        for number in request.Parameters.SubscriptionIds
    ]


def _delete(server: ModelOpcUaServer, _: int, request: Any, response: Any) -> None:
    for number in request.Parameters.SubscriptionIds:
        gone = server.subscriptions.pop(int(number), None)
        status = ua.StatusCodes.BadSubscriptionIdInvalid if gone is None else ua.StatusCodes.Good
        response.Results.append(ua.StatusCode(status))


def _set_publishing(server: ModelOpcUaServer, session: int, request: Any, response: Any) -> None:
    for number in request.Parameters.SubscriptionIds:
        _demand_own(server, session, int(number))
        server.subscriptions[int(number)].enabled = bool(request.Parameters.PublishingEnabled)
        response.Parameters.Results.append(ua.StatusCode())


_HANDLERS: Final[dict[str, Handler]] = {
    "ReadRequest": _read,
    "CreateSubscriptionRequest": _create_subscription,
    "CreateMonitoredItemsRequest": _create_items,
    "TransferSubscriptionsRequest": _transfer,
    "DeleteSubscriptionsRequest": _delete,
    "SetPublishingModeRequest": _set_publishing,
}
