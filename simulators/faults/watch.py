"""When a fault begins: each kind of trigger, watched over a run."""

from dataclasses import dataclass, field

from simulators.faults.spec import AtCondition, AtPhase, AtTime, FaultSpec
from simulators.faults.view import View


@dataclass(slots=True)
class Watch:
    """Waits for a fault's trigger; each occasion is told once."""

    spec: FaultSpec
    _over: bool = False
    _batches: set[int] = field(default_factory=set)
    _true_since: int | None = None

    @property
    def over(self) -> bool:
        """Whether there will be no other occasion."""
        return self._over

    def due(self, view: View) -> bool:
        """Whether the fault begins now."""
        if self._over:
            return False
        start = self.spec.start
        if isinstance(start, AtTime):
            self._over = view.second >= start.second
            return self._over
        if isinstance(start, AtPhase):
            return self._phase_due(start, view)
        self._over = self._condition_due(start, view)
        return self._over

    def _phase_due(self, start: AtPhase, view: View) -> bool:
        now = view.situation(start.unit)
        number = now.batch_number
        if now.phase != start.phase or view.second < now.since_s + start.after_s or number in self._batches:
            return False
        if start.batch is None:
            self._batches.add(number)
            return True
        self._over = number >= start.batch
        return number == start.batch

    def _condition_due(self, start: AtCondition, view: View) -> bool:
        value = view.true_value(start.tag)
        if not (value > start.above or value < start.below):
            self._true_since = None
            return False
        if self._true_since is None:
            self._true_since = view.second
        return view.second >= self._true_since + start.for_s
