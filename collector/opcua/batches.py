"""Turn decoded items into journal entries: numbers, text, and what could not become either."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collector.opcua.decode import Columns, Decoder
from collector.opcua.values import OneValue, decode_one
from collector.opcua.wire import UNIX_EPOCH_TICKS, Message, Notification
from domain import status
from domain.entries import Entry, Quarantined, TextBatch
from domain.errors import BadMessage
from domain.samples import SampleBatch

KEPT_PAYLOAD = 4096
_MOST_REASONS = 50  # quarantine entries of one message; the rest is counted on the last one
_EARLIEST_TICKS = UNIX_EPOCH_TICKS - 2**63 // 100 + 1
_LATEST_TICKS = UNIX_EPOCH_TICKS + 2**63 // 100 - 1


def ticks_to_ns(ticks: int) -> int | None:
    """UTC ns of a time in 100 ns since 1601; None where the wire meant 'absent' or int64 ns cannot hold it."""
    return (ticks - UNIX_EPOCH_TICKS) * 100 if ticks > 0 and _EARLIEST_TICKS < ticks < _LATEST_TICKS else None


def _times(ticks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None, int]:
    """Ticks as UTC ns (in place), which of them the wire really gave (None: all), and the newest."""
    earliest, newest = int(ticks.min()), int(ticks.max())
    present = None
    if earliest <= _EARLIEST_TICKS or newest >= _LATEST_TICKS:
        present = (ticks > _EARLIEST_TICKS) & (ticks < _LATEST_TICKS)
        newest = int(ticks[present].max()) if present.any() else UNIX_EPOCH_TICKS
    ticks -= UNIX_EPOCH_TICKS
    ticks *= 100
    return ticks, present, (newest - UNIX_EPOCH_TICKS) * 100


@dataclass(slots=True, eq=False)
class Batches:
    """What one message held. `declared` is its number of items, for the conservation ledger."""

    entries: list[Entry] = field(default_factory=list)
    declared: int = 0
    newest_ns: int | None = None
    overflowed: list[tuple[int, int]] = field(default_factory=list)  # (tag, source time of the row with the bit)
    handles: list[NDArray[np.uint32]] = field(default_factory=list)


class Assembler:
    """Makes entries of one subscription's messages. Its client handles are the dense tag ids."""

    def __init__(self, source: str, tags: "list[tuple[int, str, bool]]") -> None:
        """Take (dense id, address, is text) of each tag that was subscribed."""
        self._source = source
        self._address = {tag: address for tag, address, _ in tags}
        self._text = {tag for tag, _, is_text in tags if is_text}
        self._known = np.zeros(max(self._address, default=-1) + 2, np.bool_)
        self._known[list(self._address)] = True
        self._lowest, self._highest = min(self._address, default=0), max(self._address, default=-1)
        self._has_holes = self._highest - self._lowest + 1 != len(self._address)
        self._decoder = Decoder()

    def assemble(self, message: Message, data: tuple[Notification, ...], received_ns: int) -> Batches:
        """Entries of the data change notifications `data` of a message; what cannot be read is quarantined."""
        batches = Batches()
        for notification in data:
            self._notification(message.body, notification, received_ns, batches)
        return batches

    def _notification(self, body: bytes, notification: Notification, received_ns: int, batches: Batches) -> None:
        try:
            columns = self._decoder.decode(body, notification.start, notification.end)
        except BadMessage as error:
            declared = max(int.from_bytes(body[notification.start : notification.start + 4], "little", signed=True), 1)
            payload = body[notification.start : notification.end]
            batches.declared += declared
            batches.entries.append(self._quarantined(received_ns, "", str(error), payload, declared))
            return
        batches.declared += columns.declared
        if len(columns.handle):
            self._numbers(columns, received_ns, batches)
        if columns.others:
            self._others(body, columns, received_ns, batches)

    def _numbers(self, columns: Columns, received_ns: int, batches: Batches) -> None:
        known = self._known_rows(columns.handle)
        if known is not None:
            self._quarantine_unknown(columns.handle[~known], received_ns, batches)
            columns = Columns(
                columns.declared,
                columns.handle[known],
                columns.value[known],
                columns.status[known],
                columns.source_ticks[known],
                columns.server_ticks[known],
                has_status=columns.has_status,
            )
            if not len(columns.handle):
                return
        batch, newest_ns = _sample_batch(self._source, columns, received_ns)
        if columns.has_status:
            rows = np.flatnonzero(status.has_overflow(batch.status))
            batches.overflowed += zip(batch.tag[rows].tolist(), batch.time_ns[rows].tolist(), strict=True)
        batches.newest_ns = newest_ns if batches.newest_ns is None else max(newest_ns, batches.newest_ns)
        batches.entries.append(batch)
        batches.handles.append(batch.tag)

    def _known_rows(self, handle: NDArray[np.uint32]) -> NDArray[np.bool_] | None:
        """None where every handle is one of ours."""
        if not self._has_holes and int(handle.min()) >= self._lowest and int(handle.max()) <= self._highest:
            return None
        known: NDArray[np.bool_] = self._known[np.minimum(handle, len(self._known) - 1)]
        return None if known.all() else known

    def _quarantine_unknown(self, handles: NDArray[np.uint32], received_ns: int, batches: Batches) -> None:
        unknown, counts = np.unique(handles, return_counts=True)
        reasons = [
            self._quarantined(received_ns, f"handle {handle}", "no tag has this client handle", b"", count)
            for handle, count in zip(unknown.tolist(), counts.tolist(), strict=True)
        ]
        batches.entries += _folded(reasons)

    def _others(self, body: bytes, columns: Columns, received_ns: int, batches: Batches) -> None:
        texts: list[OneValue] = []
        numbers: list[OneValue] = []
        refused: list[Quarantined] = []
        for span in columns.others:
            payload = body[span.start : span.end]
            try:
                one = decode_one(body, span)
            except (BadMessage, IndexError, ValueError, OverflowError) as error:
                refused.append(self._quarantined(received_ns, "", str(error), payload, 1))
                continue
            address = self._address.get(one.handle)
            if address is None:
                reason = "no tag has this client handle"
                refused.append(self._quarantined(received_ns, f"handle {one.handle}", reason, payload, 1))
            elif one.refused:
                refused.append(self._quarantined(received_ns, address, one.refused, payload, 1))
            elif one.text is not None or (one.number is None and one.handle in self._text):
                texts.append(one)
            else:
                numbers.append(one)
        if numbers:
            self._numbers(_columns_of(numbers), received_ns, batches)
        if texts:
            self._texts(texts, received_ns, batches)
        batches.entries += _folded(refused)

    def _texts(self, texts: list[OneValue], received_ns: int, batches: Batches) -> None:
        times, _ = _sample_batch(self._source, _columns_of(texts), received_ns)
        rows = np.flatnonzero(status.has_overflow(times.status))
        batches.overflowed += zip(times.tag[rows].tolist(), times.time_ns[rows].tolist(), strict=True)
        batches.entries.append(
            TextBatch(
                self._source,
                received_ns,
                tuple(times.tag.tolist()),
                tuple(times.time_ns.tolist()),
                None if times.server_ns is None else tuple(times.server_ns.tolist()),
                tuple(one.text for one in texts),
                tuple(times.status.tolist()),
            )
        )
        batches.handles.append(times.tag)

    def _quarantined(self, received_ns: int, address: str, reason: str, payload: bytes, count: int) -> Quarantined:
        return Quarantined(self._source, received_ns, address, reason, payload[:KEPT_PAYLOAD].hex(), count)


def _folded(entries: list[Quarantined]) -> list[Quarantined]:
    """Entries of one kind counted together, and not more than `_MOST_REASONS` of them."""
    kinds: dict[tuple[str, str], Quarantined] = {}
    for entry in entries:
        kind = (entry.address, entry.reason)
        if kind not in kinds and len(kinds) >= _MOST_REASONS:
            kind = ("", "more of the same message")
        before = kinds.get(kind)
        count = entry.count + (before.count if before else 0)
        kinds[kind] = Quarantined(entry.source, entry.received_ns, *kind, (before or entry).payload, count)
    return list(kinds.values())


def _columns_of(values: list[OneValue]) -> Columns:
    return Columns(
        len(values),
        np.array([one.handle for one in values], np.uint32),
        np.array([np.nan if one.number is None else one.number for one in values], np.float64),
        np.array([one.status for one in values], np.uint32),
        np.array([one.source_ticks for one in values], np.int64),
        np.array([one.server_ticks for one in values], np.int64),
    )


def _sample_batch(source: str, columns: Columns, received_ns: int) -> tuple[SampleBatch, int]:
    """The rows, and their newest time. Source time, else server time, else receipt, and the status says which.

    The columns' arrays are taken over.
    """
    code = columns.status
    if columns.has_status:
        code = status.raw(code)  # the bits of our own note must not come from outside
    time_ns, with_source, newest_ns = _times(columns.source_ticks)
    server_ns, with_server, newest_server_ns = _times(columns.server_ticks)
    if with_source is not None:
        from_server = ~with_source if with_server is None else ~with_source & with_server
        from_receipt = ~with_source & ~from_server
        time_ns[from_server] = server_ns[from_server]
        time_ns[from_receipt] = received_ns
        code = code | (from_server * np.uint32(status.TIME_FROM_SERVER)).astype(np.uint32)
        code = code | (from_receipt * np.uint32(status.TIME_FROM_RECEIPT)).astype(np.uint32)
        newest_ns = max(newest_ns, newest_server_ns, received_ns if from_receipt.any() else 0)
    if with_server is None:
        return SampleBatch(source, received_ns, columns.handle, time_ns, server_ns, columns.value, code), newest_ns
    if not with_server.any():
        return SampleBatch(source, received_ns, columns.handle, time_ns, None, columns.value, code), newest_ns
    server_ns[~with_server] = time_ns[~with_server]
    return SampleBatch(source, received_ns, columns.handle, time_ns, server_ns, columns.value, code), newest_ns
