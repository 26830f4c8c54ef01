"""A unit's phases one after another, each with what it sets."""

from collections.abc import Mapping

from simulators.operators.logbook import Logbook
from simulators.operators.vessel import Vessel
from simulators.recipe import RecipePhase


class Sequence:
    """Where a unit stands in a cycle of phases that ends at rest; the last phase is the rest.

    `setpoint` is the parameter that a phase's temperature goes to, along its ramp; None: the unit has none.
    """

    def __init__(
        self,
        vessel: Vessel,
        log: Logbook,
        phases: tuple[RecipePhase, ...],
        resting: Mapping[str, float],
        setpoint: str | None = None,
    ) -> None:
        self._vessel = vessel
        self._log = log
        self._phases = phases
        self._resting = resting
        self._setpoint = setpoint
        self._index = len(phases) - 1
        self._from_k = phases[-1].temperature
        self._ramp_ends_s: float = 0.0
        self.since_s = 0

    def open(self, now_s: int) -> None:
        """Stand at rest at the start of the campaign."""
        self.since_s = now_s
        self._ramp_ends_s = now_s
        self._log.open(now_s, self.phase.name, self.phase.code)

    @property
    def phase(self) -> RecipePhase:
        """The phase that runs."""
        return self._phases[self._index]

    @property
    def coming(self) -> RecipePhase:
        """The phase that comes next; after the rest the first again."""
        return self._phases[(self._index + 1) % len(self._phases)]

    @property
    def resting(self) -> bool:
        """Whether the unit is at rest."""
        return self._index == len(self._phases) - 1

    def advance(self, now_s: int, shares: Mapping[str, float] | None = None) -> None:
        """Start the coming phase; `shares` are factors on what it sets."""
        self._from_k = self.phase.temperature
        self._index = (self._index + 1) % len(self._phases)
        phase = self.phase
        self.since_s, self._ramp_ends_s = now_s, now_s + phase.ramp_s
        for parameter, value in {**self._resting, **phase.settings}.items():
            self._vessel.set(parameter, value * (shares or {}).get(parameter, 1.0))
        self._log.enter(now_s, phase.name, phase.code, phase.operation)

    def follow_ramp(self, now_s: int) -> None:
        """Move the set point of the temperature along the phase's ramp."""
        if self._setpoint is None or now_s > self._ramp_ends_s:
            return
        phase = self.phase
        done = 1.0 if phase.ramp_s == 0 else (now_s - self.since_s) / phase.ramp_s
        self._vessel.set(self._setpoint, self._from_k + (phase.temperature - self._from_k) * done)
