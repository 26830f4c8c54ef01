"""Tag layouts: the tags of a message's rows, in order, kept once per file: a source sends the same ones for ever.

A layout is learnt when the same tags come a second time. Several messages joined to one entry stay several pieces,
so that the order in which they happened to meet makes no new layouts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile

INLINE = 0xFFFF_FFFF
"""Stands for a layout's id where the tags themselves follow."""

_LEAST_ROWS = 16
_MOST_CANDIDATES = 1024
_MOST_LAYOUTS = 4096
_MOST_ROWS = 4_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of rows whose tags are a known layout, or stand in the entry."""

    layout: int
    rows: int


class Layouts(Protocol):
    """The layouts of one journal file."""

    def tags(self, layout: int) -> NDArray[np.uint32]:
        """The tags of a layout; DamagedFile if the file has none by that id."""
        ...


class KnownLayouts:
    """The layouts that were read from a file; `fetch` looks in the file for one that was added since."""

    def __init__(self, fetch: Callable[[int], bytes | None]) -> None:
        self._fetch = fetch
        self._tags: dict[int, NDArray[np.uint32]] = {}

    def tags(self, layout: int) -> NDArray[np.uint32]:
        """The tags of a layout; DamagedFile if the file has none by that id."""
        known = self._tags.get(layout)
        if known is None:
            stored = self._fetch(layout)
            if stored is None:
                raise DamagedFile(f"there is no tag layout {layout}")
            known = self._tags[layout] = layout_from(stored)
        return known


class LearntLayouts:
    """What the writer knows: layouts of the file, those to be written with the next commit, and what it saw once."""

    def __init__(self, stored: Sequence[tuple[int, bytes]] = ()) -> None:
        self._id_of: dict[bytes, int] = {tags: layout for layout, tags in stored}
        self._next = max((layout for layout, _ in stored), default=-1) + 1
        self._rows = sum(len(tags) // 4 for _, tags in stored)
        self._seen_once: set[int] = set()
        self._unwritten: list[tuple[int, bytes]] = []

    def pieces(self, parts: Sequence[NDArray[np.uint32]]) -> list[Piece]:
        """How to write the tags of messages that were joined: known layouts, and the rest in the entry itself."""
        pieces: list[Piece] = []
        inline_rows = 0
        for part in parts:
            layout = self._layout_of(part)
            if layout is None:
                inline_rows += len(part)
                continue
            if inline_rows:
                pieces.append(Piece(INLINE, inline_rows))
                inline_rows = 0
            pieces.append(Piece(layout, len(part)))
        if inline_rows:
            pieces.append(Piece(INLINE, inline_rows))
        return pieces

    def take_unwritten(self) -> list[tuple[int, bytes]]:
        """Layouts that the file must have before an entry names them; each is given out once."""
        unwritten, self._unwritten = self._unwritten, []
        return unwritten

    def _layout_of(self, part: NDArray[np.uint32]) -> int | None:
        if len(part) < _LEAST_ROWS:
            return None
        tags = part.astype("<u4", copy=False).tobytes()
        known = self._id_of.get(tags)
        if known is not None:
            return known
        sight = hash(tags)
        if sight not in self._seen_once:
            if len(self._seen_once) >= _MOST_CANDIDATES:
                self._seen_once.clear()
            self._seen_once.add(sight)
            return None
        if self._next >= _MOST_LAYOUTS or self._rows + len(part) > _MOST_ROWS:
            return None
        self._seen_once.discard(sight)
        return self._learn(tags)

    def _learn(self, tags: bytes) -> int:
        layout, self._next = self._next, self._next + 1
        self._id_of[tags] = layout
        self._rows += len(tags) // 4
        self._unwritten.append((layout, tags))
        return layout


def layout_from(stored: bytes) -> NDArray[np.uint32]:
    """The tags of a layout as it stands in the file."""
    if len(stored) % 4:
        raise DamagedFile(f"a tag layout has {len(stored)} bytes, no multiple of 4")
    tags = np.frombuffer(stored, "<u4").astype(np.uint32)
    tags.flags.writeable = False
    return tags
