"""Which units stand in the plant, and what feeds what (ISA-88: the process cell)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Line:
    """What reactors transfer into: a hold tank, the crystalliser behind it, and the still for its mother liquor."""

    tank: str
    crystalliser: str
    still: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The units by name. `feeds[i]` is the line that reactor `i` transfers into; reactors may share one."""

    reactors: tuple[str, ...]
    lines: tuple[Line, ...]
    feeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.feeds) != len(self.reactors):
            message = f"{len(self.reactors)} reactors, but {len(self.feeds)} say what they feed"
            raise ValueError(message)
        if not all(0 <= line < len(self.lines) for line in self.feeds):
            message = f"a reactor feeds a line that is not there: {self.feeds} of {len(self.lines)}"
            raise ValueError(message)
        twice = {unit for unit in self.units if self.units.count(unit) > 1}
        if twice:
            message = f"two units have the same name: {', '.join(sorted(twice))}"
            raise ValueError(message)

    @property
    def units(self) -> tuple[str, ...]:
        """Every unit's name: the reactors, then each line's three."""
        behind = (unit for line in self.lines for unit in (line.tank, line.crystalliser, line.still))
        return (*self.reactors, *behind)

    def line_of(self, unit: str) -> int:
        """The number of the line that a unit belongs to, or that a reactor feeds; KeyError."""
        if unit in self.reactors:
            return self.feeds[self.reactors.index(unit)]
        for number, line in enumerate(self.lines):
            if unit in (line.tank, line.crystalliser, line.still):
                return number
        raise KeyError(unit)


SMALL: Final = Layout(("R101", "R102"), (Line("T101", "C101", "D101"), Line("T201", "C201", "D201")), (0, 1))
"""Two reactors, each with a line of its own."""
