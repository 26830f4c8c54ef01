"""Where the plant's values go: real servers and models of them take the same calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.status import GOOD
from simulators.faults.spec import FaultChange

Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Update:
    """A new value of a tag. Times are UTC ns of the plant's clock; `time_ns` None: the source gives no time.

    `server_ns` None: the server's time is the source's.
    """

    name: str
    value: Value
    time_ns: int | None
    status: int = GOOD
    server_ns: int | None = None


class Outlet(Protocol):
    """A server of the plant, real or a model. The caller sends it only the tags that it serves."""

    async def write(self, updates: Sequence[Update]) -> None:
        """Publish new values, in order."""
        ...

    async def fault(self, change: FaultChange) -> None:
        """A fault of the network or of this server began, changed or ended; one that is none of its kind is ignored."""
        ...
