"""One whole cycle of a plant, run by hand: charge, heat, dose, react, cool, transfer, crystallise, distil, rinse."""

from collections.abc import Callable, Mapping

from simulators.plant.train import Trains

MINUTE_S = 60
COLD_K, HOT_K = 293.15, 333.15
STIRRED = {"agitator_setpoint": 1.6}
NEUTRAL = STIRRED | {"base_enabled": 1.0}
REST = {
    "charge_flow": 0.0,
    "feed_opening": 0.0,
    "base_enabled": 0.0,
    "transfer_opening": 0.0,
    "outlet_opening": 0.0,
    "discharge_opening": 0.0,
    "seeding": 0.0,
    "rinse_flow": 0.0,
    "agitator_setpoint": 0.0,
    "still_duty": 0.0,
    "residue_opening": 0.0,
    "receiver_opening": 0.0,
}
WARM = {"crystalliser_setpoint": 338.15}
STEPS: tuple[tuple[str, int, Mapping[str, float]], ...] = (
    ("charge", 20, STIRRED | {"charge_flow": 1.25e-3}),
    ("heat", 50, NEUTRAL),
    ("dose", 180, NEUTRAL | {"feed_opening": 1.0}),
    ("react", 45, NEUTRAL),
    ("cool", 60, NEUTRAL),
    ("transfer", 27, STIRRED | {"transfer_opening": 1.0}),
    ("clean", 20, WARM | {"rinse_flow": 5.0e-4, "outlet_opening": 1.0}),
    ("fill", 60, WARM | {"outlet_opening": 1.0}),
    ("settle", 20, {"crystalliser_setpoint": 320.15}),
    ("seed", 1, {"crystalliser_setpoint": 320.15, "seeding": 1.0}),
    ("crystallise", 160, {}),
    ("discharge", 30, {"discharge_opening": 1.0}),
    ("distil", 100, {"still_duty": 2.0e5}),
    ("drain", 30, {"residue_opening": 1.0, "receiver_opening": 1.0}),
)
RAMPS = {  # of what, from, to, within minutes
    "heat": ("temperature_setpoint", COLD_K, HOT_K, 35),
    "cool": ("temperature_setpoint", HOT_K, COLD_K, 45),
    "crystallise": ("crystalliser_setpoint", 320.15, 278.15, 145),
}


def run_cycle(
    trains: Trains,
    step_s: float,
    last: str = "drain",
    each: Callable[[str, float], None] | None = None,
    longest_min: int = 1000,
) -> None:
    """Run the trains through the steps up to one, included; `each` is told the step's name and the second after each."""
    now_s = 0.0
    for name, minutes, settings in STEPS:
        for parameter, value in {**REST, **settings}.items():
            getattr(trains.parameters, parameter)[:] = value
        for index in range(round(min(minutes, longest_min) * MINUTE_S / step_s)):
            if name in RAMPS:
                parameter, first, end, within = RAMPS[name]
                done = min(index * step_s / (within * MINUTE_S), 1.0)
                getattr(trains.parameters, parameter)[:] = first + (end - first) * done
            trains.step(step_s)
            now_s += step_s
            if each is not None:
                each(name, now_s)
        if name == last:
            return
