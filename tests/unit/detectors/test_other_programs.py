"""States that another program made: what it knew goes on, what cannot go on is said, and nothing is lost in silence."""

import copy

import pytest

from detectors.bank import Bank
from detectors.snapshots import pack, unpack
from domain.entries import Position
from domain.errors import DamagedFile, Refused
from domain.findings import Stage
from tests.unit.detectors.plant import TAGS, TT, Plant, rulebook


def state_of(plant: Plant, change) -> bytes:
    """The state as another program would have written it."""
    told, arrays = unpack(plant.detector.snapshot())
    told = copy.deepcopy(told)
    told["detectors"] = "another"
    change(told)
    return pack(told, arrays)


def outside() -> Plant:
    """A dose that is above its normal range."""
    plant = Plant().in_phase()
    (opened,) = plant.samples((TT, 10, 60.0), (TT, 20, 63.0))
    assert opened.rule == "excursion.nor.high"
    return plant


def gone_on(state: bytes) -> tuple[str, Plant]:
    bank = Bank(rulebook(), TAGS)
    told = bank.restore(state)
    plant = Plant(detector=bank)
    plant.position = int(bank.position)
    return told, plant


def test_the_same_program_says_nothing_of_its_own_state():
    assert Bank(rulebook(), TAGS).restore(outside().detector.snapshot()) == ""


def test_an_excursion_goes_on_under_its_identity_and_the_log_says_that_the_detectors_are_others():
    before = outside()
    told, plant = gone_on(state_of(before, lambda state: None))
    (cleared,) = plant.samples((TT, 30, 60.0))

    assert told.startswith("the state was made by other detectors: 'another', not ")
    assert told.endswith("they go on from it")
    assert (cleared.id, cleared.version, cleared.stage) == (before.said[-1].id, 2, Stage.CLEARED)


def test_detectors_that_the_other_program_did_not_have_begin_in_the_run_that_goes_on_and_are_named():
    told, plant = gone_on(state_of(outside(), lambda state: state["parts"].pop("ranges")))
    (again,) = plant.samples((TT, 30, 63.0))

    assert told.endswith("ranges begin anew")
    assert (again.rule, again.version) == ("excursion.nor.high", 1)


def test_detectors_that_these_have_not_are_refused_by_name():
    """What they opened would stay open for ever: the judge clears it when all is judged anew."""
    with pytest.raises(Refused, match="these have no gone"):
        Bank(rulebook(), TAGS).restore(state_of(outside(), lambda state: state["parts"].update(gone={})))


def test_a_state_that_is_kept_in_another_way_is_refused_and_what_may_be_taken_is_carried_over():
    state = state_of(outside(), lambda state: state["parts"].update(ranges={"other": 1}))
    bank = Bank(rulebook(), TAGS)
    empty = bank.snapshot()

    with pytest.raises(Refused, match="cannot be read by these"):
        bank.restore(state)
    assert bank.snapshot() == empty

    bank.carry_over(state)
    assert bank.position == Position(5)


def test_a_state_of_which_nothing_can_be_read_is_damaged_and_nothing_of_it_is_taken():
    state = state_of(outside(), lambda state: state.update(context={"units": 7}))
    bank = Bank(rulebook(), TAGS)
    empty = bank.snapshot()

    with pytest.raises(DamagedFile, match="a state of other detectors cannot be read"):
        bank.carry_over(state)
    assert bank.snapshot() == empty
