"""asyncua's inner server as the bench needs it: it starts at once, tells its limits, and drops values on demand."""

import asyncio
import copy
import gc
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime
from functools import cache
from pathlib import Path

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData, NodeManagementService
from asyncua.server.internal_server import InternalServer
from asyncua.server.standard_address_space import standard_address_space
from asyncua.server.user_managers import UserManager

from simulators.servers.opcua_queues import LimitedReads, OverflowingSubscriptions, Thinning


class PromptInternalServer(InternalServer):  # type: ignore[misc]  # asyncua is not typed here
    """Starts at once where one started before in this process: the standard's nodes are shared until they change."""

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:  # noqa: ARG002 - asyncua passes it
        """Fill the address space with the standard's nodes."""
        self.aspace._nodes = _Copies(await asyncio.to_thread(_standard_nodes))  # noqa: SLF001 - as asyncua's own shelf does


class PlantInternalServer(PromptInternalServer):
    """The services of one run of a server. `now` is what its clock shows; reads and items are limits of one call."""

    def __init__(
        self,
        users: UserManager,
        thinning: Thinning,
        now: Callable[[], datetime],
        most_reads: int,
        most_items: int,
    ) -> None:
        super().__init__(users)
        self.subscription_service = OverflowingSubscriptions(self, thinning, now, most_items)
        self.isession.subscription_service = self.subscription_service
        self.attribute_service = LimitedReads(self.aspace, most_reads)
        self.disabled_clock = True  # it is the wall's


@cache
def _standard_nodes() -> Mapping[ua.NodeId, NodeData]:
    """The standard's 6,000 nodes. They take two seconds to build, so that is done once in a process."""
    space = AddressSpace()
    collecting = gc.isenabled()
    gc.disable()  # nothing of this is garbage: looking for some takes as long again
    try:
        standard_address_space.fill_address_space(NodeManagementService(space))
    finally:
        if collecting:
            gc.enable()
    nodes: Mapping[ua.NodeId, NodeData] = space._nodes  # noqa: SLF001 - as above
    return nodes


class _Copies(MutableMapping[ua.NodeId, NodeData]):
    """Nodes of a server's own over shared ones: each of those is copied when it is first looked at."""

    def __init__(self, shared: Mapping[ua.NodeId, NodeData]) -> None:
        self._shared = shared
        self._own: dict[ua.NodeId, NodeData] = {}

    def __getitem__(self, node: ua.NodeId) -> NodeData:
        if node not in self._own:
            self._own[node] = copy.deepcopy(self._shared[node])
        return self._own[node]

    def __setitem__(self, node: ua.NodeId, content: NodeData) -> None:
        self._own[node] = content

    def __delitem__(self, node: ua.NodeId) -> None:
        if node in self._shared:
            message = f"{node} is one of the standard's nodes: it stays"
            raise ValueError(message)
        del self._own[node]

    def __contains__(self, node: object) -> bool:
        return node in self._own or node in self._shared

    def __iter__(self) -> Iterator[ua.NodeId]:
        yield from self._shared
        yield from (node for node in self._own if node not in self._shared)

    def __len__(self) -> int:
        return sum(1 for _ in self)
