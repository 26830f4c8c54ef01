"""Frames of the event stream: each is built once, whoever listens."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from api.jsonify import to_json
from api.shapes import Shape, gap_shape, tag_shape
from api.times import TimeForm
from domain import status
from domain.entries import Entry, Gap, Position, TagDefined, TextBatch
from domain.errors import UnknownTag
from domain.samples import SampleBatch
from domain.tags import Tag, TagTable

ROWS_PER_FRAME = 8_192
"""More in one `dumps` would hold the interpreter's lock for so long that other streams notice."""

TagFilter = frozenset[int] | None
"""The dense ids that a client wants to hear; None: all."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event on the wire. `position` is its id, from which a client goes on; None: it has none."""

    wire: bytes
    position: Position | None = None


def frame(event: str, told: Shape, position: Position | None = None) -> Frame:
    """An event with a JSON object."""
    id_line = b"" if position is None else b"id: %d\n" % position
    body = to_json(told)
    return Frame(b"event: %s\n%sdata: %s\n\n" % (event.encode(), id_line, body), position)


def entry_frames(position: Position, entry: Entry, chosen: TagFilter, tags: TagTable) -> Iterator[Frame]:
    """The frames of one journal entry for those who hear the chosen tags; most other entries have none."""
    match entry:
        case SampleBatch():
            yield from _samples_frames(position, entry, chosen)
        case TextBatch():
            yield from _text_frames(position, entry, chosen)
        case Gap() if chosen is None or entry.tag is None or entry.tag in chosen:
            yield frame("gap", gap_shape(entry, _tag_of(entry, tags), TimeForm.NS), position)
        case TagDefined():
            yield frame("tag", tag_shape(entry.tag), position)
        case _:
            return


def _tag_of(gap: Gap, tags: TagTable) -> Tag | None:
    try:
        return None if gap.tag is None else tags[gap.tag]
    except UnknownTag:  # one strange entry must not end the stream for all
        return None


def _samples_frames(position: Position, batch: SampleBatch, chosen: TagFilter) -> Iterator[Frame]:
    if chosen is not None:
        batch = batch.rows(np.isin(batch.tag, np.fromiter(chosen, np.uint32, len(chosen))))
    for first in range(0, len(batch), ROWS_PER_FRAME):
        part = batch.rows(slice(first, first + ROWS_PER_FRAME))
        # Only the last part of an entry bears its id: whoever is cut off before hears the entry again.
        is_last = first + ROWS_PER_FRAME >= len(batch)
        told: Shape = {
            "position": int(position),
            "source": part.source,
            "tag": part.tag,
            "time_ns": part.time_ns,
            "value": part.value,
            "status": status.raw(part.status),
        }
        yield frame("samples", told, position if is_last else None)


def _text_frames(position: Position, batch: TextBatch, chosen: TagFilter) -> Iterator[Frame]:
    rows = [row for row in range(len(batch)) if chosen is None or batch.tag[row] in chosen]
    if not rows:
        return
    told: Shape = {
        "position": int(position),
        "source": batch.source,
        "tag": [batch.tag[row] for row in rows],
        "time_ns": [batch.time_ns[row] for row in rows],
        "value": [batch.value[row] for row in rows],
        "status": [batch.status[row] & ~status.TIME_ORIGIN for row in rows],
    }
    yield frame("text", told, position)
