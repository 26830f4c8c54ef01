"""How long batches really wait: in their hold tanks, above a temperature there, and in several units together.

The names are those by which the holds are known in the plant: `T101_crude`, `T101_warm`, and `waiting` for what a batch
takes of its tank and, from its seeding on, of the crystalliser.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from simulators.layout import Layout
from simulators.operators.logbook import Situation
from simulators.recipe import Recipe

BUDGET: Final = "waiting"
"""What the tank and the crystalliser together may take of a batch."""

_SLURRY: Final = ("seed", "cool")
_MOST_REMEMBERED: Final = 10_000  # stays; of a run without an end the oldest are forgotten


@dataclass(slots=True)
class Stay:
    """What one hold has taken of one batch, in seconds of the plant; None: not so yet."""

    hold: str
    unit: str  # where the batch is, or was last
    batch: str
    limit_s: int
    counted_s: int = 0
    half_s: int | None = None  # when half of the limit was used
    over_s: int | None = None  # when it was over the limit
    end_s: int | None = None
    half_in: str = ""  # the unit at that time
    over_in: str = ""

    def count(self, seconds: int, now_s: int) -> None:
        """Count a stretch that ends now."""
        self.counted_s += seconds
        if self.half_s is None and 2 * self.counted_s > self.limit_s:
            self.half_s, self.half_in = round(now_s - self.counted_s + self.limit_s / 2), self.unit
        if self.over_s is None and self.counted_s > self.limit_s:
            self.over_s, self.over_in = now_s - self.counted_s + self.limit_s, self.unit


@dataclass(frozen=True, slots=True)
class _Here:
    """That a hold takes something of a batch now; `counts` False: it waits, and its time does not count."""

    hold: str
    unit: str
    batch: str
    limit_s: int
    counts: bool = True


class Holds:
    """What every hold of a layout takes of the batches; only stays of more than half a limit are told."""

    def __init__(self, layout: Layout, recipe: Recipe) -> None:
        self._lines = layout.lines
        self._recipe = recipe
        self._before: tuple[_Here, ...] = ()
        self._second: int | None = None
        self._stays: dict[tuple[str, str], Stay] = {}

    def observe(
        self, second: int, situation: Callable[[str], Situation], temperature_c: Callable[[str], float]
    ) -> None:
        """Look at the plant; what was so at the last look was so until now. `temperature_c` is that of a tank."""
        here = tuple(self._here(situation, temperature_c))
        first, last_s = self._second is None, second if self._second is None else self._second
        for each in self._before:
            if each.counts:
                self._stay(each).count(second - last_s, second)
        if self._second is None or here != self._before:
            self._arrive(here, second, since=situation if first else None)
        self._before, self._second = here, second

    def long(self) -> Iterator[Stay]:
        """Every stay of which more than half the limit is used."""
        yield from (stay for stay in self._stays.values() if stay.half_s is not None)

    def _here(self, situation: Callable[[str], Situation], temperature_c: Callable[[str], float]) -> Iterator[_Here]:
        recipe = self._recipe
        for line in self._lines:
            batch = situation(line.tank).batch
            if batch:
                warm = temperature_c(line.tank) > recipe.warm_above_c
                yield _Here(f"{line.tank}_crude", line.tank, batch, recipe.hold_limit_s)
                yield _Here(f"{line.tank}_warm", line.tank, batch, recipe.warm_limit_s, warm)
                yield _Here(BUDGET, line.tank, batch, recipe.waiting_limit_s)
            slurry = situation(line.crystalliser)
            if slurry.batch and slurry.phase in _SLURRY:
                yield _Here(BUDGET, line.crystalliser, slurry.batch, recipe.waiting_limit_s)

    def _arrive(self, here: tuple[_Here, ...], second: int, since: Callable[[str], Situation] | None) -> None:
        """Note what has come and what has gone; `since` tells how long something has been there already."""
        kept = {(each.hold, each.batch) for each in here}
        for gone in self._before:
            if (gone.hold, gone.batch) not in kept:
                self._stays[gone.hold, gone.batch].end_s = second
        for each in here:
            stay = self._stay(each)
            stay.unit, stay.end_s = each.unit, None
            if since is not None and each.counts:
                stay.count(second - since(each.unit).since_s, second)

    def _stay(self, here: _Here) -> Stay:
        key = (here.hold, here.batch)
        stay = self._stays.get(key)
        if stay is None:
            stay = self._stays[key] = Stay(here.hold, here.unit, here.batch, here.limit_s)
            while len(self._stays) > _MOST_REMEMBERED:
                del self._stays[next(iter(self._stays))]
        return stay
