"""A campaign on the plant's clock, live: it runs, and it can be broken, mended, set ahead and stopped."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol, runtime_checkable

from domain.time import SECOND_NS
from simulators.campaign import Campaign, Moment, by_outlet, updates
from simulators.clock import FOLLOWED_WITHIN_S, ScaledClock
from simulators.faults.checking import check
from simulators.faults.spec import FaultChange, FaultSpec
from simulators.outlets import Outlet, Update
from simulators.recipe import phases_of
from simulators.scenario import Scenario

logger = logging.getLogger(__name__)

_TICK_S: Final = 0.1  # of the wall's clock
_BREATH_S: Final = 0.01  # instead, while the plant is behind its clock
_LONGEST_RUN_S: Final = 0.1  # of physics before the servers get their turn
_TURN_S: Final = 20  # of plant time, at least one step; then it looks at the clock again
_BEHIND_S: Final = 2.0  # of the wall's clock: then it says so
_SAY_AGAIN_S: Final = 10.0
_STRIDE_S: Final = 1.5  # of the wall's clock at the usual speed: so far the plant's clock goes at a time
_WAIT_MOST_S: Final = 10.0  # of the wall's clock, for clients to fetch what an advance has published …
_PATIENCE_S: Final = 30.0  # … and with all that do not, in one advance
_ADVANCE_MOST_S: Final = 31 * 86_400
_FAULTS_MOST: Final = 10_000

FASTEST: Final = 10_000.0
"""Plant seconds per second, at most."""

Obstacle = Callable[[FaultSpec], str | None]
"""Why this bench cannot show a fault, in words; None: it can."""


class NotPossible(ValueError):
    """What was asked cannot be done; `field` is what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Breakable(Protocol):
    """Something that faults may concern: an outlet, or the network before one."""

    async def fault(self, change: FaultChange) -> None:
        """A fault began or ended."""
        ...


@runtime_checkable
class Patient(Protocol):
    """An outlet that knows whether its clients keep up."""

    async def settle(self, limit_s: float) -> bool:
        """Return once there is room for more, at once where there is; False: not within the limit."""
        ...

    async def taken(self, limit_s: float) -> bool:
        """Return once clients have fetched everything; False: not within the limit."""
        ...


class LivePlant:
    """Runs a campaign at the plant's clock and publishes it; one thing at a time: a turn, an advance or a fault.

    `outlets` are by name (opcua, mqtt); `networks` take faults and no values. `speed` is that of a clock which stands
    at first. NotPossible: the scenario has a fault for which there is an `obstacle`.
    """

    def __init__(
        self,
        campaign: Campaign,
        clock: ScaledClock,
        outlets: Mapping[str, Outlet],
        networks: Sequence[Breakable] = (),
        obstacle: Obstacle = lambda _: None,
        speed: float | None = None,
    ) -> None:
        self.campaign = campaign
        self.clock = clock
        self.faults: dict[str, FaultSpec] = {}
        """Every fault by its id: the scenario's, and those that were injected."""
        self._seen: set[str] = set()  # faults that have begun
        self._cleared: set[str] = set()  # faults that were cleared before they began, and never will
        self._outlets = outlets
        self._phases = _phases(campaign.scenario)
        self._concerned: tuple[Breakable, ...] = (*networks, *outlets.values())
        self._obstacle = obstacle
        self._turn = asyncio.Lock()
        self._stop = asyncio.Event()
        self._patience_s = 0.0
        self._speed = clock.speed or speed or campaign.scenario.speed  # when the clock does not stand
        self._said_s = -_SAY_AGAIN_S
        for spec in campaign.scenario.faults:
            self._accept(spec)

    @property
    def origin_ns(self) -> int:
        """The plant's time at second 0."""
        return self.campaign.scenario.start_ns

    @property
    def paused(self) -> bool:
        """Tell whether the plant's clock stands."""
        return self.clock.speed == 0

    @property
    def behind_s(self) -> int:
        """How far the plant is behind its clock, s of plant time."""
        return max(0, self._due() - self.campaign.second)

    async def open(self) -> None:
        """Publish how the plant stands at its origin."""
        await self._send([self.campaign.opening])

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the plant at its clock until asked to stop."""
        self._stop = stop
        while not stop.is_set():
            async with self._turn:
                await self._send(self._catch_up())
            with suppress(TimeoutError):
                async with asyncio.timeout(_BREATH_S if self.behind_s > self.campaign.step_s else _TICK_S):
                    await stop.wait()

    async def advance(self, by_s: float) -> None:
        """Run ahead at once and publish every value with its own time; the clock goes along. NotPossible.

        As fast as this machine and the clients are; with a shared clock about as fast as one publishing interval for
        each second at the usual speed. Where the plant is to stop meanwhile, it stops where it is.
        """
        if not 0 < by_s <= _ADVANCE_MOST_S:
            raise NotPossible("by", f"{by_s:g} s is not within 1 s … 31 d")
        async with self._turn:
            target = max(self._due(), self.campaign.second) + round(by_s)
            self._patience_s = _PATIENCE_S
            while self.campaign.second + self.campaign.step_s <= target and not self._stop.is_set():
                await self._run_to(min(target, self.campaign.second + max(_TURN_S, round(self._speed * _STRIDE_S))))
                if self.clock.is_shared:  # who follows it has the values of a time before that time is over
                    await self._wait(until_taken=True)
                    await asyncio.sleep(FOLLOWED_WITHIN_S)
                self._set_clock(self.campaign.second)
            if not self._stop.is_set():
                self._set_clock(target)

    async def _run_to(self, until: int) -> None:
        """Publish what happens up to a second, as fast as clients take it."""
        while self.campaign.second + self.campaign.step_s <= until and not self._stop.is_set():
            await self._send(self.campaign.advance(min(until, self.campaign.second + _TURN_S)))
            await asyncio.sleep(0)  # the servers answer meanwhile
            await self._wait()

    async def inject(self, spec: FaultSpec) -> None:
        """Break something; it begins when its start has come. NotPossible names the field that is wrong."""
        async with self._turn:
            self._accept(spec)
            try:
                self.campaign.inject(spec)
            except ValueError as error:
                del self.faults[spec.id]
                raise NotPossible("kind", str(error)) from error

    async def clear(self, fault_id: str) -> None:
        """End a fault at the next step, for good; KeyError: there is none of this id."""
        async with self._turn:
            if fault_id not in self.faults:
                raise KeyError(fault_id)
            if self.state_of(fault_id)[0] == "waiting":
                self._cleared.add(fault_id)
            with suppress(KeyError):  # it was cleared before
                self.campaign.clear(fault_id)

    async def set_speed(self, speed: float) -> None:
        """Run at another speed from now on; a clock that stands goes on standing. NotPossible."""
        if not 0 < speed <= FASTEST:
            raise NotPossible("speed", f"{speed:g} is not above 0 and at most {FASTEST:g}")
        async with self._turn:
            self._speed = speed
            if not self.paused:
                self.clock.set_speed(speed)
            else:
                self.clock.set_usual_speed(speed)

    async def pause(self) -> None:
        """Stop the plant's clock."""
        async with self._turn:
            self.clock.set_speed(0.0)

    async def resume(self) -> None:
        """Let the plant's clock go on."""
        async with self._turn:
            self.clock.set_speed(self._speed)

    def state_of(self, fault_id: str) -> tuple[str, int | None]:
        """Whether a fault is waiting, active, over or cleared (before it began), and since when (s) it is active."""
        for each in self.campaign.engine.active:
            if each.spec.id == fault_id:
                return "active", each.started_s
        if fault_id in self._cleared:
            return "cleared", None
        return ("over" if fault_id in self._seen else "waiting"), None

    def _accept(self, spec: FaultSpec) -> None:
        """Take a fault into the books; NotPossible."""
        scenario = self.campaign.scenario
        if spec.id in self.faults:
            raise NotPossible("id", f"there is a fault {spec.id!r} already")
        if len(self.faults) >= _FAULTS_MOST:
            raise NotPossible("id", f"there are {_FAULTS_MOST} faults already")
        problems = check(spec, scenario.layout, self.campaign.tags.names, self._phases)
        if not problems and (obstacle := self._obstacle(spec)) is not None:
            problems = [f"kind: {obstacle}"]
        if problems:
            field, _, message = problems[0].partition(": ")
            raise NotPossible(field, message)
        self.faults[spec.id] = spec

    def _due(self) -> int:
        """The second that the plant's clock shows."""
        return (self.clock.now_ns() - self.origin_ns) // SECOND_NS

    def _set_clock(self, second: int) -> None:
        plant_ns = self.origin_ns + second * SECOND_NS
        if plant_ns > self.clock.now_ns():
            self.clock.set_ahead(plant_ns)

    def _catch_up(self) -> list[Moment]:
        """Run to the clock's time, or as far as one turn goes."""
        due = self._due()
        turn_ends = time.monotonic() + _LONGEST_RUN_S
        moments: list[Moment] = []
        while self.campaign.second + self.campaign.step_s <= due and time.monotonic() < turn_ends:
            moments.extend(self.campaign.advance(min(due, self.campaign.second + _TURN_S)))
        self._complain(due - self.campaign.second)
        return moments

    def _complain(self, behind_s: int) -> None:
        now_s = time.monotonic()
        if behind_s > _BEHIND_S * self.clock.speed > 0 and now_s >= self._said_s + _SAY_AGAIN_S:
            self._said_s = now_s
            logger.warning("the plant is %d s behind its own clock: this machine is too slow for the speed", behind_s)

    async def _send(self, moments: Iterable[Moment]) -> None:
        """Publish everything that is new at some moments; a fault of a server comes in its place among the values."""
        rows: list[Update] = []
        for moment in moments:
            if moment.faults:
                await self._publish(rows)
                rows = []
                for change in moment.faults:
                    await self._break(change)
            rows += updates(moment, self.campaign.tags, self.origin_ns)
        await self._publish(rows)

    async def _publish(self, rows: Sequence[Update]) -> None:
        for name, chosen in by_outlet(rows, self.campaign.tags).items():
            if name in self._outlets:
                await self._outlets[name].write(chosen)

    async def _break(self, change: FaultChange) -> None:
        self._seen.add(change.spec.id)
        logger.info("%s %s on %s", change.spec.kind, "begins" if change.active else "ends", change.spec.target)
        for each in self._concerned:
            await each.fault(change)

    async def _wait(self, *, until_taken: bool = False) -> None:
        """Wait for clients that are behind; what they do not fetch in time costs patience, which ends."""
        for outlet in self._outlets.values():
            if self._patience_s > 0 and isinstance(outlet, Patient):
                limit_s = min(_WAIT_MOST_S, self._patience_s)
                fetched = await (outlet.taken(limit_s) if until_taken else outlet.settle(limit_s))
                self._patience_s -= 0.0 if fetched else limit_s


def _phases(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """The names of the phases of each unit."""
    layout, recipe = scenario.layout, scenario.recipe
    return {unit: tuple(phase.name for phase in phases_of(layout, recipe, unit)) for unit in layout.units}
