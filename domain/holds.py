"""Holds: how long material or equipment may wait (ICH Q7 8.2, EU GMP Annex 15)."""

import enum
from dataclasses import dataclass


class HoldKind(enum.StrEnum):
    """What waits: material, used equipment, cleaned equipment, or a step."""

    INTERMEDIATE = "intermediate"
    DIRTY = "dirty"
    CLEAN = "clean"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class Hold:
    """A limit on how long something may wait.

    `start` and `stop` name events of the unit. An event is one of `first_transfer_in`, `last_transfer_in`,
    `first_transfer_out`, `last_transfer_out`, `last_use_end`, `cleaning_start`, `cleaning_end`, `first_use_start`,
    or a phase's `NAME.start` / `NAME.end`.
    """

    name: str
    kind: HoldKind
    unit: str
    start: str
    stop: str
    limit_ns: int
    warn_before_ns: tuple[int, ...] = ()  # longest first
    study: str = ""
