"""What the events of a hold are made of.

| event | told by |
|---|---|
| `first_transfer_in`, `first_transfer_out` | the transfer tag turns true (or its flow positive) |
| `last_transfer_in`, `last_transfer_out` | the transfer tag turns false: the last so far |
| `last_use_end` | a phase ends that is not a cleaning phase: the last so far |
| `first_use_start` | a phase starts that is not a cleaning phase |
| `cleaning_start`, `cleaning_end` | a phase of the unit's `cleaning_phases` starts, ends |
| `NAME.start`, `NAME.end` | the phase of that name starts, ends |

"The last so far" is taken back when its counterpart begins again: a hold that starts at the end of a use does not run
while the unit is in use, and one that stopped at the end of a transfer out goes on from its first start while more
flows out. A hold that starts at a `first_` event or at a phase's event keeps its earliest start until it stops.
"""

from dataclasses import dataclass

from domain.entries import RowPosition

TRANSFER_IN = "transfer_in"
TRANSFER_OUT = "transfer_out"
USE = "use"
CLEANING = "cleaning"


@dataclass(frozen=True, slots=True)
class Activity:
    """Something on a unit begins or ends: a transfer, a use, a cleaning, a phase.

    `earliest_ns` is before `time_ns` where a gap hides when it really happened.
    """

    unit: str
    name: str  # transfer_in | transfer_out | use | cleaning | a phase's name with "phase:" before it
    begins: bool
    time_ns: int
    earliest_ns: int
    position: RowPosition
    source: str
    batch: str

    @property
    def is_phase(self) -> bool:
        """Whether it is a phase of a known batch, told by its name."""
        return self.name.startswith("phase:")


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an event of a hold listens to; `provisional` ones are taken back when the activity begins again."""

    name: str
    begins: bool
    provisional: bool


_KNOWN = {
    "first_transfer_in": Trigger(TRANSFER_IN, begins=True, provisional=False),
    "last_transfer_in": Trigger(TRANSFER_IN, begins=False, provisional=True),
    "first_transfer_out": Trigger(TRANSFER_OUT, begins=True, provisional=False),
    "last_transfer_out": Trigger(TRANSFER_OUT, begins=False, provisional=True),
    "last_use_end": Trigger(USE, begins=False, provisional=True),
    "first_use_start": Trigger(USE, begins=True, provisional=False),
    "cleaning_start": Trigger(CLEANING, begins=True, provisional=False),
    "cleaning_end": Trigger(CLEANING, begins=False, provisional=True),
}


def trigger_of(event: str) -> Trigger:
    """The trigger of an event's name, as in the table of this module."""
    if event in _KNOWN:
        return _KNOWN[event]
    phase, _, what = event.rpartition(".")
    return Trigger(f"phase:{phase}", begins=what == "start", provisional=False)
