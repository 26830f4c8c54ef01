"""What a change of the rules keeps: batches, phases and holds go on, and all that rules decide is judged anew."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from detectors.bank import Bank
from domain.equipment import UnitModel
from domain.errors import DamagedFile
from domain.findings import Finding, PhaseRecord, Stage
from domain.recipes import Limits
from domain.rules import Rulebook
from tests.unit.detectors.plant import (
    BAD,
    BATCH,
    HOLDS,
    HOUR,
    IN,
    LT,
    MINUTE,
    PT,
    R101,
    RECIPE,
    RULES,
    SECOND,
    STEP,
    T201,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    findings,
    of_rule,
    ranges,
    rulebook,
    texts,
)
from tests.unit.detectors.streams import stream

H = HOUR / SECOND  # in the seconds of rows


def under(plant: Plant, rules: Rulebook, announced: Sequence[Finding] = ()) -> Plant:
    """The plant's detectors under other rules; `announced` is what people know to be open."""
    detector = Bank(rules, TAGS)
    detector.carry_over(plant.detector.snapshot(), announced)
    after = Plant(rules, detector)
    after.position = plant.position
    return after


def edited(**changed: object) -> Rulebook:
    return rulebook(**{"hash": "fedcba9876543210", **changed})


def with_nor(low: float, high: float) -> Rulebook:
    """The same product with another normal range of the temperature while dosing."""
    dose = RECIPE.phases["dose"]
    phases = {**RECIPE.phases, "dose": replace(dose, parameters={"TT": ranges((low, high), (40.0, 80.0))})}
    return edited(recipes={"API-1": replace(RECIPE, version=8, phases=phases)})


def with_limit(hours: int) -> Rulebook:
    return edited(tags={}, holds={"crude": replace(HOLDS["crude"], limit_ns=hours * HOUR)})


def waiting(until: float = 0.0) -> Plant:
    """Material waits in T201 since 0; the heartbeats have come to a time."""
    plant = Plant(rulebook(tags={}, holds={"crude": HOLDS["crude"]}))
    plant.samples((IN, -60, 0.0), (IN, 0, 1.0))
    plant.beat(until)
    return plant


def open_now(plant: Plant) -> list[Finding]:
    newest = {each.id: each for each in findings(plant.said)}
    return [each for each in newest.values() if each.stage is not Stage.CLEARED]


def test_a_running_phase_goes_on_and_is_judged_by_the_new_range():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0))

    (found,) = under(plant, with_nor(45.0, 50.0)).samples((TT, 11, 60.0))

    assert (found.rule, found.batch, found.phase_instance) == ("excursion.nor.high", "B-17", "R101/B-17/dose-1")
    assert found.ranges_version == "API-1 v8 (not approved)"
    assert found.rules_hash == "fedcba9876543210"


def test_a_phase_that_went_on_ends_as_the_same_run():
    after = under(Plant().in_phase(), with_nor(45.0, 50.0))
    said = after.feed(batch([(STEP, 100, 30)]), batch([(PT, 106, 0.1)]))

    assert [(each.instance, each.start_ns, each.end_ns) for each in said if isinstance(each, PhaseRecord)] == [
        ("R101/B-17/dose-1", at(0), at(100)),
        ("R101/B-17/cool-1", at(100), None),
    ]


def test_an_excursion_that_lasts_is_a_new_finding_of_the_next_sample():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0))
    (before,) = plant.samples((TT, 20, 63.0))
    after = under(plant, edited(), [before])

    (found,) = after.samples((TT, 30, 63.0))

    assert (found.rule, found.version) == (before.rule, 1)
    assert found.id != before.id


def test_an_excursion_that_the_new_range_allows_is_not_found_again():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 63.0))

    assert under(plant, with_nor(58.0, 70.0)).samples((TT, 30, 63.0), (TT, 40, 60.0)) == []


def test_the_rows_that_wait_for_a_phase_still_wait_for_it():
    plant = Plant().in_phase(10)
    plant.feed(batch([(STEP, 20, 20)]), batch([(TT, 21, 66.0)]))

    said = under(plant, edited()).feed(batch([(PT, 26, 0.1)]))

    assert [each.onset_ns for each in of_rule(said, "excursion.validated.high")] == [at(21)]


def test_a_hold_is_announced_under_its_new_limit_at_the_next_heartbeat():
    after = under(waiting(until=50 * H), with_limit(48))

    (breach,) = after.beat(50 * H + 1)

    assert breach.rule == "hold.breach"
    assert (breach.evidence["started_ns"], breach.evidence["limit_ns"]) == (at(0), 48 * HOUR)


def test_a_longer_limit_takes_back_the_warning_and_warns_in_its_own_time():
    plant = waiting(until=64 * H)
    (warning,) = open_now(plant)
    after = under(plant, with_limit(100), [warning])

    assert after.beat(72 * H + 1) == []
    (again,) = after.beat(92 * H)
    assert (again.rule, again.version) == ("hold.warning", 1)
    assert again.id != warning.id


def test_a_breach_is_announced_again_where_its_limit_became_shorter():
    plant = waiting(until=73 * H)
    after = under(plant, with_limit(48), open_now(plant))

    (breach,) = after.beat(73 * H + 1)

    assert breach.evidence["limit_ns"] == 48 * HOUR


def test_a_hold_that_nobody_edited_goes_on_with_what_was_announced_of_it():
    plant = waiting(until=64 * H)
    warned = open_now(plant)
    after = under(plant, edited(tags={}), warned)

    assert after.beat(64 * H + 1) == []
    assert [(each.rule, each.version) for each in after.beat(72 * H + 1)] == [("hold.breach", 1), ("hold.warning", 2)]
    assert after.said[-1].id == warned[0].id


def test_a_warning_that_nobody_heard_of_is_given_again():
    (warning,) = under(waiting(until=64 * H), edited(tags={})).beat(64 * H + 1)

    assert (warning.rule, warning.version) == ("hold.warning", 1)


@pytest.mark.parametrize("changed", [{"start": "last_transfer_in"}, {"stop": "first_transfer_out"}, {"unit": "R101"}])
def test_a_hold_of_other_events_is_another_hold(changed):
    rules = edited(tags={}, holds={"crude": replace(HOLDS["crude"], **changed)})

    assert under(waiting(), rules).beat(1000 * H) == []


def test_units_and_holds_that_are_gone_are_forgotten():
    plant = waiting(until=64 * H).in_phase()
    rules = edited(units={}, holds={}, recipes={}, tags={})
    after = under(plant, rules, open_now(plant))

    assert after.feed(batch([(STEP, 65 * H, 30), (IN, 65 * H, 0.0), (TT, 65 * H, 999.0)])) == []
    assert after.beat(100 * H) == []


def test_a_unit_that_is_new_begins_with_its_first_row():
    plant = Plant(rulebook(units={"T201": T201}, holds={})).in_phase()
    said = under(plant, edited()).feed(texts([(BATCH, 100, "B-18")]), batch([(STEP, 100, 20)]), batch([(PT, 106, 0.1)]))

    assert [each.instance for each in said if isinstance(each, PhaseRecord)] == ["R101/B-18/dose-1"]


def test_a_value_that_means_another_phase_now_is_a_change():
    phase_map = {**R101.phase_map, "20": "cool"}
    after = under(Plant().in_phase(), edited(units={"R101": replace(R101, phase_map=phase_map)}, holds={}))

    said = after.feed(batch([(PT, 100, 0.1)]), batch([(PT, 106, 0.1)]))

    assert [(each.instance, each.start_ns, each.end_ns) for each in said if isinstance(each, PhaseRecord)] == [
        ("R101/B-17/dose-1", at(0), at(6)),
        ("R101/B-17/cool-1", at(6), None),
    ]


def test_a_unit_whose_batch_nobody_tells_any_more_has_none():
    after = under(Plant().in_phase(), edited(units={"R101": replace(R101, batch_tag=None)}, holds={}))
    said = after.feed(batch([(PT, 100, 0.1)]))

    assert [each.instance for each in said if isinstance(each, PhaseRecord)] == ["R101/B-17/dose-1", "R101//dose-1"]


def test_a_batch_that_had_no_recipe_takes_the_one_that_there_is_now():
    plant = Plant(rulebook(recipes={})).in_phase()

    (found,) = under(plant, edited()).samples((TT, 20, 63.0))

    assert found.ranges_version == "API-1 v7 (not approved)"


def test_a_batch_of_one_product_is_not_judged_by_another_products_recipe():
    rules = edited(recipes={"API-2": replace(RECIPE, product="API-2")})

    assert under(Plant().in_phase(), rules).samples((TT, 20, 63.0)) == []


def test_a_phase_that_runs_is_timed_by_its_new_limits_from_its_start():
    dose = replace(RECIPE.phases["dose"], duration=Limits(None, HOUR))
    rules = edited(recipes={"API-1": replace(RECIPE, phases={"dose": dose})})

    (found,) = under(Plant().in_phase(), rules).beat(H + 1)

    assert (found.rule, found.onset_ns) == ("duration.long", at(H))


def test_bad_quality_is_followed_on_until_it_is_over():
    plant = Plant().in_phase()
    opened = findings(plant.feed(batch([(TT, 10, 60.0)]), batch([(TT, 20, 60.0, BAD)])))
    after = under(plant, edited(), opened)

    said = after.feed(batch([(TT, 30, 60.0, BAD)]), batch([(TT, 40, 63.0)]))

    assert [(each.rule, each.version, each.stage) for each in findings(said)] == [
        ("excursion.nor.high", 1, "open"),
        ("bad", 2, "cleared"),
    ]
    assert findings(said)[0].evidence["dur_max_ns"] == 20 * SECOND  # nothing is proven from 20 on


def test_bad_quality_that_nobody_heard_of_is_found_again():
    plant = Plant()
    plant.feed(batch([(TT, 20, 60.0, BAD)]))

    said = findings(under(plant, edited()).feed(batch([(TT, 30, 60.0, BAD)])))

    assert [(each.rule, each.version) for each in said] == [("bad", 1)]


def test_a_frozen_value_is_found_by_a_rule_that_is_new():
    plant = Plant(rulebook(tags={}))
    plant.samples((LT, 0, 5.0), (LT, 10, 5.0))
    after = under(plant, edited(tags={"T7.LT": replace(RULES["T7.LT"], stale_after_ns=None)}))

    assert after.samples((LT, 69, 5.0)) == []
    (found,) = after.samples((LT, 70, 5.0))
    assert (found.rule, found.onset_ns) == ("frozen", at(10))


def test_a_source_that_is_silent_stays_one_finding():
    plant = Plant()
    plant.beat(0, connected=False)
    (before,) = plant.beat(11, connected=False)
    after = under(plant, edited(), [before])

    assert after.beat(12, connected=False) == []
    (said,) = after.beat(13)
    assert (said.id, said.version, said.stage) == (before.id, 2, "cleared")
    assert said.message == "train1 is heard again after 13 s."


def test_of_two_findings_about_one_thing_the_newest_is_followed():
    plant = Plant()
    (first,) = findings(plant.feed(batch([(TT, 20, 60.0, BAD)])))
    second = replace(first, id="bad/R101.TT///9.0")
    detector = Bank(edited(), TAGS)

    assert detector.carry_over(plant.detector.snapshot(), [first, second]) == {second.id}


def test_only_what_is_open_is_followed():
    plant = waiting(until=64 * H)
    (warning,) = open_now(plant)
    cleared = replace(warning, stage=Stage.CLEARED, end_ns=warning.at_ns)

    assert Bank(edited(tags={}), TAGS).carry_over(plant.detector.snapshot(), [cleared]) == frozenset()


def test_what_is_carried_over_twice_is_as_it_was():
    plant = waiting(until=64 * H).in_phase()
    detector = under(plant, edited()).detector
    once = detector.snapshot()
    detector.carry_over(once)

    assert detector.snapshot() == once


@pytest.mark.parametrize("seed", range(4))
def test_a_restart_after_it_equals_never_having_stopped(seed):
    entries = stream(seed, 120)
    plant = Plant()
    plant.feed(*entries[:60])
    straight = under(plant, with_limit(48), open_now(plant))
    restarted = straight.restarted()

    assert straight.feed(*entries[60:]) == restarted.feed(*entries[60:])
    assert straight.detector.snapshot() == restarted.detector.snapshot()


def test_a_damaged_state_is_refused_and_changes_nothing():
    detector = Plant().in_phase().detector
    before = detector.snapshot()

    with pytest.raises(DamagedFile):
        detector.carry_over(before[:-1])
    assert detector.snapshot() == before


_EDITS = {
    "a limit": with_nor(55.0, 70.0),
    "no units": edited(units={}, recipes={}, holds={}),
    "no rules": edited(tags={}),
    "other tags tell": edited(
        units={"R101": replace(R101, batch_tag=None, phase_tag="T7.LT", phase_map={}), "T201": T201},
        holds={"crude": replace(HOLDS["crude"], limit_ns=MINUTE, warn_before_ns=())},
    ),
    "another owner": edited(units={"R102": UnitModel("R102", {"TT": "R101.TT"}, phase_tag="R101.STEP")}, holds={}),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", _EDITS)
def test_whatever_was_going_on_every_finding_counts_its_versions_without_holes(name, seed):
    entries = stream(seed, 120)
    for cut in (20, 60, 100):
        plant = Plant()
        plant.feed(*entries[:cut])
        known = {each.id: each for each in open_now(plant)}
        detector = Bank(_EDITS[name], TAGS)
        followed = detector.carry_over(plant.detector.snapshot(), list(known.values()))
        newest = {id_: known[id_] for id_ in followed}
        after = Plant(_EDITS[name], detector)
        after.position = plant.position
        for each in findings(after.feed(*entries[cut:])):
            before = newest.get(each.id)
            assert each.version == (1 if before is None else before.version + 1)
            assert before is None or before.stage is not Stage.CLEARED
            assert each.id in followed or each.id not in known
            newest[each.id] = each
