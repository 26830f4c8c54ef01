"""Who runs the units: a sequence for each reactor, and one for the hold tank behind it."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from simulators.plant.state import HEEL_M3
from simulators.plant.train import Trains
from simulators.recipe import COLD_K, FIRST_OF_CLEANING, IDLE, PHASES, RESTING

_BATCH_TAG_LATE_S: Final = 7  # the batch system writes its tag after the step has changed
_STRENGTH_SPREAD: Final = 0.004  # of charge and feed from batch to batch, relative
_LONGEST_DELAY_S: Final = 300  # until somebody has started the next batch


class ReactorOperator:
    """Runs one reactor's batches, one after another; the first starts at `start_s` of the campaign's time."""

    def __init__(self, unit: str, train: int, start_s: int, first_batch: int, seed: int) -> None:
        self.unit = unit
        self.train = train
        self._number = first_batch - 1
        self._index = IDLE
        self._since_s = start_s - PHASES[IDLE].lasts_s
        self._next_s = start_s
        self._batch_since_s = -math.inf
        self._from_k = COLD_K
        self._random = np.random.default_rng([seed, train])

    @property
    def phase(self) -> str:
        """The name of the phase that runs."""
        return PHASES[self._index].name

    @property
    def step_code(self) -> int:
        """The value of the STEP tag."""
        return PHASES[self._index].code

    @property
    def batch_number(self) -> int:
        """The running number of the batch, or of the last one."""
        return self._number

    def batch_tag(self, now_s: float) -> str:
        """The value of the BATCH tag: it follows the step some seconds late, and is empty between batches."""
        settled = now_s >= self._batch_since_s + _BATCH_TAG_LATE_S
        runs = self._index < FIRST_OF_CLEANING
        return f"{self.unit[1:]}-{self._number:04d}" if runs == settled else ""

    def control(self, now_s: float, trains: Trains) -> None:
        """Start the next phase when it is due, and move the temperature's set point along its ramp."""
        while now_s >= self._next_s:
            self._start_next(trains)
        phase = PHASES[self._index]
        done = 1.0 if phase.ramp_s == 0 else min((now_s - self._since_s) / phase.ramp_s, 1.0)
        setpoint = self._from_k + (phase.temperature - self._from_k) * done
        trains.parameters.temperature_setpoint[self.train] = setpoint

    def _start_next(self, trains: Trains) -> None:
        self._from_k = PHASES[self._index].temperature
        self._index = (self._index + 1) % len(PHASES)
        self._since_s = self._next_s
        delay_s = int(self._random.integers(0, _LONGEST_DELAY_S)) if self._index == IDLE else 0
        self._next_s += PHASES[self._index].lasts_s + delay_s
        parameters = trains.parameters
        for name, value in {**RESTING, **PHASES[self._index].settings}.items():
            getattr(parameters, name)[self.train] = value
        if self._index == 0:
            self._number += 1
            self._batch_since_s = float(self._since_s)
            parameters.charge_strength[self.train] = 2000.0 * self._random.normal(1.0, _STRENGTH_SPREAD)
            parameters.feed_strength[self.train] = 9000.0 * self._random.normal(1.0, _STRENGTH_SPREAD)
        elif self._index == FIRST_OF_CLEANING:
            self._batch_since_s = float(self._since_s)


class HoldTankOperator:
    """Empties a hold tank some time after the reactor's transfer has ended; `late_s` says longer waits, by batch."""

    def __init__(self, unit: str, reactor: ReactorOperator, wait_s: int, late_s: Mapping[int, int]) -> None:
        self.unit = unit
        self._reactor = reactor
        self._wait_s = wait_s
        self._late_s = late_s
        self._leaves_s: float | None = None
        self.transfer_in = False
        self.transfer_out = False

    @property
    def train(self) -> int:
        """The train whose hold tank this is."""
        return self._reactor.train

    def control(self, now_s: float, trains: Trains) -> None:
        """Notice the end of a transfer in, wait, pump out, and set the two flags."""
        train = self.train
        comes_in = bool(trains.parameters.transfer_opening[train] > 0 and trains["volume"][train] > HEEL_M3)
        if self.transfer_in and not comes_in:
            self._leaves_s = now_s + self._late_s.get(self._reactor.batch_number, self._wait_s)
        self.transfer_in = comes_in
        if self._leaves_s is not None and now_s >= self._leaves_s:
            self.transfer_out, self._leaves_s = True, None
        elif self.transfer_out and trains["hold_volume"][train] <= HEEL_M3:
            self.transfer_out = False
        trains.parameters.outlet_opening[train] = float(self.transfer_out)
