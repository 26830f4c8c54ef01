"""What instruments of one unit tell of each other, what phases are expected to do, and the verdict in an alarm."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.bank import Bank
from detectors.relations.residuals import LEAST, Learnt, boiling_degc, relations, slope_per_min
from detectors.relations.windows import Window
from domain.checks import ANTOINE, Balance, Expectation, Jacket, Pair, Term, UnitChecks, Vapour
from domain.rules import Rulebook, TagRules
from domain.status import BAD
from domain.tags import Tag, TagId
from tests.unit.detectors.plant import (
    BATCH,
    MINUTE,
    PT,
    R101,
    RECIPE,
    STEP,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    of_rule,
    rulebook,
    stages,
    texts,
)

TT2, GV = 7, 8
MORE = (
    *TAGS,
    Tag(TagId(TT2), "uuid-7", 1, "R101.TT2", "train1", "s=R101.TT2", unit="degC"),
    Tag(TagId(GV), "uuid-8", 1, "R101.GV", "train1", "s=R101.GV", unit="%"),
)
PARAMETERS = {"TT": "R101.TT", "PT": "R101.PT", "TT2": "R101.TT2", "GV": "R101.GV"}


def rules(checks: UnitChecks, *expects: Expectation) -> Rulebook:
    dose = replace(RECIPE.phases["dose"], expects=expects)
    recipe = replace(RECIPE, phases={**RECIPE.phases, "dose": dose})
    unit = replace(R101, parameters=PARAMETERS, checks=checks)
    return rulebook(recipes={"API-1": recipe}, units={"R101": unit}, holds={}, tags={"R101.TT": TagRules("R101.TT")})


def plant(checks: UnitChecks, *expects: Expectation) -> Plant:
    made = rules(checks, *expects)
    plant = Plant(made, Bank(made, MORE))
    plant.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), batch([(PT, 6, 0.1)]))
    return plant


def minutes(made: Plant, first: int, count: int, **values: float) -> None:
    """So many minutes of two readings each, and the heartbeat that closes each minute."""
    ids = {"tt": TT, "tt2": TT2, "pt": PT, "gv": GV}
    for minute in range(first, first + count):
        for second in (10, 40):
            made.feed(batch([(ids[name], 60 * minute + second, value) for name, value in values.items()]))
        made.beat(60 * minute + 60)


PAIR = UnitChecks(pairs=(Pair("TT", "TT2", 0.5),), witnesses={"PT": ("GV",)})


def test_a_pair_that_splits_is_said_after_three_minutes_with_the_one_that_moved():
    made = plant(PAIR)
    minutes(made, 0, 10, tt=60.0, tt2=60.1)
    minutes(made, 10, 2, tt=60.0, tt2=61.0)
    assert of_rule(made.said, "pair.split") == []
    minutes(made, 12, 1, tt=60.0, tt2=61.0)
    (found,) = of_rule(made.said, "pair.split")

    assert (found.subject, found.evidence["suspect"]) == ("R101.TT2", "R101.TT2")
    assert found.onset_ns == at(660)
    assert found.message == (
        "R101.TT and R101.TT2 do not agree: 60 °C and 61 °C; it is R101.TT2 that moved, in phase dose of batch B-17."
    )
    minutes(made, 13, 3, tt=60.0, tt2=60.1)
    assert stages(made.said, "pair.split") == ["open", "cleared"]


@pytest.mark.parametrize(("difference", "said"), [(0.5, 0), (np.nextafter(0.5, 1), 1)])
def test_the_limit_itself_is_kept(difference, said):
    made = plant(PAIR)
    minutes(made, 0, 10, tt=0.0, tt2=difference)

    assert len(of_rule(made.said, "pair.split")) == said


def test_of_a_pair_that_parts_slowly_nobody_can_tell_which():
    made = plant(PAIR)
    for minute in range(30):
        minutes(made, minute, 1, tt=60.0, tt2=60.0 + 0.05 * minute)

    (found,) = of_rule(made.said, "pair.split")
    assert (found.subject, found.evidence["suspect"]) == ("R101", "")


def test_a_pair_is_not_compared_where_one_is_bad():
    made = plant(PAIR)
    for minute in range(10):
        made.feed(
            batch([(TT, 60 * minute + 10, 60.0), (TT2, 60 * minute + 10, 70.0), (TT2, 60 * minute + 11, 0.0, BAD)])
        )
        made.beat(60 * minute + 60)

    assert of_rule(made.said, "pair.split") == []


def test_a_limit_is_learnt_from_the_pairs_own_history_in_the_phase():
    made = plant(UnitChecks(pairs=(Pair("TT", "TT2"),)))
    for minute in range(30):
        minutes(made, minute, 1, tt=60.0, tt2=60.3 + 0.01 * (minute % 3))
    minutes(made, 30, 3, tt=60.0, tt2=60.6)

    (found,) = of_rule(made.said, "pair.split")
    assert found.evidence["usual"] == pytest.approx(-0.31, abs=0.001)
    assert 0.01 < found.evidence["limit"] < 0.1
    assert found.evidence["learnt"] == "from 29 windows"


def test_what_is_learnt_keeps_one_false_window_in_100000():
    chance = np.random.default_rng(5)
    false = 0
    for _ in range(300):
        learnt = Learnt()
        for value in chance.normal(size=LEAST):
            learnt.learn(float(value))
        false += int(np.count_nonzero(np.abs(chance.normal(size=1000) - learnt.mean) > learnt.limit))

    assert false <= 25  # 3 expected, with the variation from history to history


def test_water_boils_at_100_degrees_and_methanol_at_64_7():
    assert boiling_degc(ANTOINE["water"], 1.01325) == pytest.approx(100.0, abs=0.05)
    assert boiling_degc(ANTOINE["methanol"], 1.01325) == pytest.approx(64.7, abs=0.2)
    assert boiling_degc(ANTOINE["water"], 0.0) is None


def test_vapour_is_compared_in_its_phases_only():
    vapour = Vapour("PT", "TT", ANTOINE["water"], ("dose",), 2.0, 1.0, 1.01325)
    made = plant(UnitChecks(vapour=vapour))
    minutes(made, 0, 5, tt=100.0, pt=0.0)
    assert of_rule(made.said, "vapour.split") == []
    minutes(made, 5, 3, tt=103.0, pt=0.0)
    (found,) = of_rule(made.said, "vapour.split")
    assert found.evidence["residual"] == pytest.approx(3.0, abs=0.05)

    elsewhere = plant(UnitChecks(vapour=replace(vapour, phases=("reflux",))))
    minutes(elsewhere, 0, 9, tt=150.0, pt=0.0)
    assert of_rule(elsewhere.said, "vapour.split") == []


def windows(count: int, **courses: tuple[float, float]) -> list[Window]:
    """Minutes in which each role begins at a value and changes by so much a minute."""
    means = [{role: begin + by * minute for role, (begin, by) in courses.items()} for minute in range(count)]
    return [Window(minute * MINUTE, mean, mean) for minute, mean in enumerate(means)]


def test_the_slope_is_that_of_the_last_five_minutes():
    assert slope_per_min(windows(9, TT=(20.0, 1.5)), "TT") == pytest.approx(1.5)
    assert slope_per_min(windows(4, TT=(20.0, 1.5)), "TT") is None


def test_the_jackets_transfer_is_rate_times_volume_by_temperature_difference():
    (relation,) = relations(UnitChecks(jacket=Jacket("JT", "TT", "LT", ("heat",))))

    assert relation.residual(windows(5, JT=(60.0, 1.0), TT=(20.0, 1.0), LT=(2.0, 0.0))) == pytest.approx(0.05)
    assert relation.residual(windows(5, JT=(30.0, 1.0), TT=(20.0, 1.0), LT=(2.0, 0.0))) is None


def test_a_level_is_balanced_with_a_total_that_rolls_over_and_a_flow():
    terms = (Term("FQ", 0.001, rollover=1000.0), Term("FT", 0.001, is_flow=True))
    (relation,) = relations(UnitChecks(balances=(Balance("dosing", "LT", terms, ("dose",), over_min=5),)))
    course = windows(6, LT=(1.0, 0.02), FQ=(980.0, 10.0), FT=(10.0, 0.0))
    rolled = [
        replace(each, last={**each.last, "FQ": each.last["FQ"] % 1000.0}, mean={**each.mean, "FQ": 0.0})
        for each in course
    ]

    assert relation.residual(rolled) == pytest.approx(0.0, abs=1e-12)
    assert relation.residual(rolled[1:]) is None


RISES = Expectation("TT", rises_per_min=0.5, until=55.0, after_ns=2 * MINUTE, for_ns=2 * MINUTE)


def test_a_heating_that_does_not_rise_is_said_and_one_that_has_arrived_is_not():
    made = plant(UnitChecks(), RISES)
    minutes(made, 0, 12, tt=30.0)
    (found,) = of_rule(made.said, "phase.expectation")
    assert found.subject == "R101.TT"
    assert "is expected to rise by 0.5 °C a minute and changes by 0 °C" in found.message

    arrived = plant(UnitChecks(), RISES)
    minutes(arrived, 0, 1, tt=55.0)
    minutes(arrived, 1, 12, tt=55.0)
    assert of_rule(arrived.said, "phase.expectation") == []


@pytest.mark.parametrize(
    ("value", "said"), [(40.0, 0), (np.nextafter(40.0, 0), 1), (50.0, 0), (np.nextafter(50.0, 99), 1)]
)
def test_what_is_expected_above_or_below_keeps_its_figure(value, said):
    made = plant(UnitChecks(), Expectation("GV", above=40.0, below=50.0, after_ns=MINUTE, for_ns=MINUTE))
    minutes(made, 0, 6, gv=value)

    assert len(of_rule(made.said, "phase.expectation")) == said


def test_nothing_is_expected_before_its_time_and_it_clears_with_the_phase():
    made = plant(UnitChecks(), Expectation("GV", above=40.0, after_ns=10 * MINUTE, for_ns=MINUTE))
    minutes(made, 0, 9, gv=0.0)
    assert of_rule(made.said, "phase.expectation") == []
    minutes(made, 9, 5, gv=0.0)
    made.feed(batch([(STEP, 900, 30)]), batch([(PT, 910, 0.1)]))

    assert stages(made.said, "phase.expectation") == ["open", "cleared"]


def test_an_excursion_that_the_second_instrument_denies_is_the_sensors():
    made = plant(PAIR)
    minutes(made, 0, 10, tt=60.0, tt2=60.0)
    made.samples((TT, 605, 66.0))
    (first, *_) = of_rule(made.said, "excursion.validated.high")
    assert first.evidence["verdict"] == "cannot tell"
    minutes(made, 11, 3, tt=66.0, tt2=60.0)

    told = of_rule(made.said, "excursion.validated.high")
    assert [each.version for each in told] == list(range(1, len(told) + 1))
    assert told[-1].evidence["verdict"] == "sensor likely"
    assert told[-1].message.endswith("Sensor likely: R101.TT2 (60 °C) does not agree.")


def test_an_excursion_that_the_second_instrument_shares_is_the_processs():
    made = plant(PAIR)
    minutes(made, 0, 10, tt=60.0, tt2=60.0)
    minutes(made, 10, 3, tt=66.0, tt2=66.0)

    told = of_rule(made.said, "excursion.validated.high")
    assert told[-1].evidence["verdict"] == "process likely"
    assert told[-1].message.endswith("Process likely: R101.TT2 agrees.")


def test_a_witness_that_moves_speaks_for_the_process_one_that_rests_for_the_sensor():
    moves, rests = plant(PAIR), plant(PAIR)
    for made, valve in ((moves, 90.0), (rests, 20.0)):
        for minute in range(10):
            minutes(made, minute, 1, pt=0.3 + 0.001 * (minute % 2), gv=20.0 + 0.1 * (minute % 2))
        minutes(made, 10, 6, pt=0.6, gv=valve)

    assert of_rule(moves.said, "excursion.nor.high")[-1].evidence["verdict"] == "process likely"
    last = of_rule(rests.said, "excursion.nor.high")[-1]
    assert (last.evidence["verdict"], last.evidence["verdict_because"]) == ("sensor likely", "R101.GV did not move")


def test_without_anything_to_compare_no_verdict_is_given():
    made = plant(UnitChecks())
    made.samples((TT, 10, 66.0))

    assert "verdict" not in of_rule(made.said, "excursion.nor.high")[0].evidence


@pytest.mark.parametrize("cut", range(1, 16))
def test_a_restart_at_any_minute_changes_nothing(cut):
    checks, expects = PAIR, Expectation("GV", above=40.0, for_ns=MINUTE)
    straight, stopped = plant(checks, expects), plant(checks, expects)
    for minute in range(16):
        if minute == cut:
            detector = Bank(stopped.rules, MORE)
            detector.restore(stopped.detector.snapshot())
            later = Plant(stopped.rules, detector)
            later.position, later.said = stopped.position, stopped.said
            stopped = later
        for made in (straight, stopped):
            minutes(made, minute, 1, tt=60.0 if minute < 9 else 66.0, tt2=60.0, gv=10.0 + minute)

    assert stopped.said == straight.said
    assert stopped.detector.snapshot() == straight.detector.snapshot()
    assert of_rule(straight.said, "pair.split")
