"""From messages to deliveries: what the journal gets, in which order, and what it is told to be missing. No I/O."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from collector.opcua import gaps
from collector.opcua.batches import Assembler, Batches
from collector.opcua.facts import ServerFacts
from collector.opcua.items import ItemResult, queue_size
from collector.opcua.order import Acknowledgements, Edges, Order
from collector.opcua.recover import Built
from collector.opcua.settings import OpcUaSettings
from collector.opcua.state import Memory, MemoryWriter, fingerprint
from collector.opcua.wire import DATA_CHANGE, Message
from domain.entries import Entry, Gap, GapCause, SourceState, TextBatch
from domain.ports import Clock, Delivery
from domain.samples import SampleBatch
from domain.tags import Tag

_NODE_GONE = 0x8034_0000  # Bad_NodeIdUnknown: its monitored item never speaks again, also when the node is back
_CODE = 0xFFFF_0000  # of a StatusCode, without its flags
_LATE = 2  # publishing intervals without a message, after which full queues are looked for


def nothing_to_acknowledge() -> None:
    """The acknowledgement of a delivery that no message brought."""


class Stream:
    """The values of one source and the memory of its subscription."""

    def __init__(self, settings: OpcUaSettings, tags: Sequence[Tag], clock: Clock, memory: Memory) -> None:
        self.memory = memory
        self.order = Order(memory.sequence)
        self.edges = Edges(clock, settings.publishing_interval_ns)
        self.acknowledgements = Acknowledgements()
        self.heard_ns: int | None = None
        self.edge_ns = memory.edge_ns
        self.outage: GapCause | None = None
        self.gone: set[int] = set()
        """Tags whose node has gone from the server since somebody last looked."""
        self._hole: tuple[int, int] | None = None
        self._source = settings.name
        self._settings = settings
        self._clock = clock
        self._writer = MemoryWriter()
        self.tags: tuple[Tag, ...] = ()
        self._queues = np.zeros(0, np.int64)
        self._told_ns = np.zeros(0, np.int64)  # the newest time of each tag
        self.take_tags(tags)
        if memory.edge_ns:
            self.outage = memory.gap.cause if memory.gap else GapCause.STOPPED

    def take_tags(self, tags: Sequence[Tag]) -> None:
        """Follow these tags (again), by their dense ids."""
        self.tags = tuple(tags)
        known = [(int(tag.id), tag.address, tag.kind == "text") for tag in tags]
        self._assembler = Assembler(self._source, known)
        self._queues = np.zeros(max((int(tag.id) for tag in tags), default=-1) + 1, np.int64)
        self._told_ns = np.zeros_like(self._queues)
        for tag in tags:
            self._queues[tag.id] = min(queue_size(self._settings, tag.sampling_interval_ns), self.memory.queue)

    def deliver(self, messages: Sequence[tuple[int, Message]]) -> Delivery:
        """The next messages in order with their receipt times, and what is missing before each."""
        entries: list[Entry] = []
        durable: list[tuple[int, int, int]] = []
        received = 0
        for received_ns, message in messages:
            rows = self._deliver_one(received_ns, message, entries)
            durable.append((self.memory.subscription, message.sequence, rows))
            received += rows
        entries.append(self._state())
        self.acknowledgements.delivered(len(durable), received)
        return Delivery(self._source, entries, received, partial(self.acknowledgements.commit, durable))

    def _deliver_one(self, received_ns: int, message: Message, entries: list[Entry]) -> int:
        data = tuple(one for one in message.notifications if one.type_id == DATA_CHANGE)
        batches = self._assembler.assemble(message, data, received_ns)
        before_ns, last_base_ns = self.edge_ns, self.edges.base_ns
        self.heard_ns = received_ns
        self.edge_ns = self.edges.take(message.publish_ticks, received_ns, batches.newest_ns)
        if self.outage or self._hole or batches.overflowed:
            entries += self._missing_before(batches, before_ns)
        if self.edges.base_ns - last_base_ns > _LATE * self.edges.interval_ns and before_ns:
            entries += self._full_queues(batches, before_ns)
        entries += batches.entries
        for entry in batches.entries:
            self._remember(entry)
        return batches.declared

    def _remember(self, entry: Entry) -> None:
        """Note the time of each tag's last value, and the tags whose last word is that their node is not there."""
        if isinstance(entry, SampleBatch):
            self._told_ns[entry.tag] = entry.time_ns
            if entry.status.any():
                self.gone.update(entry.tag[entry.status & _CODE == _NODE_GONE].tolist())
        elif isinstance(entry, TextBatch):
            self.gone.update(
                tag for tag, status in zip(entry.tag, entry.status, strict=True) if status & _CODE == _NODE_GONE
            )

    def keep_alive(self, received_ns: int, message: Message) -> Delivery:
        """The server is there and had nothing to say: the edge moves on."""
        self.heard_ns = received_ns
        before_ns = self.edge_ns
        self.edge_ns = max(self.edges.take(message.publish_ticks, received_ns, None), before_ns)
        return self.note(*self._missing_before(Batches(), before_ns))

    def note(self, *entries: Entry, received: int = 0) -> Delivery:
        """Entries that no message brought, and the memory as it is now."""
        return Delivery(self._source, [*entries, self._state()], received, nothing_to_acknowledge)

    def lose(self, first: int, last: int) -> None:
        """Messages that the server no longer has; the gap is written with the next one."""
        self._hole = (first, last) if self._hole is None else (self._hole[0], last)

    def open_gap(self, detail: str) -> Delivery | None:
        """Write down that the connection is gone; None if that stands already, or nothing was ever heard."""
        if self.outage is None or self.memory.gap is not None or not self.edge_ns:
            return None
        opened, gap = gaps.open_gap(self._source, self.edge_ns, self.outage, detail)
        self.memory = replace(self.memory, gap=opened)
        return self.note(gap)

    def rebuilt(self, built: Built, facts: ServerFacts, reason: str) -> Delivery:
        """A new subscription stands in for the old one: close the gap between them."""
        end_ns = self.edges.end(built.server_ns)
        entries: list[Entry] = []
        if self.outage is not None and self.edge_ns:
            opened = self.memory.gap
            if opened is None:
                opened, _ = gaps.open_gap(self._source, self.edge_ns, self.outage, reason)
            entries.append(gaps.close_gap(self._source, opened, end_ns, reason))
        since_ns = self.edge_ns if self.outage is not None and self.edge_ns else end_ns
        granted = max((result.queue for result in built.results), default=0)
        self.memory = replace(
            self.memory,
            server_uri=facts.uri,
            server_started=facts.started,
            subscription=built.subscription,
            publishing_ms=built.publishing_ms,
            keep_alive_ms=built.keep_alive_ms,
            lifetime_ms=built.lifetime_ms,
            session_ms=self._settings.session_s * 1000,
            items=fingerprint(self.tags),
            gap=None,
            queue=granted,
        )
        self.outage, self._hole = None, None
        self.order = Order(0)
        self.edge_ns = max(self.edge_ns, end_ns)
        entries += self.items(built.results, since_ns, end_ns)
        return self.note(*entries)

    def items(self, results: Sequence[ItemResult], since_ns: int, until_ns: int) -> list[Gap]:
        """Keep what the server granted, and a gap for each tag whose node is not there."""
        missing = dict(self.memory.missing)
        found: list[Gap] = []
        for result in results:
            self._queues[result.tag] = 0 if result.problem else result.queue
            if result.problem and result.tag not in missing:
                missing[result.tag] = since_ns
                found.append(gaps.missing_node(self._source, result.tag, since_ns, None, result.problem))
            elif not result.problem and result.tag in missing:
                started_ns = missing.pop(result.tag)
                found.append(gaps.missing_node(self._source, result.tag, started_ns, until_ns, "the node is there"))
        self.memory = replace(self.memory, missing=missing)
        return found

    def end_ns(self, server_ns: int | None) -> int:
        """The end of a gap that closes now."""
        return self.edges.end(server_ns)

    def _missing_before(self, batches: Batches, before_ns: int) -> list[Entry]:
        """Gaps that end with this message, and the one that turned out to be none."""
        entries: list[Entry] = []
        if self.outage is not None:
            if self.memory.gap is not None:
                entries.append(gaps.withdraw(self._source, self.memory.gap))
                self.memory = replace(self.memory, gap=None)
            self.outage = None
        if self._hole is not None:
            start_ns = min(before_ns, self.edge_ns - 1)
            entries.append(gaps.sequence_gap(self._source, start_ns, self.edges.base_ns, *self._hole))
            self._hole = None
        if batches.overflowed:
            detail = "the server's queue overflowed"
            entries += gaps.overflow_gaps(self._source, batches.overflowed, before_ns, self._told_ns, detail)
        return entries

    def _full_queues(self, batches: Batches, before_ns: int) -> list[Gap]:
        """After a late message: queues that came full may have dropped values without saying so."""
        samples = [entry for entry in batches.entries if isinstance(entry, SampleBatch)]
        if not samples:
            return []
        tags = np.concatenate([batch.tag for batch in samples])
        times_ns = np.concatenate([batch.time_ns for batch in samples])
        told = {tag for tag, _ in batches.overflowed}
        full = [row for row in gaps.full_queues(tags, times_ns, self._queues) if row[0] not in told]
        detail = "the server's queue came full"
        return gaps.overflow_gaps(self._source, full, before_ns, self._told_ns, detail) if full else []

    def _state(self) -> SourceState:
        return SourceState(self._source, self._writer.write(self.memory, self.order.delivered, self.edge_ns))
