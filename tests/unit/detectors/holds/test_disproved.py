"""What was said of a hold in the worst case, or before its stop was known, is taken back once more is known."""

from dataclasses import replace

from domain.entries import ActionKind, Entry, Heartbeat, PersonAction
from domain.findings import Stage
from domain.holds import Budget, Condition, Hold, HoldKind, HoldMode
from tests.unit.detectors.plant import BATCH, IN, LT, MINUTE, OUT, T201, Plant, at, batch, of_rule, rulebook, texts
from tests.unit.detectors.record import judged

WARM = Hold(
    "warm",
    HoldKind.INTERMEDIATE,
    "T201",
    "first_transfer_in",
    "last_transfer_out",
    10 * MINUTE,
    mode=HoldMode.OVER_TEMPERATURE,
    condition=Condition("T7.LT", None, 8.0),
)
COLD = replace(WARM, name="cold", mode=HoldMode.IN_CONDITION, limit_ns=600 * MINUTE)


def plant_of(hold: Hold) -> Plant:
    unit = replace(T201, batch_tag="R101.BATCH")
    budgets = {"all": Budget("all", 10 * MINUTE)}
    plant = Plant(rulebook(units={"T201": unit}, tags={}, recipes={}, holds={hold.name: hold}, budgets=budgets))
    plant.feed(texts([(BATCH, -60, "B-1")]))
    plant.samples((IN, -60, 0.0), (OUT, -60, 0.0), (LT, -10, 12.0), (IN, 0, 1.0))
    plant.beat(60)
    return plant


def breaches(plant: Plant):
    return of_rule(plant.said, "hold.breach")


def test_a_breach_in_the_worst_case_ends_when_a_row_proves_that_it_is_none():
    plant = plant_of(WARM)
    plant.beat(11 * 60)
    plant.samples((LT, 12 * 60, 4.0))  # 12 to 4 in 12 min: half of it above
    plant.beat(13 * 60)

    opened, ended = breaches(plant)
    assert (opened.stage, "perhaps over its limit of 10 min" in opened.message) == (Stage.OPEN, True)
    assert (ended.id, ended.version, ended.stage) == (opened.id, 2, Stage.CLEARED)
    assert ended.evidence["withdrawn"] == "disproved"
    assert "It is not over its limit after all." in ended.message


def test_a_breach_that_was_taken_back_is_announced_again_when_it_comes_true():
    plant = plant_of(WARM)
    plant.beat(11 * 60)
    plant.samples((LT, 12 * 60, 4.0))
    plant.beat(13 * 60)
    plant = with_said(plant.restarted(), plant)
    plant.samples((LT, 14 * 60, 12.0), (LT, 30 * 60, 12.0))
    plant.beat(30 * 60)

    assert [each.stage for each in breaches(plant)] == [Stage.OPEN, Stage.CLEARED, Stage.OPEN]
    assert len({each.id for each in breaches(plant)}) == 2


def with_said(plant: Plant, before: Plant) -> Plant:
    plant.said = before.said
    return plant


def test_a_budget_that_was_perhaps_used_up_and_is_not_says_so():
    plant = plant_of(replace(WARM, limit_ns=None, budget="all"))
    plant.beat(11 * 60)
    plant.samples((LT, 12 * 60, 4.0))
    plant.beat(13 * 60)

    opened, ended = breaches(plant)
    assert (opened.subject, opened.stage) == ("all", Stage.OPEN)
    assert (ended.id, ended.stage, ended.evidence["withdrawn"]) == (opened.id, Stage.CLEARED, "disproved")
    assert "not over the limit after all" in ended.message


def test_a_budget_that_was_perhaps_used_up_says_when_that_is_certain_also_after_a_restart():
    plant = plant_of(replace(WARM, limit_ns=None, budget="all"))
    plant.beat(11 * 60)
    plant = with_said(plant.restarted(), plant)
    plant.samples((LT, 12 * 60, 12.0))
    plant.beat(12 * 60)
    plant.beat(13 * 60)

    perhaps, certain = breaches(plant)
    assert (certain.id, certain.version, certain.stage) == (perhaps.id, 2, Stage.OPEN)
    assert ("perhaps over" in perhaps.message, "perhaps" in certain.message) == (True, False)


def stops_before_it_is_known(*rows: tuple[int, float, float]) -> list[Entry]:
    """The condition's tag is ahead of the transfer's: its rows come before the row that tells the stop."""
    return [
        texts([(BATCH, -60, "B-1")]),
        batch([(IN, -60, 0.0), (OUT, -60, 0.0), (LT, -10, 4.0)]),
        batch([(IN, 0, 1.0)]),
        batch([(OUT, 540, 1.0)]),
        *(batch([row]) for row in rows),
        batch([(OUT, 600, 0.0)]),
        Heartbeat("train1", at(3000), connected=True),
    ]


def outside(entries: list[Entry], ask_after: set[int] = frozenset()):
    rules = plant_of(COLD).rules
    said, _ = judged(rules, entries, ask_after)
    newest = {each.id: each for each in of_rule(said, "hold.out_of_condition")}
    return list(newest.values())


def test_an_excursion_behind_a_stop_that_is_told_later_is_none():
    (each,) = outside(stops_before_it_is_known((LT, 610, 4.0), (LT, 620, 12.0)))

    assert (each.stage, each.evidence["withdrawn"]) == (Stage.CLEARED, "judged again")


def test_an_excursion_that_has_ended_behind_the_stop_is_none():
    (each,) = outside(stops_before_it_is_known((LT, 610, 4.0), (LT, 620, 12.0), (LT, 630, 4.0)))

    assert (each.stage, each.evidence["withdrawn"]) == (Stage.CLEARED, "judged again")


def test_an_excursion_ends_with_the_hold_though_its_tag_came_back_before_the_stop_was_told():
    (each,) = outside(stops_before_it_is_known((LT, 590, 4.0), (LT, 592, 12.0), (LT, 630, 14.0), (LT, 640, 4.0)))

    assert (each.stage, each.onset_ns, each.end_ns) == (Stage.CLEARED, at(591), at(600))
    assert each.evidence["outside_max_ns"] == at(600) - at(591)
    assert "withdrawn" not in each.evidence


def test_after_a_persons_correction_nothing_says_that_rows_came_late():
    entries = stops_before_it_is_known((LT, 5, 12.0), (LT, 610, 12.0))
    told = PersonAction("a1", at(3600), "Ada", ActionKind.HOLD_STOP, "cold/B-1", "pumped out", at(300))
    said, _ = judged(plant_of(replace(COLD, limit_ns=MINUTE)).rules, [*entries, told], set())
    again = [each.message for each in said if "rejudged" in each.evidence]

    assert again
    assert not any("late" in each for each in again)
