"""What must survive a crash of our own process, so that its next start takes over the subscription where it stood.

The journal keeps the newest `SourceState`; one goes with every message, in the same commit as its values. So a message
is either journaled and counted in `sequence`, or neither, and the server still has it.

The client handles are the dense tag ids of the journal, which name the same tag for life: the handle → tag map is the
journal's own tag table. `items` is a fingerprint of what the items were made from (uuid, address, sampling interval);
where it differs, the subscription is not the one that the configuration asks for, and is made anew.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from domain.entries import GapCause
from domain.tags import Tag

FORMAT = 1


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap that is in the journal without an end."""

    id: str
    start_ns: int
    cause: GapCause


@dataclass(frozen=True, slots=True)
class Memory:
    """A subscription as last known. `sequence` is the last message delivered; `edge_ns` the time up to which all came.

    `missing` holds, by tag, since when a node is not there. Intervals are wall time.
    """

    server_uri: str = ""
    server_started: str = ""
    subscription: int = 0  # 0: none
    sequence: int = 0
    publishing_ms: float = 0.0
    keep_alive_ms: float = 0.0
    lifetime_ms: float = 0.0
    session_ms: float = 0.0
    items: str = ""
    edge_ns: int = 0  # 0: never heard
    gap: OpenGap | None = None
    missing: dict[int, int] = field(default_factory=dict)
    queue: int = 0  # the longest queue that the server granted; 0: unknown

    def without_subscription(self) -> "Memory":
        """The same source, its subscription lost."""
        return replace(self, subscription=0, sequence=0)


def fingerprint(tags: Iterable[Tag]) -> str:
    """Tells whether the items of a subscription are those that the tags ask for."""
    lines = sorted(f"{tag.id} {tag.uuid} {tag.address} {tag.sampling_interval_ns}" for tag in tags)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


class MemoryWriter:
    """Writes a `Memory` as JSON; what changes with each message comes first, the rest is written once."""

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()
        self._rest = ""

    def write(self, memory: Memory, sequence: int, edge_ns: int) -> str:
        """JSON that `read_memory` reads, as of a message."""
        key = (memory.subscription, memory.gap, memory.items, memory.server_started, memory.queue, memory.missing)
        if key != self._last:
            self._last, self._rest = key, _rest(memory)
        return f'{{"sequence":{sequence},"edge_ns":{edge_ns},{self._rest}'


def _rest(memory: Memory) -> str:
    gap = memory.gap
    fields = {
        "format": FORMAT,
        "server_uri": memory.server_uri,
        "server_started": memory.server_started,
        "subscription": memory.subscription,
        "publishing_ms": memory.publishing_ms,
        "keep_alive_ms": memory.keep_alive_ms,
        "lifetime_ms": memory.lifetime_ms,
        "session_ms": memory.session_ms,
        "items": memory.items,
        "gap": None if gap is None else [gap.id, gap.start_ns, gap.cause.value],
        "missing": {str(tag): since_ns for tag, since_ns in memory.missing.items()},
        "queue": memory.queue,
    }
    return json.dumps(fields, separators=(",", ":"))[1:]


def read_memory(text: str | None) -> Memory:
    """The inverse of `MemoryWriter.write`; an empty memory for None or for another format."""
    fields = json.loads(text) if text else {}
    if fields.get("format") != FORMAT:
        return Memory(edge_ns=int(fields.get("edge_ns", 0)))
    gap = fields.pop("gap")
    missing = {int(tag): int(since_ns) for tag, since_ns in fields.pop("missing").items()}
    del fields["format"]
    opened = None if gap is None else OpenGap(gap[0], int(gap[1]), GapCause(gap[2]))
    return Memory(**fields, gap=opened, missing=missing)
