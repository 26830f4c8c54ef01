"""The plant: its clock, its units, and what is broken in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pytest_thermowell.control import ADVANCE_TIMEOUT_S, Control, quoted

_STEP: Final = "5s"
"""At the plant's next step a fault begins or ends."""

_OF_THE_FAULT: Final = ("id", "lasts", "shape", "ramp", "power", "period", "on")

Duration = str | float
"""Of plant time: `"10min"`, `"1 h 30 min"`, or seconds."""


@dataclass(frozen=True)
class Unit:
    """What goes on in a unit; `batch` is empty between batches."""

    name: str
    phase: str
    batch: str
    since: datetime


class Plant:
    """A plant that is served. Times are plant times, UTC; Refused where something is asked that cannot be."""

    def __init__(self, control: Control, addresses: Mapping[str, Any]) -> None:
        self._control = control
        self.addresses = dict(addresses)
        """Where it is served: `opcua`, `mqtt`, `control` …"""

    @property
    def status(self) -> dict[str, Any]:
        """Everything that the bench tells about itself now."""
        return self._control.ask("GET", "status")

    @property
    def now(self) -> datetime:
        """The plant's time."""
        return _time(self.status["plant_time"])

    @property
    def units(self) -> dict[str, Unit]:
        """Every unit by its name."""
        return {
            each["unit"]: Unit(each["unit"], each["phase"], each["batch"], _time(each["since"]))
            for each in self.status["units"]
        }

    @property
    def labels(self) -> list[dict[str, Any]]:
        """What was really so up to now: faults, excursions, holds over their limits."""
        labels: list[dict[str, Any]] = self._control.ask("GET", "truth")["labels"]
        return labels

    @property
    def catalogue(self) -> dict[str, dict[str, Any]]:
        """Every kind of fault by its name: what it does, its targets and settings."""
        return {each["kind"]: each for each in self._control.ask("GET", "catalogue")["kinds"]}

    def advance(self, by: Duration) -> None:
        """Run ahead; returns when every value up to then is published."""
        self._control.ask("POST", "advance", {"by": by}, ADVANCE_TIMEOUT_S)

    def pause(self) -> None:
        """Stop the plant's clock; `advance` moves it still."""
        self._control.ask("POST", "pause")

    def resume(self) -> None:
        """Let the plant's clock run."""
        self._control.ask("POST", "resume")

    def run_at(self, speed: float) -> None:
        """So many plant seconds per second from now on."""
        self._control.ask("POST", "speed", {"speed": speed})

    def inject(self, kind: str, target: str, *, after: Duration = 0, **more: Any) -> "Fault":
        """Break something, until it is cleared: see `catalogue`.

        It is in effect when this returns (the plant is set ahead by one step for that), unless it begins `after` a
        while. `more`: `lasts`, `shape`, `ramp`, `power`, `period`, `on`, `id`; everything else is one of the kind's
        settings.
        """
        own: dict[str, Any] = {name: more.pop(name) for name in _OF_THE_FAULT if name in more}
        body: dict[str, Any] = {"kind": kind, "target": target, "after": after, "settings": more, **own}
        fault = Fault(self, self._control.ask("POST", "faults", body)["id"])
        if not after:
            self.advance(_STEP)
        return fault

    @contextmanager
    def broken(self, kind: str, target: str, **more: Any) -> Iterator["Fault"]:
        """Break something for the time of a `with` block."""
        fault = self.inject(kind, target, **more)
        try:
            yield fault
        finally:
            fault.clear()


class Fault:
    """A fault that was injected."""

    def __init__(self, plant: Plant, fault_id: str) -> None:
        self.id = fault_id
        self._plant = plant

    @property
    def state(self) -> str:
        """`waiting`, `active` or `over`."""
        return next(str(each["state"]) for each in self._plant.status["faults"] if each["id"] == self.id)

    def clear(self) -> None:
        """Mend it; it is over when this returns (the plant is set ahead by one step for that)."""
        self._plant._control.ask("DELETE", f"faults/{quoted(self.id)}")  # noqa: SLF001 - a plant's fault
        self._plant.advance(_STEP)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
