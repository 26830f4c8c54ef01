"""Begins, develops and ends faults: process and instruments break here, the rest is told to whom it concerns."""

from collections.abc import Iterable
from dataclasses import dataclass

from simulators.faults.kind import Domain
from simulators.faults.kinds import CATALOGUE
from simulators.faults.measuring import InstrumentFaults
from simulators.faults.process import ProcessFaults
from simulators.faults.spec import FaultChange, FaultSpec, Shape
from simulators.faults.view import View
from simulators.faults.watch import Watch


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault that runs, from its start to its end; an intermittent one also while it is not there."""

    spec: FaultSpec
    started_s: int

    @property
    def key(self) -> tuple[str, int]:
        """Which occasion of which fault it is."""
        return self.spec.id, self.started_s

    def share(self, second: int) -> float:
        """How far it has developed: 0 healthy, 1 fully."""
        return self.spec.share(second - self.started_s)

    def over(self, second: int) -> bool:
        """Whether it has ended."""
        return self.spec.lasts_s is not None and second >= self.started_s + self.spec.lasts_s

    def there(self, second: int) -> bool:
        """Whether it is there; a ramp is from its start on."""
        if self.over(second):
            return False
        return self.spec.shape is not Shape.INTERMITTENT or self.share(second) > 0.0


class FaultEngine:
    """Runs a scenario's faults. ValueError: two have one id, or a kind is unknown.

    `update` is called once a step, after the operators have acted and before the physics moves. What a fault of the
    process moves, it moves from the value that the recipe or an operator has set last, and gives that back at its end.
    """

    def __init__(self, specs: Iterable[FaultSpec] = ()) -> None:
        self._watches: dict[str, Watch] = {}
        self._running: list[ActiveFault] = []
        self._there: dict[tuple[str, int], FaultSpec] = {}
        self._process = ProcessFaults()
        self._instruments = InstrumentFaults()
        self._view: View | None = None
        for spec in specs:
            self.inject(spec)

    @property
    def active(self) -> tuple[ActiveFault, ...]:
        """What runs now, each since its own second."""
        return tuple(self._running)

    def inject(self, spec: FaultSpec) -> None:
        """Add a fault to a run; one whose second has passed begins at the next update. ValueError: see the class."""
        if spec.kind not in CATALOGUE:
            message = f"fault {spec.id}: there is no kind {spec.kind!r}"
            raise ValueError(message)
        if spec.id in self._watches:
            message = f"fault {spec.id}: there is one of this id already"
            raise ValueError(message)
        self._watches[spec.id] = Watch(spec)

    def clear(self, fault_id: str) -> None:
        """End a fault at the next update, and let it not come again; KeyError: there is none of this id."""
        del self._watches[fault_id]
        self._running = [each for each in self._running if each.spec.id != fault_id]

    def update(self, view: View) -> tuple[FaultChange, ...]:
        """Bring all faults to this second; returns what began, ended, came or went, ends first."""
        self._view = view
        self._begin(view)
        self._running = [each for each in self._running if not each.over(view.second)]
        changes = self._tell(view)
        self._act(view)
        return changes

    def share(self, kind: str, target: str) -> float:
        """How far a fault of a kind has developed on a target now, at most; 0: there is none."""
        if self._view is None:
            return 0.0
        self._begin(self._view)
        return max((each.share(self._view.second) for each in self._of(kind, target)), default=0.0)

    def setting(self, kind: str, target: str, name: str) -> float | str | None:
        """What the fault of a kind on a target has for a setting; without such a fault the kind's default; KeyError."""
        specs = [each.spec for each in self._of(kind, target)]
        return CATALOGUE[kind].value(specs[0].settings if specs else {}, name)

    def _of(self, kind: str, target: str) -> list[ActiveFault]:
        return [each for each in self._running if each.spec.kind == kind and each.spec.target == target]

    def _begin(self, view: View) -> None:
        """Start what is due; a fault that runs already is not started a second time."""
        for watch in self._watches.values():
            if not watch.over and watch.due(view) and all(each.spec.id != watch.spec.id for each in self._running):
                self._running.append(ActiveFault(watch.spec, view.second))

    def _tell(self, view: View) -> tuple[FaultChange, ...]:
        """What has come and gone since the last time; instruments that remember are told as well."""
        there = {each.key: each.spec for each in self._running if each.there(view.second)}
        gone = [spec for key, spec in self._there.items() if key not in there]
        come = [spec for key, spec in there.items() if key not in self._there]
        self._there = there
        for spec in gone:
            if CATALOGUE[spec.kind].domain is Domain.INSTRUMENT:
                self._instruments.ends(view.panel, spec)
        for spec in come:
            if CATALOGUE[spec.kind].domain is Domain.INSTRUMENT:
                self._instruments.begins(view.panel, spec)
        ended = (FaultChange(spec, active=False, second=view.second) for spec in gone)
        begun = (FaultChange(spec, active=True, second=view.second) for spec in come)
        return (*ended, *begun)

    def _act(self, view: View) -> None:
        """Break what is broken now, from what would be healthy now."""
        parameters = view.trains.parameters
        self._process.lift(parameters)
        self._instruments.lift(view.panel)
        for each in self._running:
            share = each.share(view.second)
            domain = CATALOGUE[each.spec.kind].domain
            if share > 0.0 and domain is Domain.PROCESS:
                self._process.apply(parameters, view.layout, each.spec, share)
            elif share > 0.0 and domain is Domain.INSTRUMENT:
                self._instruments.apply(view.panel, each.spec, share, view.true_value)
