"""Faults between the instruments and whoever reads them: they show by values that are withheld, or late, for 60 s."""

import math
from collections.abc import Callable, Mapping
from typing import Final

from simulators.faults.catalogue import CATALOGUE
from simulators.faults.spec import FaultSpec, Shape
from simulators.truth.visibility import SUSTAINED_S

_SECONDS_PER_HOUR: Final = 3600
_NEARLY_ALL: Final = 0.99

_Shows = Callable[[FaultSpec, float], float]


def shows_after_s(spec: FaultSpec, speed: float) -> float:
    """How long after its onset a fault of a server or of the network shows, if it lasts so long; infinite: never.

    What withholds values shows after 60 s of plant time; so does what delays them, or shifts their times, by 60 s or
    more. What only loses, repeats or reorders some of them withholds nothing for 60 s: it is hidden, and so is what
    comes and goes and is never there for so long. `speed` turns the wall's seconds, in which a network is slow, into
    the plant's.
    """
    if spec.shape is Shape.INTERMITTENT and spec.on_s < SUSTAINED_S:
        return math.inf
    shows = _SHOWS.get(spec.kind)
    return math.inf if shows is None else shows(spec, speed)


def _number(spec: FaultSpec, name: str) -> float:
    value = CATALOGUE[spec.kind].value(spec.settings, name)
    return float(value) if isinstance(value, int | float) else math.nan


def _at_once(_spec: FaultSpec, _speed: float) -> float:
    return SUSTAINED_S


def _if_so_late(late_s: float) -> float:
    return SUSTAINED_S if late_s >= SUSTAINED_S else math.inf


def _slow(spec: FaultSpec, speed: float) -> float:
    return _if_so_late(_number(spec, "delay") * speed)


def _clock_jump(spec: FaultSpec, _speed: float) -> float:
    return _if_so_late(abs(_number(spec, "step")))


def _clock_drift(spec: FaultSpec, _speed: float) -> float:
    rate = abs(_number(spec, "rate"))
    return SUSTAINED_S * _SECONDS_PER_HOUR / rate if rate else math.inf


def _if_nearly_all(setting: str) -> _Shows:
    return lambda spec, _speed: SUSTAINED_S if _number(spec, setting) >= _NEARLY_ALL else math.inf


_SHOWS: Final[Mapping[str, _Shows]] = {
    "cut": _at_once,
    "blackhole": _at_once,
    "half_open": _at_once,
    "server_restart": _at_once,
    "broker_restart": _at_once,
    "nodes_invalid": _at_once,
    "certificate_expired": _at_once,
    "certificate_refused": _at_once,
    "slow": _slow,
    "clock_jump": _clock_jump,
    "clock_drift": _clock_drift,
    "malformed": _if_nearly_all("probability"),
    "queue_overflow": _if_nearly_all("dropped"),
}
