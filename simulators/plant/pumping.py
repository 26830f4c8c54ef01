"""Emptying a vessel down to its heel."""

from typing import Final

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.state import HEEL_M3

_SUCKED_DRY_M3: Final = 0.999 * HEEL_M3
"""Where a pump leaves off: below the heel, so that a vessel which is empty is found empty."""


def pumped_out(volume: Value, flow: Value, seconds: float, functions: Functions) -> Value:
    """What leaves a vessel, m3/s: less in its last step, so that the heel is the same whatever the step."""
    left = functions.larger(volume - _SUCKED_DRY_M3, 0.0)
    return functions.smaller(flow, left / seconds) * (volume > HEEL_M3)
