"""Runs a crystalliser: filled from the hold tank, seeded, cooled, and its mother liquor passed to the still."""

from typing import Final

from simulators.operators.draw import pumping_delay_s
from simulators.operators.logbook import Logbook
from simulators.operators.mistakes import Mistakes, mistaken
from simulators.operators.sequence import Sequence
from simulators.operators.still import StillOperator
from simulators.operators.vessel import Vessel
from simulators.plant.state import HEEL_M3
from simulators.recipe import SEED_FOR_S, Recipe
from simulators.scenario import CampaignPlan

_RESTING: Final = {"discharge_opening": 0.0, "seeding": 0.0}


class CrystalliserOperator:
    """Runs one crystalliser's sequence for each batch that its hold tank gives.

    When the batch is cold it waits until the still is empty; the crystals stay on the filter.
    """

    def __init__(
        self,
        vessel: Vessel,
        log: Logbook,
        recipe: Recipe,
        plan: CampaignPlan,
        still: StillOperator,
        mistakes: Mistakes,
        seed: int,
    ) -> None:
        self.log = log
        self._vessel = vessel
        self._seed_after_s = recipe.seed_after_s
        self._plan = plan
        self._still = still
        self._mistakes = mistakes
        self._seed = seed
        self._sequence = Sequence(vessel, log, recipe.crystallisation, _RESTING, "crystalliser_setpoint")
        self._delay_s = 0

    def open(self, now_s: int) -> None:
        """Tell how the unit stands at the start of the campaign."""
        self._sequence.open(now_s)

    @property
    def empty(self) -> bool:
        """Whether a batch may come in."""
        return self._sequence.resting

    def receive(self, now_s: int, batch: str) -> None:
        """The hold tank is pumped in."""
        self.log.take(now_s, batch)
        self._delay_s = pumping_delay_s(self._seed, self.log.unit, self.log.situation.batch_number, self._plan)
        self._sequence.advance(now_s)

    def fill_ends(self, now_s: int) -> None:
        """The hold tank is empty."""
        self._sequence.advance(now_s)

    def control(self, now_s: int) -> None:
        """Start the next phase when it is due, seed, and follow the temperature's ramp."""
        sequence = self._sequence
        name = sequence.phase.name
        if name in {"dissolve", "seed", "cool"} and self._may_go_on(now_s):
            sequence.advance(now_s)
            if sequence.phase.name == "isolate":
                self._still.receive(now_s, self.log.situation.batch)
        elif name == "isolate" and self._vessel["crystalliser_volume"] <= HEEL_M3:
            self._still.fill_ends(now_s)
            self.log.release(now_s)
            sequence.advance(now_s)
        elif name == "seed":
            self._seed_batch(now_s)
        sequence.follow_ramp(now_s)

    def _may_go_on(self, now_s: int) -> bool:
        phase = self._sequence.phase
        if phase.name == "cool":
            return self._still.empty and now_s >= self._sequence.since_s + phase.lasts_s + self._delay_s
        return now_s >= self._sequence.since_s + phase.lasts_s

    def _seed_batch(self, now_s: int) -> None:
        seeding_s = now_s - self._sequence.since_s - self._seed_after_s
        if 0 <= seeding_s <= SEED_FOR_S:
            seeds = seeding_s < SEED_FOR_S and not mistaken(self._mistakes, "seed_forgotten", self.log.unit)
            self._vessel.set("seeding", float(seeds))
