"""Monitored items: one a tag, each with its own verdict, so that one unknown node never sinks the rest."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncua import ua

from collector.opcua.addresses import parse_address, resolve
from collector.opcua.facts import ServerFacts, in_batches
from collector.opcua.link import Link
from collector.opcua.settings import OpcUaSettings
from domain.errors import Refused
from domain.tags import Tag
from domain.time import SECOND_NS

LONGEST_QUEUE = 10_000
SHORTEST_QUEUE = 10
_USUAL_SAMPLING_NS = SECOND_NS // 10  # assumed where the server chooses
_AS_IT_CHANGES = 0.0  # sampling interval: the server reports each change, or samples as fast as it finds fit
_NO_FILTER = frozenset(
    {
        ua.StatusCodes.BadMonitoredItemFilterUnsupported,
        ua.StatusCodes.BadMonitoredItemFilterInvalid,
        ua.StatusCodes.BadFilterNotAllowed,
    }
)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How the server took a tag's item: `problem` is empty where it reports."""

    tag: int
    problem: str
    queue: int = 0


def queue_size(settings: OpcUaSettings, sampling_interval_ns: int) -> int:
    """Values that the server should hold for a tag: two publishing intervals, and an outage of `queue_s`."""
    interval_ns = sampling_interval_ns or min(settings.publishing_interval_ns, _USUAL_SAMPLING_NS)
    held_ns = max(2 * settings.publishing_interval_ns, settings.queue_s * SECOND_NS)
    return min(max(SHORTEST_QUEUE, math.ceil(held_ns / interval_ns)), LONGEST_QUEUE)


async def create_items(
    link: Link,
    subscription: int,
    tags: Iterable[Tag],
    facts: ServerFacts,
    settings: OpcUaSettings,
) -> list[ItemResult]:
    """Ask for an item of each tag; the client handle is the dense tag id. One result a tag, in any order."""
    results: list[ItemResult] = []
    wanted: list[tuple[Tag, ua.NodeId]] = []
    for tag in tags:
        try:
            wanted.append((tag, resolve(parse_address(tag.address), facts.namespaces)))
        except Refused as refusal:
            results.append(ItemResult(tag.id, str(refusal)))

    async def send(batch: Sequence[tuple[Tag, ua.NodeId, bool]]) -> list[ua.MonitoredItemCreateResult]:
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = subscription
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ItemsToCreate = [_item(tag, node, settings, exact=exact) for tag, node, exact in batch]
        response = await link.ask(request, ua.CreateMonitoredItemsResponse)
        return list(response.Results)

    # A changed time alone is news, too: it tells stillness from silence. Not every server offers that.
    first = await in_batches([(tag, node, True) for tag, node in wanted], facts.most_items, send)
    again = [i for i, result in enumerate(first) if int(result.StatusCode.value) in _NO_FILTER]
    second = await in_batches([(*wanted[i], False) for i in again], facts.most_items, send)
    for i, result in zip(again, second, strict=True):
        first[i] = result
    for (tag, _), result in zip(wanted, first, strict=True):
        good = result.StatusCode.is_good()
        results.append(ItemResult(tag.id, "" if good else result.StatusCode.name, int(result.RevisedQueueSize)))
    return results


def _item(tag: Tag, node: ua.NodeId, settings: OpcUaSettings, *, exact: bool) -> ua.MonitoredItemCreateRequest:
    interval_ms = tag.sampling_interval_ns / 1e6 if tag.sampling_interval_ns else _AS_IT_CHANGES
    parameters = ua.MonitoringParameters(
        ClientHandle=int(tag.id),
        SamplingInterval=interval_ms,
        QueueSize=queue_size(settings, tag.sampling_interval_ns),
        DiscardOldest=True,
    )
    if exact:
        parameters.Filter = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=parameters,
    )
