"""What a unit tells about itself: its step at once, the operation and the batch some seconds later."""

import math
from dataclasses import dataclass
from typing import Final

StateValue = int | str | bool

OPERATION_LATE_S: Final = 3
BATCH_LATE_S: Final = 7
"""The batch system writes its tags after the controller has changed the step."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What really goes on in a unit. `batch` is empty between batches; `batch_number` counts this run's from 1.

    Between batches `batch_number` is that of the last one, 0 before the first. `since_s`: when the phase began.
    """

    batch: str
    batch_number: int
    phase: str
    since_s: int


@dataclass(frozen=True, slots=True)
class _Told:
    """A tag's value, and the second from which its tag says it."""

    second: int
    tag: str
    value: StateValue


class Logbook:
    """Keeps a unit's situation, and says which of its state tags change when.

    `roles` are the state tags that the unit has; what it has no tag for is not told.
    """

    def __init__(self, unit: str, roles: tuple[str, ...]) -> None:
        self.unit = unit
        self.situation = Situation("", 0, "idle", 0)
        self.next_s = math.inf
        """When a tag changes next; infinite: nothing is waiting."""
        self._roles = roles
        self._waiting: list[_Told] = []
        self._values: dict[str, StateValue] = {}

    def open(self, second: int, phase: str, code: int) -> None:
        """How the unit stands at the start: no batch, a phase between batches."""
        self.enter(second, phase, code)
        for role in ("OPERATION", "BATCH"):
            self.tell(second, role, "")

    def enter(self, second: int, phase: str, code: int, operation: str = "") -> None:
        """A phase begins."""
        now = self.situation
        self.situation = Situation(now.batch, now.batch_number, phase, second)
        self.tell(second, "STEP", code)
        self.tell(second + OPERATION_LATE_S, "OPERATION", operation)

    def take(self, second: int, batch: str) -> None:
        """A batch comes into the unit."""
        now = self.situation
        self.situation = Situation(batch, now.batch_number + 1, now.phase, now.since_s)
        self.tell(second + BATCH_LATE_S, "BATCH", batch)

    def release(self, second: int) -> None:
        """The batch has left the unit."""
        now = self.situation
        self.situation = Situation("", now.batch_number, now.phase, now.since_s)
        self.tell(second + BATCH_LATE_S, "BATCH", "")

    def tell(self, second: int, role: str, value: StateValue) -> None:
        """From `second` on the tag of this role has this value."""
        if role in self._roles:
            self._waiting.append(_Told(second, f"{self.unit}.{role}", value))
            self.next_s = min(self.next_s, second)

    def news(self, second: int) -> dict[str, StateValue]:
        """The tags that have changed up to a second and were not told yet."""
        due = [each for each in self._waiting if each.second <= second]
        self._waiting = [each for each in self._waiting if each.second > second]
        self.next_s = min((each.second for each in self._waiting), default=math.inf)
        changed = {each.tag: each.value for each in due if self._values.get(each.tag) != each.value}
        self._values.update(changed)
        return changed

    def values(self) -> dict[str, StateValue]:
        """What every state tag of the unit says now."""
        return dict(self._values)
