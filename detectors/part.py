"""What a detector of the bank may hear of, and what it may say."""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.cases import Json, Run
from domain.entries import Gap, Heartbeat, RowPosition
from domain.findings import Finding
from domain.tags import Tag

Said = tuple[int, Finding]
"""A finding, and the place of its row in the order of arrival."""


class Part:
    """One detector of the bank: it overrides what it wants to hear of.

    Like the bank it is a pure fold: what it says follows from what it heard, however rows were cut into frames, and
    `load` of what `state` and `arrays` told makes it go on as if it had never stopped. `name` is its place in a
    snapshot.
    """

    name = ""

    def grow(self, size: int) -> None:
        """Make room for tags: ids below `size` may come."""

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition, or its new version; `unit` is the equipment that it is a parameter of, or empty."""

    def judge(self, frame: Frame) -> list[Said]:
        """Judge rows; those of one frame are of one phase of their unit."""
        return []

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """A run of a phase begins; `tags` are the parameters of its unit."""

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """A run ends at a time, told by the row at a position."""
        return []

    def hear(self, finding: Finding, run: Run | None) -> list[Finding]:
        """Take what another part said of a unit that is in this run."""
        return []

    def gap(self, gap: Gap) -> None:
        """Take note of a gap, or of its end; it may hide part of what was judged already."""

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Let time go by."""
        return []

    def state(self) -> Json:
        """The state, as far as it is no array."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays of the state, by name."""
        return {}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told; tags are bound and runs are known by then."""

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take from a state of other rules what does not depend on them; runs have not started by then."""
