"""What is watched without a model that a person approved: it learns by itself, so it advises and never alarms."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SteadyRule:
    """A unit that should stay as it is: all its parameters against a reference of its own, frozen once it is there.

    Values are held and read on a grid of `every_ns`; one older than `stale_ns` is not known. The reference is the first
    `reference` cells, of one run of `phase`, or of all time where that is empty.
    """

    parameters: tuple[str, ...]  # roles of the unit's tags
    every_ns: int
    stale_ns: int
    reference: int
    phase: str = ""


@dataclass(frozen=True, slots=True)
class NoveltyWatch:
    """A tag whose values are compared with all that it had before; read on a grid as above.

    Nothing is said of the first `quiet` cells.
    """

    every_ns: int
    stale_ns: int
    quiet: int
