"""Cutting long lists: a statement takes only so many parameters."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
_AT_ONCE = 400


def in_chunks(items: Sequence[Item], size: int = _AT_ONCE) -> Iterator[Sequence[Item]]:
    """Yield the items in order, at most `size` together; nothing for none."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
