"""What may enter the journal: what cannot be written is refused at its sender, never on the writer's thread."""

import numpy as np

from domain.entries import Entry, TextBatch
from domain.errors import Refused
from domain.samples import SampleBatch
from historian.journal.codec import event_payload, source_of
from historian.journal.joining import Event, Part
from historian.journal.samples import MOST_ROWS

_MOST_NAME_BYTES = 255
_LEAST_NS, _MOST_NS = -(1 << 63), (1 << 63) - 1
_TIME = np.dtype(np.int64)
_COLUMN_TYPES = (np.dtype(np.uint32), _TIME, np.dtype(np.float64), np.dtype(np.uint32))


def part_of(entry: Entry) -> Part:
    """The entry, ready to be laid out; Refused says what is wrong with it."""
    if isinstance(entry, SampleBatch):
        _check_samples(entry)
        return entry
    if isinstance(entry, TextBatch):
        _check_texts(entry)
    try:
        payload = event_payload(entry)
    except (TypeError, ValueError) as error:
        raise Refused(f"{type(entry).__name__} cannot be journaled: {error}") from error
    _check_name(source_of(entry))
    return Event(entry, payload)


def _check_samples(batch: SampleBatch) -> None:
    rows = batch.tag.shape
    columns = (batch.tag.dtype, batch.time_ns.dtype, batch.value.dtype, batch.status.dtype)
    if columns != _COLUMN_TYPES or not (batch.time_ns.shape == batch.value.shape == batch.status.shape == rows):
        raise Refused(f"{batch.source}: columns of {columns} and shape {rows}, not {_COLUMN_TYPES} and one shape")
    server_ns = batch.server_ns
    if server_ns is not None and (server_ns.dtype != _TIME or server_ns.shape != rows):
        raise Refused(
            f"{batch.source}: server_ns is {server_ns.dtype} of shape {server_ns.shape}, not {_TIME} of {rows}"
        )
    if len(rows) != 1 or rows[0] > MOST_ROWS:
        raise Refused(f"{batch.source}: shape {rows}; one dimension and at most {MOST_ROWS} rows can be")
    if not _LEAST_NS <= batch.received_ns <= _MOST_NS:
        raise Refused(f"{batch.source}: receipt at {batch.received_ns} ns is beyond 64 bits")
    _check_name(batch.source)


def _check_texts(batch: TextBatch) -> None:
    lengths = {len(batch.tag), len(batch.time_ns), len(batch.value), len(batch.status)}
    if batch.server_ns is not None:
        lengths.add(len(batch.server_ns))
    if len(lengths) != 1:
        raise Refused(f"{batch.source}: the columns of a text batch have {sorted(lengths)} rows")


def _check_name(source: str) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise Refused(f"a source cannot be named {source!r}: {error}") from error
    if size > _MOST_NAME_BYTES:
        raise Refused(f"the name of source {source[:40]!r}… has {size} bytes, at most {_MOST_NAME_BYTES} can be")
