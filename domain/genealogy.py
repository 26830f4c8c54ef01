"""Which batch was made of which: split, merge, rework, and one batch's material let into another's."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.errors import Refused

MOST_LINKS = 8_192
"""Links that are kept in memory; the oldest go first. The records keep them all."""


class Kinship(enum.StrEnum):
    """How a batch came from another."""

    SPLIT = "split"
    MERGE = "merge"
    REWORK = "rework"
    TRANSFER = "transfer"  # material of the one flowed into a unit that held the other


@dataclass(frozen=True, slots=True)
class BatchLink:
    """A child batch has material of a parent batch, since `time_ns` at the source that told it."""

    parent: str
    child: str
    kinship: Kinship
    time_ns: int
    source: str
    event: str  # the id of the event that told it


@dataclass(slots=True)
class Genealogy:
    """The links between batches, walked both ways. A batch never is its own ancestor."""

    _parents: dict[str, dict[str, None]] = field(default_factory=dict)
    _children: dict[str, dict[str, None]] = field(default_factory=dict)
    _order: dict[tuple[str, str], None] = field(default_factory=dict)

    def add(self, parent: str, child: str) -> bool:
        """Link two batches; False if they are linked already, Refused if a batch became its own ancestor."""
        if (parent, child) in self._order:
            return False
        if parent == child:
            raise Refused(f"batch {child} would be made of itself")
        if child in self.ancestors(parent):
            raise Refused(f"batch {child} would be made of {parent}, which was made of {child}")
        self._parents.setdefault(child, {})[parent] = None
        self._children.setdefault(parent, {})[child] = None
        self._order[parent, child] = None
        while len(self._order) > MOST_LINKS:
            self._drop(next(iter(self._order)))
        return True

    def _drop(self, link: tuple[str, str]) -> None:
        parent, child = link
        del self._order[link], self._parents[child][parent], self._children[parent][child]
        if not self._parents[child]:
            del self._parents[child]
        if not self._children[parent]:
            del self._children[parent]

    def parents(self, batch: str) -> tuple[str, ...]:
        """The batches that a batch was made of directly, in the order in which that was told."""
        return tuple(self._parents.get(batch, ()))

    def children(self, batch: str) -> tuple[str, ...]:
        """The batches that were made of a batch directly."""
        return tuple(self._children.get(batch, ()))

    def ancestors(self, batch: str) -> tuple[str, ...]:
        """Every batch whose material may be in a batch, the nearest first."""
        return _reached(batch, self._parents)

    def descendants(self, batch: str) -> tuple[str, ...]:
        """Every batch that may have material of a batch, the nearest first."""
        return _reached(batch, self._children)

    def state(self) -> list[list[str]]:
        """The links in the order in which they were told."""
        return [list(link) for link in self._order]

    @classmethod
    def of(cls, state: list[list[str]]) -> "Genealogy":
        """The genealogy that `state` told."""
        made = cls()
        for parent, child in state:
            made.add(parent, child)
        return made


def _reached(batch: str, neighbours: Mapping[str, Mapping[str, None]]) -> tuple[str, ...]:
    """Breadth first, each once, without the batch itself."""
    found: dict[str, None] = {}
    front = [batch]
    while front:
        front = [near for each in front for near in neighbours.get(each, ()) if near != batch and near not in found]
        found |= dict.fromkeys(front)
        front = list(dict.fromkeys(front))
    return tuple(found)


def inherited_ns(elapsed_ns: Mapping[str, int], parents: tuple[str, ...]) -> int | None:
    """How long a batch's material has waited when it comes to be: as long as that of its oldest parent.

    `elapsed_ns` by batch; None where nothing is known of any parent: that is not zero.
    """
    return max((elapsed_ns[parent] for parent in parents if parent in elapsed_ns), default=None)
