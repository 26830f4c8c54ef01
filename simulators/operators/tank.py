"""Runs a hold tank: takes one batch at a time from the reactors that feed it, and passes it on."""

import math
from collections import deque
from typing import Final

from simulators.operators.crystalliser import CrystalliserOperator
from simulators.operators.draw import pumping_delay_s
from simulators.operators.logbook import Logbook
from simulators.operators.mistakes import Mistakes, amount, mistaken
from simulators.operators.sequence import Sequence
from simulators.operators.vessel import Vessel
from simulators.plant.state import HEEL_M3
from simulators.recipe import HOLDING
from simulators.scenario import CampaignPlan

_RESTING: Final = {"outlet_opening": 0.0}


class TankOperator:
    """Runs one hold tank: filled by a reactor, waits, is emptied into the crystalliser.

    The rule: batches are never mixed. A tank takes a batch only when it is empty and nobody fills or empties it;
    until then the reactor waits. Who asked first goes first, then the order of the layout. A batch that is ready is
    pumped on as soon as the crystalliser is empty.
    """

    def __init__(
        self,
        vessel: Vessel,
        log: Logbook,
        plan: CampaignPlan,
        crystalliser: CrystalliserOperator,
        mistakes: Mistakes,
        seed: int,
    ) -> None:
        self.log = log
        self._vessel = vessel
        self._plan = plan
        self._crystalliser = crystalliser
        self._mistakes = mistakes
        self._seed = seed
        self._sequence = Sequence(vessel, log, HOLDING, _RESTING)
        self._asked: deque[str] = deque()  # at most every reactor of the line once
        self._source: Vessel | None = None
        self._leaves_s = math.inf
        self._delayed = False
        self._flags = {"XFER_IN": False, "XFER_OUT": False}

    def open(self, now_s: int) -> None:
        """Tell how the tank stands at the start of the campaign."""
        self._sequence.open(now_s)
        for role, value in self._flags.items():
            self.log.tell(now_s, role, value)

    def takes(self, reactor: str) -> bool:
        """Whether a reactor that asks may transfer now; if not, its place in the queue is kept."""
        if reactor not in self._asked:
            self._asked.append(reactor)
        return self._sequence.resting and self._asked[0] == reactor

    def withdraws(self, reactor: str) -> None:
        """A reactor that may have asked will come later."""
        if reactor in self._asked:
            self._asked.remove(reactor)

    def receive(self, now_s: int, batch: str, source: Vessel) -> None:
        """A reactor opens its transfer valve."""
        self._asked.popleft()
        self._source = source
        self.log.take(now_s, batch)
        self._sequence.advance(now_s)

    def fill_ends(self, now_s: int) -> None:
        """The reactor has closed its valve."""
        self._source = None
        if self._phase == "fill":
            self._wait(now_s)

    def control(self, now_s: int) -> None:
        """Notice the end of the flow in, wait, pump on, and set the two flags."""
        if self._phase == "fill" and self._flags["XFER_IN"] and not self._flows_in():
            self._wait(now_s)
        elif self._phase == "wait" and now_s >= self._leaves_s and self._may_leave(now_s):
            self._pump_on(now_s)
        elif self._phase == "empty" and self._vessel["hold_volume"] <= HEEL_M3:
            self._rest(now_s)
        self._flag(now_s, "XFER_IN", self._flows_in())
        self._flag(now_s, "XFER_OUT", self._phase == "empty")

    @property
    def _phase(self) -> str:
        return self._sequence.phase.name

    def _flows_in(self) -> bool:
        source = self._source
        return source is not None and source.parameter("transfer_opening") > 0 and source["volume"] > HEEL_M3

    def _wait(self, now_s: int) -> None:
        number = self.log.situation.batch_number
        self._delayed = False
        self._leaves_s = now_s + self._plan.wait_s + pumping_delay_s(self._seed, self.log.unit, number, self._plan)
        self._sequence.advance(now_s)

    def _may_leave(self, now_s: int) -> bool:
        if not self._delayed and mistaken(self._mistakes, "late_transfer", self.log.unit):
            self._delayed = True
            self._leaves_s = now_s + amount(self._mistakes, "late_transfer", self.log.unit, "delay")
            return False
        return self._crystalliser.empty and not mistaken(self._mistakes, "hold_forgotten", self.log.unit)

    def _pump_on(self, now_s: int) -> None:
        self._sequence.advance(now_s)
        self._crystalliser.receive(now_s, self.log.situation.batch)

    def _rest(self, now_s: int) -> None:
        self._sequence.advance(now_s)
        self._crystalliser.fill_ends(now_s)
        self.log.release(now_s)

    def _flag(self, now_s: int, role: str, value: bool) -> None:  # noqa: FBT001 - the value of a tag
        if self._flags[role] != value:
            self._flags[role] = value
            self.log.tell(now_s, role, value)
