"""Row `plant`: reactor-seconds per CPU-second of a thousand trains with ten instruments each.

The trains stand in every phase of a batch at once; the step is one second, and each instrument reports every ten
seconds. The peer is the limit that the bench sets itself. The note tells the same plant at the bench's usual step of
five seconds, the physics alone, a plant of two trains (moved as numbers), and a plain loop over a thousand plants of
one train.
"""

import time

import numpy as np

from simulators.instruments.panel import Instrument, Panel
from simulators.plant.state import ATMOSPHERE_PA, ZERO_CELSIUS_K
from simulators.plant.train import Trains

LIMIT = 250_000.0
TRAINS = 1000
SETTLE_STEPS, ROUNDS, STEPS = 120, 25, 10  # each instrument reports once in ten steps
ALONE = 20  # of the thousand, in the plain loop
_CELSIUS = -ZERO_CELSIUS_K
TAGS = (
    # role, kind of instrument, state, factor, offset: to plant units
    ("TT", "temperature", "temperature", 1.0, _CELSIUS),
    ("PT", "pressure", "pressure", 1e-5, -ATMOSPHERE_PA * 1e-5),
    ("AT", "ph", "ph", 1.0, 0.0),
    ("JT", "temperature", "jacket_temperature", 1.0, _CELSIUS),
    ("LT", "level", "volume", 1.0, 0.0),
    ("FT", "flow", "flow_feed", 3.6e6, 0.0),
    ("JI", "power", "shaft_power", 1.0, 0.0),
    ("TLT", "level", "hold_volume", 1.0, 0.0),
    ("TTT", "temperature", "hold_temperature", 1.0, _CELSIUS),
    ("CTT", "temperature", "crystalliser_temperature", 1.0, _CELSIUS),
)
PHASES = (
    {},
    {"agitator_setpoint": 1.6, "charge_flow": 1.25e-3},
    {"agitator_setpoint": 1.6, "base_enabled": 1.0, "temperature_setpoint": 333.15},
    {"agitator_setpoint": 1.6, "base_enabled": 1.0, "temperature_setpoint": 333.15, "feed_opening": 1.0},
    {"agitator_setpoint": 1.6, "base_enabled": 1.0, "temperature_setpoint": 313.15},
    {"agitator_setpoint": 1.6, "transfer_opening": 1.0},
    {"rinse_flow": 5e-4, "outlet_opening": 1.0, "crystalliser_setpoint": 333.15},
    {"crystalliser_setpoint": 310.0, "seeding": 1.0, "still_duty": 2e5},
    {"discharge_opening": 1.0, "still_duty": 2e5},
)


def run() -> dict[str, dict[str, object]]:
    """A thousand trains in one array; in the note, other ways."""
    whole = _speed(busy(TRAINS), 1.0, instruments=True)
    coarse = _speed(busy(TRAINS), 5.0, instruments=True)
    bare = _speed(busy(TRAINS), 1.0, instruments=False)
    two = _speed(busy(2), 1.0, instruments=False)
    loop = _loop()
    note = (
        f"{TRAINS} trains, {len(TAGS)} instruments each, step 1 s; at a step of 5 s {coarse:,.0f}; physics alone, 1 s: "
        f"{bare:,.0f}; two trains, 1 s: {two:,.0f} ({2e6 / two:.0f} µs a step); a loop over plants of one train: "
        f"{loop:,.0f}; peer: the limit"
    )
    row = {"ours": whole, "peer": LIMIT, "ratio": whole / LIMIT, "unit": "reactor-seconds/CPU-s", "note": note}
    return {"plant": row}


def busy(trains: int) -> Trains:
    """Trains of a plant in full swing: each in another phase, with something in every vessel."""
    plant = Trains(trains)
    filled = 0.2 + 1.8 * np.random.default_rng(1).random(trains)
    for vessel in ("", "hold_", "crystalliser_"):
        plant[f"{vessel}volume"][:] = filled
        plant[f"{vessel}mol_a"][:], plant[f"{vessel}mol_c"][:] = 500.0 * filled, 700.0 * filled
    plant["mol_b"][:], plant["carbonate"][:], plant["net_charge"][:] = 50.0, 80.0 * filled, -75.0 * filled
    plant["mol_nitrogen"][:] = 20.0
    plant["pot_methanol"][:], plant["pot_water"][:] = 10_000.0 * filled, 20_000.0 * filled
    for train in range(trains):
        for name, value in PHASES[train % len(PHASES)].items():
            getattr(plant.parameters, name)[train] = value
    return plant


def _speed(plant: Trains, step_s: float, *, instruments: bool) -> float:
    """Reactor-seconds per CPU-second: the best of some rounds, the others were disturbed."""
    trains = len(plant["volume"])
    panel = Panel(
        [Instrument(f"R{train}.{role}", kind, 10, train % 10) for role, kind, *_ in TAGS for train in range(trains)], 1
    )
    truth = np.empty((len(TAGS), trains))
    steps = max(STEPS, 40 * STEPS // trains)
    second = 0.0
    best = np.inf
    for round_ in range(1 + ROUNDS):
        begun_s = time.process_time()
        for _ in range(SETTLE_STEPS if round_ == 0 else steps):
            plant.step(step_s)
            second += step_s
            if instruments:
                _see(plant, truth)
                panel.advance(truth.ravel(), step_s)
                due = panel.due(int(second), int(step_s))
                panel.read(due)
        if round_:
            best = min(best, time.process_time() - begun_s)
    assert all(np.isfinite(plant[state]).all() for _, _, state, _, _ in TAGS)
    return trains * steps * step_s / best


def _see(plant: Trains, truth: np.ndarray) -> None:
    for index, (_, _, state, factor, offset) in enumerate(TAGS):
        np.add(plant[state] * factor, offset, out=truth[index])


def _loop() -> float:
    """The same trains, one plant after the other: what arrays over trains are worth."""
    plants = [busy(1) for _ in range(ALONE)]
    for index, plant in enumerate(plants):
        for name, value in PHASES[index % len(PHASES)].items():
            getattr(plant.parameters, name)[:] = value
    best = np.inf
    for _ in range(1 + ROUNDS):
        begun_s = time.process_time()
        for _ in range(STEPS):
            for plant in plants:
                plant.step(1.0)
        best = min(best, time.process_time() - begun_s)
    return ALONE * STEPS / best
