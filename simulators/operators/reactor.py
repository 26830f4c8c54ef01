"""Runs a reactor: its recipe, batch after batch, cleaning between them, and what people do wrong."""

from collections.abc import Callable
from typing import Final

from simulators.operators.draw import TICK_S, reactor_draw
from simulators.operators.logbook import Logbook
from simulators.operators.mistakes import Mistakes, amount, mistaken
from simulators.operators.sequence import Sequence
from simulators.operators.tank import TankOperator
from simulators.operators.vessel import Vessel
from simulators.plant.state import HEEL_M3
from simulators.recipe import RESTING, Recipe, RecipePhase
from simulators.scenario import CampaignPlan

_CHARGE_STRENGTH: Final = 2000.0  # mol A per m3
_FEED_STRENGTH: Final = 9000.0  # mol B per m3
_JACKET_CLEANING_S: Final = 45 * 60  # longer, when the jacket is cleaned as well
_LONGEST_TRANSFER: Final = 4  # times its duration; then the operator gives up on the rest
_SHORTEST_MISTAKE_S: Final = 300  # what goes in wrongly takes at least so long


class ReactorOperator:
    """Runs one reactor's batches, one after another; the first starts at `start_s` of the campaign's time.

    A batch is in the reactor from the start of its first phase to the end of its transfer. Before that, at the end
    of the phase that comes before, the reactor waits until its tank takes it: see `TankOperator`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a reactor's operator must know
        self,
        vessel: Vessel,
        log: Logbook,
        recipe: Recipe,
        plan: CampaignPlan,
        start_s: int,
        batch_name: Callable[[int], str],
        tank: TankOperator,
        mistakes: Mistakes,
        seed: int,
    ) -> None:
        """`batch_name` says how the batch of a number, 1 for this run's first, is called."""
        self.log = log
        self._vessel = vessel
        self._sequence = Sequence(vessel, log, recipe.phases, RESTING, "temperature_setpoint")
        self._feed_time_s = sum(phase.settings.get("feed_opening", 0.0) * phase.lasts_s for phase in recipe.phases)
        self._plan = plan
        self._batch_name = batch_name
        self._tank = tank
        self._mistakes = mistakes
        self._seed = seed
        self._next_s: float = start_s
        self._draw = reactor_draw(seed, log.unit, 0, plan)
        self._delayed = False  # this batch's transfer
        self._miscounted = False  # this batch's charge
        self._fed_early = 0.0  # share of this batch's feed
        self._since_cleaned = 0  # batches since the jacket was cleaned

    def open(self, now_s: int) -> None:
        """Tell how the unit stands at the start of the campaign."""
        self._sequence.open(now_s)

    def control(self, now_s: int) -> None:
        """Start the next phase when it is due, move the set point along its ramp, make the mistakes of this moment."""
        if now_s >= self._next_s and self._may_go_on(now_s):
            self._start_next(now_s)
        self._sequence.follow_ramp(now_s)
        if "charge_flow" in self._sequence.phase.settings:
            self._miscount(now_s)
            self._feed_early(now_s)

    def _may_go_on(self, now_s: int) -> bool:
        """Whether nothing keeps the coming phase from starting; a delay moves `_next_s`."""
        phase = self._sequence.phase
        if _transfers(phase) and self._vessel["volume"] > HEEL_M3:
            return now_s >= self._sequence.since_s + _LONGEST_TRANSFER * phase.lasts_s
        if _transfers(self._sequence.coming):
            if not self._delayed and mistaken(self._mistakes, "late_transfer", self.log.unit):
                self._delayed = True
                self._tank.withdraws(self.log.unit)
                self._next_s = now_s + amount(self._mistakes, "late_transfer", self.log.unit, "delay")
                return False
            return self._tank.takes(self.log.unit)
        return not (self._sequence.resting and self.log.situation.batch_number == self._plan.batches)

    def _start_next(self, now_s: int) -> None:
        before, phase = self._sequence.phase, self._sequence.coming
        if self._sequence.resting:
            self._begin_batch(now_s)
        elif _transfers(phase):
            self._tank.receive(now_s, self.log.situation.batch, self._vessel)
        elif _transfers(before):
            self._tank.fill_ends(now_s)
            self.log.release(now_s)
            self._since_cleaned += 1
        self._sequence.advance(now_s, {"charge_flow": self._draw.charge, "feed_opening": 1.0 - self._fed_early})
        self._next_s = now_s + self._duration_s(phase)

    def _begin_batch(self, now_s: int) -> None:
        number = self.log.situation.batch_number + 1
        self._draw = reactor_draw(self._seed, self.log.unit, number, self._plan)
        self._delayed = self._miscounted = False
        self._fed_early = 0.0
        self._vessel.set("charge_strength", _CHARGE_STRENGTH * self._draw.charge_strength)
        self._vessel.set("feed_strength", _FEED_STRENGTH * self._draw.feed_strength)
        self._vessel.set("jacket_cleanness", (1.0 - self._plan.fouling_per_batch) ** self._since_cleaned)
        self.log.take(now_s, self._batch_name(number))

    def _duration_s(self, phase: RecipePhase) -> int:
        if self._sequence.resting:
            return phase.lasts_s + self._draw.delay_s
        if "rinse_flow" not in phase.settings:
            return phase.lasts_s
        usual_s = TICK_S * round(phase.lasts_s * self._draw.cleaning / TICK_S)
        if self._since_cleaned != self._plan.cleaned_every:
            return usual_s
        self._since_cleaned = 0
        return usual_s + _JACKET_CLEANING_S

    def _miscount(self, now_s: int) -> None:
        """The wrong amount of A: once the fault is there, the rest of the charge makes up the wrong total."""
        if self._miscounted or not mistaken(self._mistakes, "wrong_charge", self.log.unit):
            return
        self._miscounted = True
        phase = self._sequence.phase
        usual = phase.settings["charge_flow"] * self._draw.charge
        wrong = amount(self._mistakes, "wrong_charge", self.log.unit, "amount") * usual * phase.lasts_s
        begun = usual * (now_s - self._sequence.since_s)
        self._vessel.set("charge_flow", max(wrong - begun, 0.0) / self._left_s(now_s))

    def _feed_early(self, now_s: int) -> None:
        """B in the wrong order: a part of it goes in with what is left of the charge, and is missing in the dosing."""
        if self._fed_early or not mistaken(self._mistakes, "wrong_order", self.log.unit):
            return
        self._fed_early = amount(self._mistakes, "wrong_order", self.log.unit, "amount")
        self._vessel.set("feed_opening", self._fed_early * self._feed_time_s / self._left_s(now_s))

    def _left_s(self, now_s: int) -> float:
        """Seconds left of the phase; it is made longer for a mistake that comes late."""
        self._next_s = max(self._next_s, now_s + _SHORTEST_MISTAKE_S)
        return self._next_s - now_s


def _transfers(phase: RecipePhase) -> bool:
    return bool(phase.settings.get("transfer_opening"))
