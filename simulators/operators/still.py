"""Runs a still: mother liquor in, solvent over the top, then the solvent to its tank and the rest to waste."""

from typing import Final

from simulators.operators.logbook import Logbook
from simulators.operators.sequence import Sequence
from simulators.operators.vessel import Vessel
from simulators.recipe import Recipe

_RESTING: Final = {"still_duty": 0.0, "receiver_opening": 0.0, "residue_opening": 0.0}


class StillOperator:
    """Runs one still's sequence for each batch of mother liquor that its crystalliser gives."""

    def __init__(self, vessel: Vessel, log: Logbook, recipe: Recipe) -> None:
        self.log = log
        self._vessel = vessel
        self._distilled_k = recipe.distilled_k
        self._sequence = Sequence(vessel, log, recipe.distillation, _RESTING)

    def open(self, now_s: int) -> None:
        """Tell how the unit stands at the start of the campaign."""
        self._sequence.open(now_s)

    @property
    def empty(self) -> bool:
        """Whether mother liquor may come in."""
        return self._sequence.resting

    def receive(self, now_s: int, batch: str) -> None:
        """The crystalliser's mother liquor is pumped in."""
        self.log.take(now_s, batch)
        self._sequence.advance(now_s)

    def fill_ends(self, now_s: int) -> None:
        """The crystalliser is empty."""
        self._sequence.advance(now_s)

    def control(self, now_s: int) -> None:
        """Start the next phase when it is due, or at the end point."""
        phase = self._sequence.phase
        if phase.name not in {"distil", "empty"}:
            return
        over = now_s >= self._sequence.since_s + phase.lasts_s
        distilled = phase.name == "distil" and self._vessel["still_temperature"] >= self._distilled_k
        if over or distilled:
            if phase.name == "empty":
                self.log.release(now_s)
            self._sequence.advance(now_s)
