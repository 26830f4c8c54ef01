"""How far the followers of the journal have come, and how old what they lack is."""

import time
from collections.abc import Callable, Iterator, Mapping

from domain.entries import Position
from domain.figures import Reading
from service.tally import Milestones


class FollowersLook:
    """Compares the followers' positions with the journal's end. One thread looks."""

    def __init__(
        self,
        last: Callable[[], Position],
        positions: Mapping[str, Callable[[], Position]],
        durable: Callable[[], Position],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`positions` by the follower's name; `durable`: up to where the record needs the journal no more."""
        self._last, self._positions, self._durable, self._now_s = last, positions, durable, now_s
        self._milestones = Milestones()

    def figures(self) -> Iterator[Reading]:
        """Positions, and how far behind they are in entries and in time."""
        now_s = self._now_s()
        stand = {name: position() for name, position in self._positions.items()}
        durable, last = self._durable(), self._last()
        self._milestones.passed(last, now_s, min([durable, *stand.values()]))
        for name, position in stand.items():
            behind_s = self._milestones.behind_s(position, now_s)
            yield Reading("thermowell_follower_position", position, (name,))
            yield Reading("thermowell_follower_behind_entries", max(0, last - position), (name,))
            yield Reading("thermowell_follower_behind_seconds", behind_s, (name,))
            if name == "judge":
                yield Reading("thermowell_buffer_oldest_seconds", behind_s, (name,))
        yield Reading("thermowell_buffer_oldest_seconds", self._milestones.behind_s(durable, now_s), ("store",))
