"""What the truth says of waiting: in a tank, above a temperature there, and in several units together."""

from dataclasses import replace

from simulators.layout import SMALL
from simulators.operators.logbook import Situation
from simulators.recipe import USUAL
from simulators.truth.holds import Holds, Stay

RECIPE = replace(USUAL, hold_limit_s=1000, warm_limit_s=100, slurry_limit_s=500)
IDLE = Situation("", 0, "idle", 0)


def waited(*looks: tuple[int, dict[str, Situation], float]) -> dict[str, Stay]:
    """The long stays after some looks: second, who is where, and the temperature of the tanks."""
    holds = Holds(SMALL, RECIPE)
    for second, there, celsius in looks:
        holds.observe(second, lambda unit, there=there: there.get(unit, IDLE), lambda _, celsius=celsius: celsius)
    return {stay.hold: stay for stay in holds.long()}


def test_only_time_above_the_temperature_counts_as_warm():
    here = {"T101": Situation("B", 1, "wait", 0)}
    stays = waited((0, {}, 20.0), (10, here, 20.0), (70, here, 15.0), (400, here, 16.0), (450, {}, 16.0))

    assert (stays["T101_warm"].counted_s, stays["T101_warm"].half_s, stays["T101_warm"].over_s) == (110, 60, 440)
    assert stays["T101_warm"].end_s == 450
    assert "T101_crude" not in stays


def test_tank_and_crystalliser_share_a_budget_and_the_way_between_them_is_free():
    tank, slurry = {"T101": Situation("B", 1, "wait", 0)}, {"C101": Situation("B", 1, "seed", 0)}
    dissolving = {"C101": Situation("B", 1, "dissolve", 0)}
    stays = waited((0, {}, 5.0), (10, tank, 5.0), (910, dissolving, 5.0), (1500, slurry, 5.0), (2200, slurry, 5.0))

    assert stays["T101_crude"].over_s is None
    waiting = stays["waiting"]
    assert (waiting.counted_s, waiting.half_in, waiting.over_in) == (1600, "T101", "C101")
    assert (waiting.half_s, waiting.over_s, waiting.end_s) == (760, 2100, None)


def test_what_was_there_before_the_first_look_counts():
    stays = waited((0, {"T101": Situation("B", 1, "fill", -900)}, 5.0), (200, {}, 5.0))

    assert stays["T101_crude"].over_s == 100
