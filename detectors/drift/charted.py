"""A tag with a drift rule: the run in which it is charted, the limits that it may meet, and what is open of it."""

from dataclasses import dataclass, field

from detectors.cases import Case, Json, Run, case_from, recipe_version
from detectors.drift.baselines import Baseline
from detectors.ranges.limits import Limit
from domain.rules import DriftRule
from domain.tags import Tag

SAY_AGAIN = 5
"""Windows until the next version of an open finding; then twice as many, and so on."""

_FLOOR = 0.01  # of the narrowest range: a smaller sigma would find drifts that do not matter

Key = tuple[str, str, bool]
"""What a baseline is of: recipe version, phase, and whether of deviations from a set point."""


@dataclass(slots=True, eq=False)
class Charted:
    """A tag with a drift rule, and its place in the charts; what is open tells of the run that it is charted in."""

    tag: Tag
    rule: DriftRule
    place: int
    run: Run | None = None
    limits: tuple[Limit, ...] = ()
    deviates: bool = False  # charted is what it deviates by from its set point; so are its limits
    floor: float = 0.0
    cusum: Case | None = None
    side: int = 0  # which of the CUSUMs opened it
    ewma: Case | None = None
    ewma_sign: int = 1  # 1 where the EWMA that opened it was above, -1 below
    say_at: int = 0  # the number of windows that the next version waits for
    say_every: int = SAY_AGAIN
    baselines: dict[Key, Baseline] = field(default_factory=dict)

    @property
    def cases(self) -> list[Case]:
        """What is open."""
        return [case for case in (self.cusum, self.ewma) if case is not None]

    def judge_by(self, run: Run, limits: tuple[Limit, ...], *, deviates: bool) -> None:
        """Take the run and its limits."""
        self.run, self.limits, self.deviates = run, limits, deviates
        bands = [limit.band for limit in limits if limit.band is not None]
        self.floor = _FLOOR * min(bands, default=0.0)

    def key(self, run: Run) -> Key:
        """What this run's baseline is found by."""
        return recipe_version(run.recipe), run.phase, self.deviates

    def open_state(self) -> list[Json]:
        """What is open, and how it is followed; nothing of what was open before."""
        cusum, ewma = self.cusum, self.ewma
        followed = [0, SAY_AGAIN] if cusum is None and ewma is None else [self.say_at, self.say_every]
        sides = [0 if cusum is None else self.side, 1 if ewma is None else self.ewma_sign]
        return [*followed, *sides, *(None if case is None else case.state() for case in (cusum, ewma))]

    def load_open(self, state: list[Json], *, is_above: bool) -> None:
        """Take back what `open_state` told; `is_above` the EWMA is now."""
        self.say_at, self.say_every, self.side, *sign, cusum, ewma = state
        self.cusum = None if cusum is None else case_from(cusum)
        self.ewma = None if ewma is None else case_from(ewma)
        # A state of the time before sides: the one on which it is.
        self.ewma_sign = sign[0] if sign else (1 if is_above else -1)
