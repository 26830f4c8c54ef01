"""How long batches really wait in their hold tanks."""

from collections.abc import Iterator, Sequence

from simulators.operators.logbook import Situation

Stay = tuple[str, str, int, int | None]
"""Tank, batch, when it came and when it had left (s); None: it is still there."""


class Holds:
    """A batch is held from the start of its transfer into the tank until the tank is empty again.

    Only stays longer than half the limit are remembered.
    """

    def __init__(self, tanks: Sequence[str], limit_s: int) -> None:
        self.limit_s = limit_s
        self._here: dict[str, tuple[str, int]] = {}
        self._tanks = frozenset(tanks)
        self._long: list[Stay] = []

    def advance(self, unit: str, now: Situation) -> None:
        """Take what goes on in a unit, whenever that changes."""
        if unit not in self._tanks:
            return
        here = self._here.get(unit)
        if here is not None and here[0] != now.batch:
            batch, came_s = self._here.pop(unit)
            if now.since_s - came_s > self.limit_s / 2:
                self._long.append((unit, batch, came_s, now.since_s))
            here = None
        if here is None and now.batch:
            self._here[unit] = (now.batch, now.since_s)

    def long(self, second: int) -> Iterator[Stay]:
        """Every stay of more than half the limit, up to a second."""
        yield from self._long
        for unit, (batch, came_s) in self._here.items():
            if second - came_s > self.limit_s / 2:
                yield unit, batch, came_s, None
