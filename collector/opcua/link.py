"""What recovery needs of a server, and the list of what may be asked of one."""

import enum
from typing import Protocol, TypeVar

from asyncua import ua

from collector.opcua.wire import Answer
from domain.errors import RetryLater

READ_ONLY = frozenset(
    {
        "GetEndpointsRequest",
        "CreateSessionRequest",
        "ActivateSessionRequest",
        "CloseSessionRequest",
        "ReadRequest",
        "BrowseRequest",
        "BrowseNextRequest",
        "CreateSubscriptionRequest",
        "DeleteSubscriptionsRequest",
        "SetPublishingModeRequest",
        "TransferSubscriptionsRequest",
        "CreateMonitoredItemsRequest",
        "RepublishRequest",
    }
)
"""Requests that may leave, beside Publish and the channel's own: none writes to the process, none calls a method."""

Response = TypeVar("Response")


class LinkLost(RetryLater):
    """The connection is gone, or so slow that it counts as gone."""


class ServiceRefused(RetryLater):
    """The server answered with a bad status."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(f"{what}: {ua.StatusCode(status).name}")
        self.status = status


class Opening(enum.Enum):
    """What we are to the server after connecting."""

    REUSED = "the session of before, with its subscriptions"
    NEW = "a new session"


class Link(Protocol):
    """One connection to one server: asyncua's in life, a script in tests. Every call has its own time limit."""

    in_flight: int

    async def open(self) -> Opening:
        """Connect; go on with the session of before if the server still has it."""
        ...

    async def ask(self, request: object, response_type: type[Response]) -> Response:
        """Send a request and return its response, a good one; ServiceRefused or LinkLost otherwise."""
        ...

    async def republish(self, subscription: int, sequence: int) -> Answer:
        """Ask for a message that the server may still keep."""
        ...

    def publish(self, acknowledgements: list[tuple[int, int]], count: int) -> None:
        """Send some Publish requests, the first with (subscription, sequence) pairs; answers arrive in `arrivals`."""
        ...

    async def arrivals(self, within_s: float) -> list[tuple[int, Answer]]:
        """What came for Publish requests, and when (our clock, ns). Empty: time is up, or `wake`. LinkLost."""
        ...

    def wake(self) -> None:
        """Let `arrivals` return at once."""
        ...

    async def drop(self) -> None:
        """Cut the connection; the session stays on the server for the next `open`."""
        ...

    async def leave(self, *, delete_subscriptions: bool) -> None:
        """Close the session in good order and disconnect."""
        ...
