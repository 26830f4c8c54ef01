from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pytest

from simulators.faults.catalogue import CATALOGUE, Domain
from simulators.faults.engine import FaultEngine
from simulators.faults.spec import AtTime, Shape
from simulators.instruments.panel import Panel
from tests.unit.simulators.faults.plants import StandingPlant, fault

ENOUGH: Mapping[str, dict[str, float | str]] = {
    "bias": {"size": 1.5},
    "drift": {"rate": 36.0},
    "spike": {"size": 30.0, "probability": 1.0},
    "clip": {"high": 50.0},
    "stuck": {"value": 33.0},
}
KINDS = [kind.kind for kind in CATALOGUE.values() if kind.domain is Domain.INSTRUMENT]


def bits(panel: Panel) -> dict[str, bytes]:
    return {column.name: getattr(panel.condition, column.name).tobytes() for column in fields(panel.condition)}


@pytest.mark.parametrize("kind", KINDS)
def test_an_instrument_is_as_before_when_its_fault_has_ended(kind: str) -> None:
    plant = StandingPlant()
    healthy = bits(plant.panel)
    engine = FaultEngine([fault(kind, "R101.TT", lasts_s=20, settings=ENOUGH.get(kind))])
    plant.step(engine, 20)
    broken = bits(plant.panel)
    plant.step(engine, 400)  # a lag has been caught up

    assert broken != healthy
    assert bits(plant.panel) == healthy
    assert plant.panel.drifted.tolist() == [0.0] * 4
    assert plant.reported("R101.TT") == pytest.approx(60.0, abs=0.011)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_of_an_instrument_touches_no_other(kind: str) -> None:
    plant, usual = StandingPlant(), StandingPlant()
    engine = FaultEngine([fault(kind, "R101.TT", settings=ENOUGH.get(kind))])
    for second in range(1, 60):
        plant.step(engine, second)
        usual.step(FaultEngine(), second)
        others = np.array([1, 2, 3])

        assert plant.panel.read(others).value.tobytes() == usual.panel.read(others).value.tobytes()


def reported_with(kind: str, settings: dict[str, float | str], tag: str = "R101.TT", until: int = 200) -> float:
    plant = StandingPlant()
    plant.step(FaultEngine([fault(kind, tag, settings=settings)]), until)
    return plant.reported(tag)


def test_a_bias_is_added() -> None:
    assert reported_with("bias", {"size": -1.5}) == 58.5


def test_a_drift_grows_by_the_hour() -> None:
    assert reported_with("drift", {"rate": 36.0}, until=110) == pytest.approx(61.0, abs=0.02)


def test_a_ramp_of_a_bias_is_a_drift_that_ends() -> None:
    plant = StandingPlant()
    engine = FaultEngine([fault("bias", "R101.TT", settings={"size": 4.0}, shape=Shape.RAMP, ramp_s=100)])
    seen = []
    for second in (10, 60, 110, 200):
        plant.step(engine, second)
        seen.append(plant.reported("R101.TT"))

    assert seen == [60.0, pytest.approx(62.0), pytest.approx(64.0), pytest.approx(64.0)]


def test_a_wrong_span_is_right_at_its_zero() -> None:
    assert reported_with("span", {"factor": 1.1}) == pytest.approx(-50 + 1.1 * 110)
    assert reported_with("span", {"factor": 1.1, "zero": 60.0}) == pytest.approx(60.0)


def test_a_ph_probe_that_lost_slope_is_right_at_7() -> None:
    plant = StandingPlant()
    engine = FaultEngine([fault("ph_slope", "R101.AT", settings={"slope": 0.8})])
    plant.step(engine, 50)
    at_8 = plant.reported("R101.AT")
    plant.truth["R101.AT"] = 7.0
    plant.step(engine, 300)

    assert (at_8, plant.reported("R101.AT")) == (7.8, 7.0)


def test_a_ph_probe_compensated_for_the_wrong_temperature_reads_too_steep() -> None:
    slope = (60 + 273.15) / (25 + 273.15)

    assert reported_with("ph_slope", {"slope": 1.0, "compensated_at": 25.0}, "R101.AT") == pytest.approx(
        7 + slope, abs=0.01
    )


def test_span_and_slope_on_one_probe_work_on_each_other() -> None:
    plant = StandingPlant()
    specs = [
        fault("ph_slope", "R101.AT", settings={"slope": 0.5}),
        fault("span", "R101.AT", settings={"factor": 2.0, "zero": 0.0}, fault_id="f2"),
    ]
    plant.step(FaultEngine(specs), 50)

    assert plant.reported("R101.AT") == pytest.approx(2 * 7.5 if 2 * 7.5 < 14 else 14.0)


def test_a_clipped_instrument_says_so_or_not() -> None:
    plant = StandingPlant()
    plant.step(FaultEngine([fault("clip", "R101.TT", settings={"high": 50.0})]), 50)
    loud = plant.panel.read(np.array([0]))
    plant = StandingPlant()
    plant.step(FaultEngine([fault("clip", "R101.TT", settings={"high": 50.0, "status": "good"})]), 50)
    silent = plant.panel.read(np.array([0]))

    assert (loud.value[0], loud.status[0]) == (50.0, 0x4094_0000)
    assert (silent.value[0], silent.status[0]) == (50.0, 0)


def test_a_slow_instrument_follows_late() -> None:
    plant = StandingPlant()
    engine = FaultEngine([fault("lag", "R101.TT", settings={"lag": 100.0})])
    plant.step(engine, 100)
    plant.truth["R101.TT"] = 70.0
    plant.step(engine, 200)

    assert plant.reported("R101.TT") == pytest.approx(70 - 10 * np.exp(-1), abs=0.02)


def test_statuses_are_the_ones_that_are_asked_for() -> None:
    plant = StandingPlant()
    specs = [
        fault("dropout", "R101.TT", settings={"status": "BadNotConnected"}),
        fault("uncertain", "R101.PT", settings={"status": "UncertainLastUsableValue"}, fault_id="f2"),
    ]
    plant.step(FaultEngine(specs), 50)

    assert plant.panel.read(np.arange(4)).status.tolist() == [0x808A_0000, 0, 0x4090_0000, 0]


def test_an_instrument_that_sticks_now_and_then_holds_another_value_each_time() -> None:
    plant = StandingPlant()
    engine = FaultEngine([fault("stuck", "R101.TT", shape=Shape.INTERMITTENT, period_s=50, on_s=20)])
    held = []
    for second in range(1, 135):
        plant.truth["R101.TT"] = 60.0 + second / 10
        plant.step(engine, second)
        held.append(plant.panel.read(np.array([0])).value[0])

    assert len(set(held[10:29])) == len(set(held[61:79])) == len(set(held[110:129])) == 1
    assert len({held[20], held[70], held[120]}) == 3
    assert len(set(held[30:59])) > 10


def test_noise_may_be_more_or_none() -> None:
    plant = StandingPlant()
    specs = [fault("noise", "R101.TT", AtTime(0)), fault("noise_lost", "R101.PT", AtTime(0), fault_id="f2")]
    engine = FaultEngine(specs)
    values = []
    for second in range(1, 1500):
        plant.step(engine, second)
        values.append(plant.panel.read(np.arange(4)).value)

    assert np.std(values, axis=0)[0] == pytest.approx(0.25, rel=0.1)
    assert np.ptp(values, axis=0)[2] == 0.0
