"""Getting a subscription back, in the order that loses least.

1. The session of before on a new channel: the subscription never noticed.
2. A new session: the subscription is transferred to it, if it is the same run of the same server.
   Some servers accept a transfer and then stay silent for ever, so a second, paused subscription stands by: its queues
   fill from now on, and it takes over if the first does not prove to be alive.
3. A new subscription, with a gap from the last that was heard to the moment its items exist.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncua import ua

from collector.opcua.facts import ServerFacts
from collector.opcua.items import ItemResult, create_items
from collector.opcua.link import Link, LinkLost, ServiceRefused
from collector.opcua.settings import OpcUaSettings
from collector.opcua.state import Memory
from domain.tags import Tag
from domain.time import SECOND_NS

_MOST_KEEP_ALIVES_PER_LIFETIME = 3  # the standard's least ratio of lifetime to keep-alive count
_EARLIEST_YEAR = 1970


@dataclass(frozen=True, slots=True)
class Built:
    """A new subscription. `server_ns` is the server's clock once its items existed, if it told."""

    subscription: int
    publishing_ms: float
    keep_alive_ms: float
    lifetime_ms: float
    server_ns: int | None
    results: tuple[ItemResult, ...]


async def build(
    link: Link,
    facts: ServerFacts,
    tags: Sequence[Tag],
    settings: OpcUaSettings,
    *,
    publishing: bool = True,
) -> Built:
    """Create a subscription with an item for each tag; paused, its queues fill while nothing is sent."""
    interval_ms = settings.publishing_interval_ns / 1e6
    keep_alives = max(1, round(settings.keep_alive_s * 1000 / interval_ms))
    lifetimes = max(_MOST_KEEP_ALIVES_PER_LIFETIME * keep_alives, round(settings.lifetime_s * 1000 / interval_ms))
    request = ua.CreateSubscriptionRequest()
    request.Parameters = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=interval_ms,
        RequestedLifetimeCount=lifetimes,
        RequestedMaxKeepAliveCount=keep_alives,
        MaxNotificationsPerPublish=0,
        PublishingEnabled=publishing,
    )
    response = await link.ask(request, ua.CreateSubscriptionResponse)
    revised = response.Parameters
    subscription = int(revised.SubscriptionId)
    results = await create_items(link, subscription, tags, facts, settings)
    granted_ms = float(revised.RevisedPublishingInterval)
    return Built(
        subscription,
        granted_ms,
        granted_ms * int(revised.RevisedMaxKeepAliveCount),
        granted_ms * int(revised.RevisedLifetimeCount),
        await server_clock(link),
        tuple(results),
    )


async def server_clock(link: Link) -> int | None:
    """The server's clock as it stamps an answer, UTC ns; None where it does not."""
    request = ua.ReadRequest()
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Neither
    request.Parameters.NodesToRead = [
        ua.ReadValueId(NodeId=ua.NodeId(ua.ObjectIds.Server_ServerStatus_State, 0), AttributeId=ua.AttributeIds.Value)
    ]
    response = await link.ask(request, ua.ReadResponse)
    moment = response.ResponseHeader.Timestamp
    if not isinstance(moment, datetime) or moment.year < _EARLIEST_YEAR:
        return None
    since_epoch = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * SECOND_NS + since_epoch.microseconds * 1000


def is_ours(memory: Memory, facts: ServerFacts) -> bool:
    """Tell whether the remembered subscription can exist: numbers start again with each run of a server."""
    return (memory.server_uri, memory.server_started) == (facts.uri, facts.started)


async def transfer(link: Link, subscription: int) -> bool:
    """Move a subscription to our session; False if the server does not have it or does not do that."""
    request = ua.TransferSubscriptionsRequest()
    request.Parameters.SubscriptionIds = [subscription]
    request.Parameters.SendInitialValues = False
    try:
        response = await link.ask(request, ua.TransferSubscriptionsResponse)
    except ServiceRefused:
        return False
    results = response.Parameters.Results
    return len(results) == 1 and bool(results[0].StatusCode.is_good())


async def delete(link: Link, subscription: int) -> None:
    """Delete a subscription; one that is not there any more is as good."""
    request = ua.DeleteSubscriptionsRequest()
    request.Parameters.SubscriptionIds = [subscription]
    try:
        await link.ask(request, ua.DeleteSubscriptionsResponse)
    except ServiceRefused:
        await asyncio.sleep(0)  # nothing to do: it expires by itself


async def resume_publishing(link: Link, subscription: int) -> None:
    """Let a paused subscription send what its queues hold. LinkLost if the server does not."""
    request = ua.SetPublishingModeRequest()
    request.Parameters.PublishingEnabled = True
    request.Parameters.SubscriptionIds = [subscription]
    response = await link.ask(request, ua.SetPublishingModeResponse)
    if not all(status.is_good() for status in response.Parameters.Results):
        raise LinkLost(f"subscription {subscription} cannot be started")
