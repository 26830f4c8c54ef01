"""The network between the plant's servers and their clients, broken for the time of a `with` block."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pytest_thermowell.plant import Plant


class Network:
    """Breaks the way to `opcua`, to `mqtt`, or (None) to every server of the plant. Times are of the wall's clock."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def cut(self, target: str | None = None) -> Any:
        """Connections are closed and new ones refused."""
        return self._broken("cut", target)

    def blackhole(self, target: str | None = None) -> Any:
        """Nothing gets through, and nobody is told."""
        return self._broken("blackhole", target)

    def slow(
        self, target: str | None = None, *, delay: float = 0.5, jitter: float = 0.0, rate: float | None = None
    ) -> Any:
        """Everything takes `delay` s longer one way, and up to `jitter` s more; `rate`: bytes/s that get through."""
        settings = {"delay": delay, "jitter": jitter} | ({} if rate is None else {"rate": rate})
        return self._broken("slow", target, **settings)

    def half_open(self, target: str | None = None) -> Any:
        """One end believes that the connection stands, the other has forgotten it."""
        return self._broken("half_open", target)

    @contextmanager
    def _broken(self, kind: str, target: str | None, **settings: float) -> Iterator[None]:
        served = [name for name in ("opcua", "mqtt") if name in self._plant.addresses]
        with ExitStack() as stack:
            for name in served if target is None else [target]:
                stack.enter_context(self._plant.broken(kind, name, **settings))
            yield
