"""The cells of the matrix: which pattern, how large, how long, on what kind of tag."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

MINUTE_S = 60
REPEATS = 59  # no miss in 59 proves 95 %


class Pattern(enum.StrEnum):
    """What happens to a tag; of the process, or of its instrument or its data alone."""

    NOTHING = "nothing"
    STEP = "step"
    RAMP = "ramp"
    SPIKE = "spike"
    OSCILLATION = "oscillation"
    VARIANCE = "variance"
    FROZEN = "frozen"
    DROPOUT = "dropout"
    BIAS = "bias"
    UNIT_ERROR = "unit error"
    WRONG_PHASE = "wrong phase"
    CORRELATED = "correlated"
    LATE = "late data"
    NEAR_MISS = "near miss"


@dataclass(frozen=True, slots=True)
class Size:
    """In standard deviations of a normal batch, or the level reached: per cent of the way from NOR to the validated limit.

    0 % is the edge of NOR, 100 % the validated limit.
    """

    sigmas: float | None = None
    percent: float | None = None

    def __str__(self) -> str:
        if self.sigmas is not None:
            return f"{self.sigmas:g} sigma"
        return "" if self.percent is None else f"{self.percent:g} %"


NONE = Size()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `must` says what is asked of it: found every time (True), told never (False), no demand (None)."""

    pattern: Pattern
    tag: str  # the role: TT, PT, AT
    size: Size
    lasts_s: int
    must: bool | None = None

    @property
    def name(self) -> str:
        """For people and for files."""
        minutes = f"{self.lasts_s / MINUTE_S:g} min" if self.lasts_s else "one reading"
        return ", ".join(part for part in (self.pattern.value, self.tag, str(self.size), minutes) if part)


TAGS = ("TT", "PT", "AT")
_SIZES = (Size(sigmas=3), Size(sigmas=10), Size(percent=50), Size(percent=110))
_NEAR = 60  # per cent: five standard deviations of a pH probe away from the limit, so that no reading is over it
_SHORT, _MIDDLE, _LONG = 2 * MINUTE_S, 10 * MINUTE_S, 40 * MINUTE_S
_WHOLE_SIZES = tuple(Size(sigmas=each) for each in (1, 2, 3, 5, 10)) + tuple(
    Size(percent=each) for each in (10, 50, 90, 110, 150)
)


def cells(*, whole: bool = False) -> list[Cell]:
    """The standard set, or the whole matrix."""
    return [cell for tag in TAGS for cell in _of_tag(tag, whole=whole)]


def _of_tag(tag: str, *, whole: bool) -> Iterator[Cell]:
    sizes = _WHOLE_SIZES if whole else _SIZES
    durations = (60, _SHORT, 5 * MINUTE_S, _MIDDLE, 20 * MINUTE_S, _LONG) if whole else (_SHORT, _MIDDLE, _LONG)
    slow = [each for each in durations if each >= _MIDDLE]
    yield Cell(Pattern.NOTHING, tag, NONE, _MIDDLE, must=False)
    for pattern in (Pattern.STEP, Pattern.BIAS, Pattern.CORRELATED):
        if pattern is Pattern.CORRELATED and tag != TAGS[0]:
            continue  # it moves all of them at once
        times = durations if pattern is Pattern.STEP else slow
        for size, lasts_s in product(sizes, times):
            yield Cell(pattern, tag, size, lasts_s, _must(size, lasts_s))
    for pattern in (Pattern.RAMP, Pattern.OSCILLATION):
        for size, lasts_s in product(sizes, slow):
            yield Cell(pattern, tag, size, lasts_s, _must(size, lasts_s, least=110 if pattern is Pattern.RAMP else 150))
    for size in sizes:
        yield Cell(Pattern.SPIKE, tag, size, 0)
    for factor, lasts_s in product((3, 10), slow):
        yield Cell(Pattern.VARIANCE, tag, Size(sigmas=factor), lasts_s)
    for lasts_s in slow:
        yield Cell(Pattern.FROZEN, tag, NONE, lasts_s)
        if tag == "TT":  # the reactor is cold
            yield Cell(Pattern.WRONG_PHASE, tag, NONE, lasts_s, must=True)
    for lasts_s in durations:
        yield Cell(Pattern.DROPOUT, tag, NONE, lasts_s, must=True if lasts_s >= _LONG else None)
    yield Cell(Pattern.UNIT_ERROR, tag, NONE, _MIDDLE, must=True)
    for percent in (50, 110):
        yield Cell(Pattern.LATE, tag, Size(percent=percent), _MIDDLE, must=True)
    yield Cell(Pattern.NEAR_MISS, tag, Size(percent=_NEAR), _MIDDLE, must=False)


def _must(size: Size, lasts_s: int, least: float = 110) -> bool | None:
    """Whoever leaves a validated range for as long as an instrument needs to follow must be found."""
    return True if size.percent is not None and size.percent >= least and lasts_s >= _SHORT else None
