import pytest

from simulators.faults.engine import FaultEngine
from simulators.faults.spec import AtCondition, AtPhase, AtTime, FaultChange, Shape
from tests.unit.simulators.faults.plants import StandingPlant, fault


def told(changes: list[FaultChange]) -> list[tuple[int, str, bool]]:
    return [(change.second, change.spec.id, change.active) for change in changes]


def test_a_step_is_there_from_its_second_until_it_has_lasted() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(lasts_s=20)])
    seen = []
    for second in range(41):
        plant.step(engine, second)
        seen.append(plant.parameter("base_pump"))

    assert seen == [1.0] * 10 + [0.0] * 20 + [1.0] * 11


def test_begin_and_end_are_told_once() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(lasts_s=20)])

    assert told(plant.step(engine, 60)) == [(10, "f1", True), (30, "f1", False)]


def test_a_fault_for_good_has_no_end() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault()])

    assert told(plant.step(engine, 100_000, 1000)) == [(1000, "f1", True)]
    assert plant.parameter("base_pump") == 0.0


def test_a_fault_between_two_steps_begins_at_the_next() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(start=AtTime(12), lasts_s=6)])

    assert told(plant.step(engine, 40, 5)) == [(15, "f1", True), (25, "f1", False)]


def test_a_ramp_develops_and_stays() -> None:
    ramp = fault(lasts_s=100, shape=Shape.RAMP, ramp_s=40, power=2.0)
    plant, engine = StandingPlant(), FaultEngine([ramp])
    changes = plant.step(engine, 30)
    half = plant.parameter("base_pump")
    changes += plant.step(engine, 50)
    whole = plant.parameter("base_pump")
    changes += plant.step(engine, 120)

    assert (half, whole, plant.parameter("base_pump")) == (pytest.approx(1 - 0.5**2), 0.0, 1.0)
    assert told(changes) == [(10, "f1", True), (110, "f1", False)]


def test_an_intermittent_fault_comes_and_goes() -> None:
    comes = fault(lasts_s=60, shape=Shape.INTERMITTENT, period_s=30, on_s=10)
    plant, engine = StandingPlant(), FaultEngine([comes])

    assert told(plant.step(engine, 100)) == [(10, "f1", True), (20, "f1", False), (40, "f1", True), (50, "f1", False)]
    assert plant.parameter("base_pump") == 1.0


def test_a_fault_starts_so_long_into_a_phase_of_one_batch() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(start=AtPhase("R101", "dose", 30, 2), lasts_s=10)])
    changes = []
    for number in (1, 2, 3):
        plant.enter("R101", "heat", number)
        changes += plant.step(engine, plant.second + 100)
        plant.enter("R101", "dose", number)
        plant.enter("R102", "dose", number)
        changes += plant.step(engine, plant.second + 100)

    assert told(changes) == [(330, "f1", True), (340, "f1", False)]


def test_a_fault_of_every_batch_comes_back() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(start=AtPhase("R101", "dose", 0, None), lasts_s=10)])
    changes = []
    for number in (1, 2, 3):
        plant.enter("R101", "dose", number)
        changes += plant.step(engine, plant.second + 100)

    assert [change[0] for change in told(changes) if change[2]] == [0, 101, 201]
    assert [change[0] for change in told(changes) if not change[2]] == [10, 111, 211]


def test_a_fault_of_every_batch_that_still_runs_is_not_there_twice() -> None:
    every = fault("fouling", start=AtPhase("R101", "dose", 0, None), lasts_s=150, settings={"left": 0.5})
    plant, engine = StandingPlant(), FaultEngine([every])
    plant.enter("R101", "dose", 1)
    changes = plant.step(engine, 100)
    plant.enter("R101", "dose", 2)
    changes += plant.step(engine, 120)
    during = plant.parameter("jacket_cleanness")
    changes += plant.step(engine, 300)

    assert during == 0.5
    assert told(changes) == [(0, "f1", True), (150, "f1", False)]


def test_a_phase_that_is_too_short_has_no_fault() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(start=AtPhase("R101", "dose", 50))])
    plant.enter("R101", "dose", 1)
    changes = plant.step(engine, 40)
    plant.enter("R101", "react", 1)

    assert [*changes, *plant.step(engine, 100)] == []


def test_a_condition_must_hold_without_a_break() -> None:
    plant = StandingPlant()
    engine = FaultEngine([fault(start=AtCondition("R101.TT", above=65.0, for_s=30), lasts_s=5)])
    changes = plant.step(engine, 10)
    for value, until in ((66.0, 30), (64.0, 31), (66.0, 59), (65.0, 60), (70.0, 100), (60.0, 110), (70.0, 300)):
        plant.truth["R101.TT"] = value
        changes += plant.step(engine, until)

    assert told(changes) == [(91, "f1", True), (96, "f1", False)]  # and it does not come back


def test_a_condition_may_look_below_a_limit() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(start=AtCondition("R101.PT", below=0.2))])
    changes = plant.step(engine, 10)
    plant.truth["R101.PT"] = 0.19
    changes += plant.step(engine, 20)

    assert told(changes) == [(11, "f1", True)]


def test_a_value_that_is_no_number_fulfils_no_condition() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(start=AtCondition("R101.PT", below=0.2))])
    plant.truth["R101.PT"] = float("nan")

    assert plant.step(engine, 20) == []


def test_the_healthy_value_is_what_was_set_last_also_during_a_fault() -> None:
    left = fault("mistuned_loop", settings={"gain_factor": 4.0, "integral_factor": 1.0}, lasts_s=30)
    plant, engine = StandingPlant(), FaultEngine([left])
    plant.set("temperature_gain", 10.0)
    plant.step(engine, 20)
    during = plant.parameter("temperature_gain")
    plant.set("temperature_gain", 3.0)  # the next phase has another tuning
    plant.step(engine, 30)
    afterwards = plant.parameter("temperature_gain")
    plant.step(engine, 60)

    assert (during, afterwards, plant.parameter("temperature_gain")) == (40.0, 12.0, 3.0)


def test_two_faults_on_one_parameter_add_up_and_both_go() -> None:
    plant = StandingPlant()
    engine = FaultEngine(
        [
            fault("fouling", settings={"left": 0.5}, lasts_s=50),
            fault("fouling", settings={"left": 0.4}, start=AtTime(20), lasts_s=20, fault_id="f2"),
        ]
    )
    seen = []
    for second in (5, 15, 30, 45, 70):
        plant.step(engine, second)
        seen.append(plant.parameter("jacket_cleanness"))

    assert seen == [1.0, 0.5, pytest.approx(0.2), 0.5, 1.0]


def test_a_fault_of_one_unit_leaves_the_others_alone() -> None:
    plant = StandingPlant()
    plant.step(FaultEngine([fault("cooling_lost", "R102"), fault("cooling_lost", "C201", fault_id="f2")]), 20)

    assert plant.trains.parameters.cooling_duty.tolist() == [1.0, 0.0, 1.0]
    assert plant.trains.parameters.crystalliser_cooling.tolist() == [1.0, 0.0]
    assert plant.trains.parameters.hold_cooling.tolist() == [1.0, 1.0]


def test_a_fault_may_be_injected_and_cleared_while_the_plant_runs() -> None:
    plant, engine = StandingPlant(), FaultEngine()
    changes = plant.step(engine, 50)
    engine.inject(fault(start=AtTime(0)))
    changes += plant.step(engine, 60)
    during = plant.parameter("base_pump")
    engine.clear("f1")
    changes += plant.step(engine, 70)
    engine.inject(fault(start=AtTime(0)))  # the id is free again

    assert told(changes) == [(51, "f1", True), (61, "f1", False)]
    assert (during, plant.parameter("base_pump"), engine.active) == (0.0, 1.0, ())


def test_a_fault_that_is_cleared_before_it_began_never_comes() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(start=AtTime(30))])
    plant.step(engine, 20)
    engine.clear("f1")

    assert plant.step(engine, 60) == []


def test_an_unknown_kind_and_a_second_fault_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="fault f1: there is no kind 'gremlins'"):
        FaultEngine([fault("gremlins")])
    with pytest.raises(ValueError, match="fault f1: there is one of this id already"):
        FaultEngine([fault(), fault("leak")])
    with pytest.raises(KeyError):
        FaultEngine().clear("f1")


def test_what_runs_is_told_with_its_start() -> None:
    plant, engine = StandingPlant(), FaultEngine([fault(), fault("leak", "R102", AtTime(20), fault_id="f2")])
    plant.step(engine, 25)

    assert [(each.spec.id, each.started_s) for each in engine.active] == [("f1", 10), ("f2", 20)]


def test_an_operator_learns_of_a_mistake_in_the_second_in_which_it_begins() -> None:
    plant = StandingPlant()
    spec = fault("wrong_charge", start=AtPhase("R101", "charge"), lasts_s=60, settings={"amount": 0.5})
    engine = FaultEngine([spec])
    plant.step(engine, 10)
    plant.second = 11
    plant.enter("R101", "charge", 1)

    assert engine.share("wrong_charge", "R101") == 1.0
    assert engine.share("wrong_charge", "R102") == 0.0
    assert engine.setting("wrong_charge", "R101", "amount") == 0.5
    assert engine.setting("wrong_charge", "R102", "amount") == 0.85
    assert told(list(engine.update(plant))) == [(11, "f1", True)]


def test_faults_of_servers_and_network_are_only_told() -> None:
    plant = StandingPlant()
    specs = [
        fault("cut", "opcua", lasts_s=10),
        fault("nodes_invalid", "R101.TT", fault_id="f2"),
        fault("malformed", "mqtt", fault_id="f3"),
        fault("hold_forgotten", "T101", fault_id="f4"),
    ]
    before = plant.all_parameters()
    changes = plant.step(FaultEngine(specs), 30)

    assert [change.spec for change in changes] == [*specs, specs[0]]
    assert plant.all_parameters() == before
