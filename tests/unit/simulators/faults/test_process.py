import pytest

from simulators.faults.catalogue import CATALOGUE, Domain, Target
from simulators.faults.engine import FaultEngine
from simulators.faults.process import MOVES
from simulators.plant.parameters import PARAMETERS
from tests.unit.simulators.faults.plants import StandingPlant, fault

UNIT = {Target.REACTOR: "R103", Target.TANK: "T201", Target.CRYSTALLISER: "C201", Target.STILL: "D201"}
PROCESS = [
    (kind.kind, target) for kind in CATALOGUE.values() if kind.domain is Domain.PROCESS for target in kind.targets
]


def test_every_process_fault_has_something_to_move() -> None:
    assert set(MOVES) == set(PROCESS)


@pytest.mark.parametrize("loop", ["temperature", "jacket", "ph", "pressure"])
@pytest.mark.parametrize(("kind", "target"), PROCESS)
def test_a_process_fault_moves_its_own_parameters_and_no_others(kind: str, target: Target, loop: str) -> None:
    plant = StandingPlant()
    healthy = plant.all_parameters()
    settings: dict[str, float | str] = {"loop": loop} if kind == "mistuned_loop" else {}
    engine = FaultEngine([fault(kind, UNIT[target], lasts_s=10, settings=settings)])
    plant.step(engine, 15)
    moved = {name for name, values in plant.all_parameters().items() if values != healthy[name]}
    plant.step(engine, 30)

    assert moved == {move.parameter.format(loop=loop) for move in MOVES[kind, target]}
    assert plant.all_parameters() == healthy


@pytest.mark.parametrize(("kind", "target"), PROCESS)
def test_a_process_fault_names_parameters_of_its_sort_of_unit(kind: str, target: Target) -> None:
    places = {PARAMETERS[move.parameter.format(loop="ph")].where for move in MOVES[kind, target]}

    assert places == {"reactor" if target is Target.REACTOR else "line"}
