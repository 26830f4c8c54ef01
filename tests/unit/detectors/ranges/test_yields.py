"""What a batch gave: exact decimals against the recipe, once it is over and the amounts are told."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from detectors.bank import Bank
from detectors.ranges import yields as yields_module
from detectors.ranges.amounts import rounded
from domain.amounts import factor
from domain.entries import BatchEvent, Heartbeat
from domain.findings import Finding
from domain.recipes import Charged, ExpectedYield
from tests.unit.detectors.floor import MASTER, event, floor
from tests.unit.detectors.plant import BATCH, HOUR, SECOND, TAGS, Plant, at, of_rule, texts

CRUDE = ExpectedYield("crude", "kg", Decimal("120.5"), Decimal(85), Decimal(95), "VR-17")
HOUR_S = HOUR // SECOND


def plant(expected: ExpectedYield = CRUDE) -> Plant:
    return Plant(floor(recipes={"API-1": replace(MASTER, yields={"crude": expected})}))


def starts(name: str = "B-17", seconds: float = 0.0, unit: str = "E1") -> BatchEvent:
    return event(f"{unit}-{name}-b", "batch_start", seconds, unit, name)


def ends(name: str = "B-17", seconds: float = 1000.0, unit: str = "E1") -> BatchEvent:
    return event(f"{unit}-{name}-e", "batch_end", seconds, unit, name)


def out(id_: str, amount: str | None, seconds: float = 900.0, unit: str = "kg", **more: object) -> BatchEvent:
    made: dict[str, object] = {"material": "crude", "from_unit": "E1", "amount_unit": unit if amount else ""}
    told = None if amount is None else Decimal(amount)
    return event(id_, "transfer_end", seconds, "", "B-17", **{**made, "amount": told, **more})


def charged(id_: str, amount: str, unit: str = "kg", **more: object) -> BatchEvent:
    made: dict[str, object] = {"material": "SM-1", "amount": Decimal(amount), "amount_unit": unit}
    return event(id_, "charge", 100, "E1", "B-17", **{**made, **more})


def beats(*seconds: float) -> list[Heartbeat]:
    return [Heartbeat("train1", at(each), connected=True) for each in seconds]


def said_of(world: Plant, *entries: BatchEvent) -> list[Finding]:
    """What is said of a batch that ran, with what was told of it, long after its end."""
    world.feed(starts(), *entries, ends())
    return yields(world.feed(*beats(1001, 1002 + HOUR_S)))


def yields(said: object) -> list[Finding]:
    return [each for each in said if isinstance(each, Finding) and each.rule.startswith("yield.")]  # type: ignore[attr-defined]


def test_a_yield_below_its_range_is_said_with_its_numbers_and_its_version():
    (found,) = said_of(plant(), out("d1", "55.1"), out("d2", "46.9"))

    assert found.message == (
        "Batch B-17 gave 102 kg of crude, 84.65 % of 120.5 kg: below the expected 85 % (API-1 v7)."
    )
    assert (found.rule, found.subject, found.batch, found.unit) == ("yield.low", "crude", "B-17", "E1")
    assert found.ranges_version == "API-1 v7 (not approved)"
    assert found.onset_ns == at(1000)
    assert found.evidence["product_from"] == "d1: 55.1 kg; d2: 46.9 kg"
    limits = ("limit_low_percent", "limit_high_percent", "study", "theoretical", "percent")
    assert [found.evidence[name] for name in limits] == ["85", "95", "VR-17", "120.5", "84.65"]


@pytest.mark.parametrize(
    ("amount", "rule"),
    [
        ("102.425", None),  # 85 % of 120.5
        ("102.424999999999999999999", "yield.low"),
        ("114.475", None),  # 95 %
        ("114.475000000000000000001", "yield.high"),
    ],
)
def test_the_ends_are_inside_and_nothing_is_rounded(amount, rule):
    assert [each.rule for each in said_of(plant(), out("d1", amount))] == ([] if rule is None else [rule])


def test_a_yield_that_is_outside_never_looks_like_its_limit():
    (found,) = said_of(plant(), out("d1", "102.42499"))

    assert found.evidence["percent"] == "84.99999"


def test_amounts_are_converted_exactly():
    assert said_of(plant(), out("d1", "102425", unit="g")) == []
    assert [each.rule for each in said_of(plant(), out("d1", "102424.9", unit="g"))] == ["yield.low"]


def test_the_theoretical_yield_goes_with_what_was_charged():
    per = replace(CRUDE, per=Charged("SM-1", Decimal(80), "kg"))

    assert said_of(plant(per), charged("c1", "20"), charged("c2", "20000", "g"), out("d1", "54")) == []
    (found,) = said_of(plant(per), charged("c1", "40"), out("d1", "60"))
    assert found.message.startswith("Batch B-17 gave 60 kg of crude, 99.59 % of 60.25 kg: above the expected 95 %")
    assert found.evidence["charged_from"] == "c1: 40 kg"


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "no transfer of crude was told"),
        ([out("d1", "60"), out("d2", None)], "event d2, a transfer of crude, tells no amount"),
        ([out("d1", "3", unit="drum")], "drum of event d1 cannot be converted to kg"),
        ([out("d1", "3", unit="l")], "l of event d1 cannot be converted to kg"),
        ([out("d1", "60"), out("d2", "58", from_unit="E2")], "crude left E1 and E2"),
    ],
)
def test_what_cannot_be_told_is_an_event(events, why):
    (found,) = said_of(plant(), *events)

    assert found.rule == "yield.indeterminate"
    assert found.message == f"Nobody can tell the yield of crude of batch B-17: {why}."


@pytest.mark.parametrize(
    ("events", "why"),
    [([], "no charge of SM-1 was told"), ([charged("c1", "0")], "nothing of SM-1 was charged")],
)
def test_a_charge_that_is_missing_is_an_event(events, why):
    (found,) = said_of(plant(replace(CRUDE, per=Charged("SM-1", Decimal(80), "kg"))), *events, out("d1", "100"))

    assert (found.rule, found.evidence["why"]) == ("yield.indeterminate", why)


def test_only_what_leaves_the_units_that_are_named_counts():
    world = plant(replace(CRUDE, leaves=("E1",)))

    assert said_of(world, out("d1", "110"), out("d2", "58", from_unit="E2")) == []


def test_nothing_is_said_while_a_unit_holds_the_batch_or_drums_are_weighed():
    world = plant()
    early = world.feed(starts(), out("d1", "30"), *beats(950, 10 * HOUR_S))
    world.feed(ends(seconds=11.0 * HOUR_S), *beats(11 * HOUR_S))
    weighed = world.feed(out("d2", "40", 11.5 * HOUR_S), *beats(11.6 * HOUR_S, 12.5 * HOUR_S))
    world.feed(out("d3", "38", 12.55 * HOUR_S))
    done = world.feed(*beats(12.57 * HOUR_S, 13.57 * HOUR_S))

    assert (yields(early), yields(weighed), yields(done)) == ([], [], [])
    assert yields(world.feed(*beats(30 * HOUR_S))) == []


def test_an_hour_is_an_hour():
    world = plant()
    world.feed(starts(), out("d1", "60"), ends(), *beats(1001))
    before = world.feed(*beats(1001 + HOUR_S - 1e-9))
    then = world.feed(*beats(1001 + HOUR_S))

    assert (len(yields(before)), len(yields(then))) == (0, 1)


def test_a_corrected_amount_makes_the_next_version_at_once():
    world = plant()
    (first,) = said_of(world, out("d1", "60"))
    (second,) = yields(world.feed(out("d1-a", "61", corrects="d1")))
    (third,) = yields(world.feed(out("d1-b", "110", source="mes", corrects="d1-a")))
    (fourth,) = yields(world.feed(out("d1-c", "60", corrects="d1")))

    assert [each.version for each in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert {each.id for each in (first, second, third, fourth)} == {first.id}
    assert second.evidence["product_from"] == "d1-a: 61 kg"
    assert third.evidence["withdrawn"] == "other amounts"
    assert third.message.endswith("91.29 % of 120.5 kg: as expected (85 to 95 %, API-1 v7).")
    assert "withdrawn" not in fourth.evidence


def test_a_correction_that_says_the_same_says_nothing_new():
    world = plant()
    said_of(world, out("d1", "60"))

    assert yields(world.feed(out("d1-a", "60.0", corrects="d1"))) == []


def test_an_amount_that_comes_after_all_makes_a_version_an_hour_later():
    world = plant()
    (unknown,) = said_of(world)
    later = world.feed(out("d1", "60", 3 * HOUR_S), *beats(3 * HOUR_S, 4 * HOUR_S))

    assert unknown.rule == "yield.indeterminate"
    assert [(each.rule, each.version, "withdrawn" in each.evidence) for each in yields(later)] == [
        ("yield.low", 1, False),
        ("yield.indeterminate", 2, True),
    ]


def test_a_correction_of_what_nobody_told_is_said():
    world = plant()
    (found,) = of_rule(world.feed(starts(), out("d2", "60", corrects="d1")), "context.impossible")

    assert found.evidence["what"] == "corrects"


def test_a_correction_moves_an_amount_to_the_batch_that_it_names():
    world = plant()
    said_of(world, out("d1", "60"), out("d2", "50"))
    (found,) = yields(world.feed(replace(out("d3", "50", corrects="d2"), batch="B-18")))

    assert found.evidence["product_from"] == "d1: 60 kg"


@pytest.mark.parametrize(("idle", "rules"), [(True, ["yield.low"]), (False, ["yield.indeterminate"])])
def test_a_batch_that_ran_when_it_was_first_seen_is_indeterminate(idle, rules):
    world = plant()
    if idle:
        world.feed(texts([(BATCH, -100, "")]), *beats(-90, -80))
    world.feed(texts([(BATCH, 0, "B-17")]), *beats(10, 20), out("d1", "60", from_unit="R101"))
    world.feed(texts([(BATCH, 1000, "")]))
    said = yields(world.feed(*beats(1010, 1020, 1021, 1030 + HOUR_S)))

    assert [each.rule for each in said] == rules


def test_as_many_amounts_as_are_kept_are_enough(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(yields_module, "MOST_AMOUNTS", 2)

    assert [each.rule for each in said_of(plant(), out("d1", "30"), out("d2", "30"))] == ["yield.low"]


def test_an_amount_without_a_batch_is_of_the_one_on_the_unit():
    (found,) = said_of(plant(), replace(out("d1", "60"), batch=""))

    assert found.evidence["product_from"] == "d1: 60 kg"


def test_amounts_have_a_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(yields_module, "MOST_AMOUNTS", 2)
    (found,) = said_of(plant(), *(out(f"d{number}", "30") for number in range(4)))

    assert found.evidence["why"] == "more than 2 amounts were told of it"


def test_batches_have_a_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(yields_module, "MOST_BATCHES", 2)
    world = plant()
    for number in range(5):
        world.feed(starts(f"B-{number}", number * 100), ends(f"B-{number}", number * 100 + 50))
    found = yields(world.feed(*beats(1001, 9000)))

    assert [each.batch for each in found] == ["B-3", "B-4"]


def test_a_restart_anywhere_changes_nothing():
    entries = [starts(), out("d1", "60"), ends(), *beats(1001, 9000), out("d2", "61", corrects="d1"), *beats(9001)]
    straight, stopped = plant(), plant()
    straight.feed(*entries)
    said: list[Finding] = []
    for entry in entries:
        stopped = stopped.restarted()
        said += yields(stopped.feed(entry))

    assert said == yields(straight.said)
    assert len(said) == 2


def test_other_rules_go_on_with_the_amounts_and_judge_by_their_limits():
    world = plant()
    (first,) = said_of(world, out("d1", "100"))
    rules = replace(plant(replace(CRUDE, low_percent=Decimal(80))).rules, hash="fedcba9876543210")
    bank = Bank(rules, TAGS)
    bank.carry_over(world.detector.snapshot())
    other = Plant(rules, bank)
    other.position = world.position
    (second,) = yields(other.feed(out("d1-a", "99", corrects="d1")))

    assert (second.id, second.version, second.rules_hash) == (first.id, 2, "fedcba9876543210")
    assert second.evidence["withdrawn"] == "other amounts"


@pytest.mark.parametrize(
    ("unit", "to", "is_now"),
    [("g", "kg", Fraction(1, 1000)), ("kg", "g", Fraction(1000)), ("drum", "drum", Fraction(1)), ("kg", "l", None)],
)
def test_factors_are_exact(unit, to, is_now):
    assert factor(unit, to) == is_now


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(1, 8), "0.13"), (Fraction(10), "10"), (Fraction(0), "0"), (Fraction(199_995, 100_000), "2")],
)
def test_half_of_the_last_digit_is_rounded_up(value, text):
    assert rounded(value, 2) == text
