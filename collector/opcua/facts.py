"""What a server says of itself: its identity, its namespaces, and how much it takes at once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from asyncua import ua

from collector.opcua.link import Link, LinkLost, ServiceRefused

Thing = TypeVar("Thing")
Result = TypeVar("Result")

_USUAL_BATCH = 1000
_TOO_MUCH = frozenset(
    {
        ua.StatusCodes.BadTooManyOperations,
        ua.StatusCodes.BadEncodingLimitsExceeded,
        ua.StatusCodes.BadRequestTooLarge,
        ua.StatusCodes.BadResponseTooLarge,
        ua.StatusCodes.BadTcpMessageTooLarge,
        ua.StatusCodes.BadTooManyMonitoredItems,
    }
)

_LIMITS = "Server_ServerCapabilities_OperationLimits_"
_NODES = (
    ua.ObjectIds.Server_NamespaceArray,
    ua.ObjectIds.Server_ServerArray,
    ua.ObjectIds.Server_ServerStatus_StartTime,
    getattr(ua.ObjectIds, _LIMITS + "MaxNodesPerRead"),
    getattr(ua.ObjectIds, _LIMITS + "MaxNodesPerBrowse"),
    getattr(ua.ObjectIds, _LIMITS + "MaxMonitoredItemsPerCall"),
)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """As read at the start of a session. `started` tells one run of the server from the next."""

    uri: str
    started: str
    namespaces: tuple[str, ...]
    most_reads: int
    most_browses: int
    most_items: int


async def read_facts(link: Link) -> ServerFacts:
    """Ask the server; what it does not say is empty, or the usual limit."""
    values = [value.Value.Value if value.Value is not None else None for value in await read(link, _NODES)]
    namespaces, servers, started, reads, browses, items = values
    return ServerFacts(
        uri=str(servers[0]) if servers else "",
        started=_moment(started),
        namespaces=tuple(str(uri) for uri in namespaces or ()),
        most_reads=_limit(reads),
        most_browses=_limit(browses),
        most_items=_limit(items),
    )


async def read(
    link: Link,
    nodes: Sequence[object],
    attribute: int = ua.AttributeIds.Value,
) -> list[ua.DataValue]:
    """One attribute of each node (numeric ids of the standard namespace, or node ids), in one request."""
    request = ua.ReadRequest()
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Neither
    request.Parameters.NodesToRead = [
        ua.ReadValueId(NodeId=node if isinstance(node, ua.NodeId) else ua.NodeId(node, 0), AttributeId=attribute)
        for node in nodes
    ]
    response = await link.ask(request, ua.ReadResponse)
    return list(response.Results)


async def in_batches(
    things: Sequence[Thing],
    size: int,
    send: Callable[[Sequence[Thing]], Awaitable[Sequence[Result]]],
) -> list[Result]:
    """Send all things in batches of at most `size`, halving when the server finds a batch too large."""
    results: list[Result] = []
    while len(results) < len(things):
        batch = things[len(results) : len(results) + size]
        try:
            answers = await send(batch)
        except ServiceRefused as refusal:
            if refusal.status not in _TOO_MUCH or len(batch) == 1:
                raise
            size = len(batch) // 2
            continue
        if len(answers) != len(batch):
            raise LinkLost(f"the server gave {len(answers)} results for {len(batch)} operations")
        results += answers
    return results


def _limit(value: object) -> int:
    return min(int(value), _USUAL_BATCH) if isinstance(value, int) and value > 0 else _USUAL_BATCH


def _moment(value: object) -> str:
    return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else ""
