"""Events of batches beside tags: each counts once, tags judge where they are, and what cannot be is said."""

from dataclasses import replace
from decimal import Decimal

import pytest

from detectors.bank import Bank
from detectors.context import told as told_module
from domain.entries import EventKind, Heartbeat, Position
from domain.findings import Recheck
from domain.holds import Hold, HoldKind
from tests.checks.detector import CHECKS, maker
from tests.unit.detectors.context.test_context import phases
from tests.unit.detectors.floor import (
    E1,
    E2,
    MASTER,
    TANK,
    conflicts,
    event,
    eventful,
    floor,
    links,
    started,
    told,
    what,
)
from tests.unit.detectors.plant import BATCH, HOUR, PT, R101, SECOND, STEP, TAGS, Plant, at, batch, of_rule, texts


def plant(**changed: object) -> Plant:
    return Plant(floor(**changed))


def tick(seconds: float):
    return batch([(PT, seconds, 0.1)])


def beats(*seconds: float, connected: bool = True) -> list[Heartbeat]:
    return [Heartbeat("train1", at(each), connected) for each in seconds]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_bank_passes_the_check_on_streams_of_events(check, seed):
    check(maker(Bank, floor(), TAGS), eventful(seed), seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_at_every_cut_changes_nothing(seed):
    entries = eventful(seed, 14)
    straight = Bank(floor(), TAGS)
    said = [list(straight.update(Position(number), entry)) for number, entry in enumerate(entries, start=1)]
    stopped = Bank(floor(), TAGS)
    again = []
    for number, entry in enumerate(entries, start=1):
        state = stopped.snapshot()
        stopped = Bank(floor(), TAGS)
        stopped.restore(state)
        again.append(list(stopped.update(Position(number), entry)))

    assert again == said
    assert stopped.snapshot() == straight.snapshot()


def test_the_streams_say_everything_that_cannot_be():
    """A check on streams in which nothing happens would prove nothing."""
    said = []
    for seed in range(8):
        detector = Bank(floor(), TAGS)
        for number, entry in enumerate(eventful(seed), start=1):
            said += detector.update(Position(number), entry)

    kinds = {"unit", "circle", "occupied", "end", "returns", "order"}
    assert kinds <= set(what(said))
    assert conflicts(said)
    assert {"split", "merge", "rework"} <= {kinship for _, _, kinship in links(said)}


# --- what events tell


def test_a_unit_without_tags_is_told_by_events_alone():
    said = plant().feed(
        *started(), event("e3", "phase_end", 60, "E1", phase="load"), event("e4", "batch_end", 70, "E1", "B-17")
    )

    assert phases(said) == [("E1/B-17/load-1", 0, None), ("E1/B-17/load-1", 0, 60)]


def test_an_event_is_recorded_with_its_source_and_both_times():
    (first, second) = told(plant().feed(*started()))

    assert (first.source, first.time_ns, first.recorded_ns) == ("floor", at(0), at(1))
    assert second.kind is EventKind.PHASE_START


def test_a_new_phase_ends_the_one_before():
    said = plant().feed(*started("E2"), tick(20), event("e3", "phase_start", 60, "E2", "B-17", phase="dose"), tick(70))

    assert phases(said)[1:] == [("E2/B-17/charge-1", 0, 60), ("E2/B-17/dose-1", 60, None)]


def test_the_end_of_a_batch_ends_its_phase():
    said = plant().feed(*started(), event("e3", "batch_end", 60, "", "B-17"))

    assert phases(said)[-1] == ("E1/B-17/load-1", 0, 60)
    assert what(said) == []


def test_a_batch_that_began_before_the_service_may_end():
    said = plant().feed(
        event("e1", "phase_end", 60, "E1", "B-17", phase="load"),
        event("e2", "batch_end", 61, "E1", "B-17"),
        event("e3", "batch_end", 62, "", "B-16"),
    )

    assert what(said) == []
    assert len(told(said)) == 3


def test_a_restart_in_mid_phase_changes_nothing():
    before = plant()
    before.feed(*started())
    said = before.restarted().feed(event("e3", "phase_end", 60, "E1", "B-17", phase="load"), *started())

    assert phases(said) == [("E1/B-17/load-1", 0, 60)]
    assert what(said) == []


def test_an_event_that_comes_again_counts_once():
    charge = event("e9", "charge", 5, "E1", "B-17", material="SM-1", amount=Decimal("12.50"), amount_unit="kg")
    again = replace(charge, recorded_ns=at(99), source="", person="Ann", amount=Decimal("12.5"))
    said = plant().feed(*started(), charge, charge, again, *started())

    assert [each.id for each in told(said)] == ["E1-B-17-b", "E1-B-17-p", "e9"]
    assert conflicts(said) == []


def test_the_same_id_with_other_words_is_a_conflict_and_the_first_counts():
    first = event("e9", "charge", 5, "E1", "B-17", material="SM-1")
    said = plant().feed(*started(), first, replace(first, material="SM-2"))

    assert conflicts(said) == [
        "Event e9 from floor came again and says something else (charge at 2025-10-09T09:00:05Z); the first one counts."
    ]
    assert [each.material for each in told(said) if each.id == "e9"] == ["SM-1"]


def test_two_sources_may_use_the_same_id_for_different_events():
    first = event("1", "charge", 5, "E1", "B-17", material="SM-1")
    said = plant().feed(*started(), first, replace(first, source="mes", material="SM-2"))

    assert [each.material for each in told(said) if each.id == "1"] == ["SM-1", "SM-2"]
    assert conflicts(said) == []


def test_the_oldest_ids_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(told_module, "MOST_IDS", 2)
    charges = [event(f"c{number}", "charge", number, "E1", material="SM-1") for number in range(3)]
    said = plant().feed(*charges, charges[2], charges[1], charges[0])

    assert [each.id for each in told(said)] == ["c0", "c1", "c2", "c0"]


# --- settling, and late events


def test_rows_wait_until_the_unit_of_an_event_has_settled():
    world = plant()
    early = world.feed(*started("E2", seconds=10), tick(15))
    late = world.feed(tick(15.1))

    assert phases(early) == []
    assert phases(late) == [("E2/B-17/charge-1", 10, None)]


def test_an_event_after_the_rows_of_its_time_asks_that_they_are_judged_again():
    world = plant()
    world.feed(tick(0), tick(60))
    said = world.feed(*started("E2", seconds=10), *beats(61))

    assert phases(said) == [("E2/B-17/charge-1", 10, None)]
    assert [each for each in said if isinstance(each, Recheck)] == [Recheck(PT, at(10), at(60))]


def test_events_out_of_order_within_the_settling_are_put_in_order():
    said = plant().feed(
        tick(0),
        event("e2", "phase_start", 12, "E2", "B-17", phase="dose"),
        event("e1", "phase_start", 10, "E2", "B-17", phase="charge"),
        tick(20),
    )

    assert phases(said) == [
        ("E2/B-17/charge-1", 10, None),
        ("E2/B-17/charge-1", 10, 12),
        ("E2/B-17/dose-1", 12, None),
    ]
    assert what(said) == []


# --- what cannot be


def test_an_event_older_than_what_it_would_change_changes_nothing_and_is_said():
    world = plant()
    world.feed(*started("E2", seconds=10), tick(60))
    said = world.feed(event("e9", "phase_start", 5, "E2", "B-17", phase="dose"), *beats(61))

    (finding,) = of_rule(said, "context.impossible")
    assert finding.message == (
        "E2: phase_start of dose at 2025-10-09T09:00:05Z lies before phase charge began at 2025-10-09T09:00:10Z; "
        "it changes nothing."
    )
    assert what(said) == ["backwards"]
    assert Recheck(PT, at(5), at(60)) in said


@pytest.mark.parametrize("kind", ["phase_end", "batch_end"])
def test_an_end_before_its_start_is_said_also_before_it_has_settled(kind):
    world = plant()
    said = world.feed(tick(0), *started("E2", seconds=10), event("e9", kind, 9, "E2", "B-17", phase="charge"), tick(20))

    assert what(said) == ["end before start"]
    assert phases(said) == [("E2/B-17/charge-1", 10, None)]


def test_an_end_at_the_moment_of_its_start_is_possible():
    said = plant().feed(*started(), event("e9", "phase_end", 0, "E1", "B-17", phase="load"))

    assert what(said) == []


def test_a_phase_without_a_batch_is_said():
    world = plant()
    world.feed(*started(), event("e3", "batch_end", 60, "E1", "B-17"))
    said = world.feed(event("e4", "phase_start", 70, "E1", phase="load"))

    (finding,) = of_rule(said, "context.impossible")
    assert finding.message == "E1 is in phase load, and nothing says of which batch."
    assert (finding.subject, finding.unit, finding.phase, finding.onset_ns) == ("E1", "E1", "load", at(70))


def test_cleaning_needs_no_batch():
    world = plant()
    world.feed(*started(), event("e3", "batch_end", 60, "E1", "B-17"))

    assert what(world.feed(event("e4", "phase_start", 70, "E1", phase="clean"))) == []


def test_tags_tell_a_phase_without_a_batch_too():
    world = plant()
    world.feed(texts([(BATCH, 0, "0")]), batch([(STEP, 0, 0)]), beats(1)[0], beats(8)[0])

    said = world.feed(batch([(STEP, 10, 10)]), *beats(11, 20))
    assert what(said) == ["no batch"]


def test_a_batch_whose_tag_has_not_spoken_yet_is_not_missed():
    said = plant().feed(batch([(STEP, 0, 10)]), *beats(1, 10))

    assert what(said) == []


def test_a_batch_that_begins_on_a_unit_that_is_taken_is_said_and_takes_it():
    said = plant().feed(*started(), *started(batch_="B-18", seconds=60))

    (finding,) = of_rule(said, "context.impossible")
    assert finding.message == "Batch B-18 begins on E1, which still holds batch B-17."
    assert phases(said)[-1] == ("E1/B-18/load-1", 60, None)


def test_a_charge_into_another_batch_is_said():
    said = plant().feed(*started(), event("e9", "charge", 5, "E1", "B-9", material="SM-1"))

    assert what(said) == ["occupied"]


def test_the_end_of_what_does_not_run_is_said():
    said = plant().feed(*started(), event("e9", "phase_end", 5, "E1", "B-17", phase="wash"))

    (finding,) = of_rule(said, "context.impossible")
    assert finding.message == "E1: phase wash ends, and phase load is what runs there."


def test_an_end_that_two_senders_tell_is_one():
    ends = [event(f"x{number}", "phase_end", 60 + number, "E1", "B-17", phase="load") for number in range(2)]

    assert what(plant().feed(*started(), *ends)) == []


def test_a_batch_that_comes_back_after_its_end_is_said():
    end = event("e3", "batch_end", 60, "", "B-17")
    said = plant().feed(*started(), end, *started("E2", seconds=70), *beats(80, 90))

    (finding,) = of_rule(said, "context.impossible")
    assert finding.message == (
        "Batch B-17 is on E2 again, after it had ended: a batch does not come back under its name."
    )


def test_a_batch_that_comes_back_by_its_tag_is_said():
    world = plant()
    for seconds, name in ((0, "B-1"), (20, "B-2"), (40, "B-1")):
        world.feed(texts([(BATCH, seconds, name)]), *beats(seconds + 1, seconds + 10))

    assert what(world.said) == ["returns"]
    assert "left R101" in of_rule(world.said, "context.impossible")[0].message


def test_a_batch_tag_that_is_empty_for_a_while_is_no_return():
    world = plant()
    for seconds, name in ((0, "B-1"), (20, ""), (40, "B-1")):
        world.feed(texts([(BATCH, seconds, name)]), *beats(seconds + 1, seconds + 10))

    assert what(world.said) == []


def test_the_recipe_tells_which_phase_may_follow():
    world = plant()
    world.feed(texts([(BATCH, 0, "B-1")]))
    for seconds, step in ((0, 10), (20, 20), (40, 20), (60, 30), (80, 10)):
        world.feed(batch([(STEP, seconds, step)]), *beats(seconds + 1, seconds + 10))

    (finding,) = of_rule(world.said, "context.impossible")
    assert finding.message == (
        "R101 went from phase cool to phase charge in batch B-1: the procedure of API-1 v7 has no such step."
    )


def test_a_phase_that_is_left_out_is_said():
    world = plant()
    world.feed(texts([(BATCH, 0, "B-1")]))
    for seconds, step in ((0, 10), (20, 30)):
        world.feed(batch([(STEP, seconds, step)]), *beats(seconds + 1, seconds + 10))

    assert what(world.said) == ["order"]


def test_the_first_phase_that_is_seen_may_be_any():
    world = plant()
    world.feed(texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 30)]), *beats(1, 10))

    assert what(world.said) == []


def test_a_phase_on_a_unit_where_the_recipe_has_none_is_said():
    said = plant().feed(event("e1", "phase_start", 0, "E1", "B-17", phase="dose"))

    assert [each.message for each in of_rule(said, "context.impossible")] == [
        "E1 is in phase dose of batch B-17: API-1 has no such phase there."
    ]


def test_a_batch_on_two_units_of_one_unit_procedure_is_said():
    world = plant()
    world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 10)]), *beats(1, 10))
    said = world.feed(*started("E2", seconds=20), *beats(21, 30))

    (finding,) = of_rule(said, "context.impossible")
    assert finding.message == (
        "Batch B-17 is on E2 (charge) and on R101 (charge) at once: API-1 v7 has one unit for that."
    )
    assert finding.evidence["others"] == "R101"


def test_a_batch_may_be_on_two_units_of_two_unit_procedures():
    world = plant()
    world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 30)]), *beats(1, 10))
    said = world.feed(event("e1", "phase_start", 20, "E1", "B-17", phase="load"))

    assert what(said) == []


def test_without_a_procedure_nothing_is_said_of_order_and_units():
    world = plant(recipes={"API-1": replace(MASTER, procedure=())})
    world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 30)]), *beats(1, 10))
    world.feed(*started("E2", seconds=20), batch([(STEP, 20, 10)]), *beats(21, 30))

    assert what(world.said) == []


def test_a_unit_that_is_not_configured_is_said():
    said = plant().feed(event("e1", "phase_start", 0, "R9", "B-17", phase="dose"))

    assert [each.message for each in of_rule(said, "context.impossible")] == [
        "Event e1 (phase_start) names unit R9, which is not configured."
    ]
    assert len(told(said)) == 1


# --- tags and events of one unit


def tagged() -> Plant:
    """R101 with batch B-17 in dose since 0, by its tags."""
    world = plant()
    world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), *beats(1, 10))
    return world


@pytest.mark.parametrize(("seconds", "agrees"), [(-10, True), (-10.000000001, False), (10, True)])
def test_an_event_agrees_with_the_tags_within_ten_seconds(seconds, agrees):
    world = plant()
    world.feed(texts([(BATCH, -100, "B-16")]), batch([(STEP, -100, 0)]), *beats(-99, -90))
    world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), *beats(1, 10))
    world.feed(
        replace(event("e1", "phase_start", 0, "R101", "B-17", phase="dose"), time_ns=at(0) + round(seconds * SECOND))
    )
    said = world.feed(*beats(11, 40, 60))

    assert (conflicts(said) == []) is agrees
    assert phases(world.said) == [("R101/B-17/dose-1", 0, None)]


def test_the_tags_judge_and_the_conflict_names_both():
    world = tagged()
    world.feed(event("e1", "phase_start", 20, "R101", "B-17", phase="cool"))
    early, late = world.feed(*beats(30, 50)), world.feed(*beats(50.1))

    assert conflicts(early) == []
    (message,) = conflicts(late)
    assert message == (
        "R101: event e1 from floor says that phase cool began at 2025-10-09T09:00:20Z, but its tags say dose; "
        "the tags judge."
    )
    assert phases(world.said) == [("R101/B-17/dose-1", 0, None)]


def test_an_event_that_names_another_batch_than_the_tag_is_a_conflict():
    world = tagged()
    said = world.feed(event("e1", "batch_start", 20, "R101", "B-18"), *beats(30, 51))

    assert "says that batch B-18 began" in conflicts(said)[0]


def test_an_end_agrees_where_the_tag_says_anything_else():
    world = tagged()
    world.feed(batch([(STEP, 100, 0)]), event("e1", "phase_end", 95, "R101", "B-17", phase="dose"))

    assert conflicts(world.feed(*beats(101, 110, 140))) == []


def test_what_the_tags_say_is_waited_for_while_their_source_is_away():
    world = tagged()
    world.feed(event("e1", "phase_start", 20, "R101", "B-17", phase="cool"), *beats(30, 300, connected=False))
    world.feed(batch([(STEP, 20, 30)]), *beats(301, 330))

    assert conflicts(world.said) == []


# --- the state of a phase


def stateful() -> Plant:
    """R101 with a tag for the state of its phase (ISA-88), as numbers or as words."""
    unit = replace(R101, parameters={}, phase_state_tag="T201.IN", idle_states=("complete", "4"))
    return plant(units={"R101": unit})


@pytest.mark.parametrize(("running", "held", "complete"), [("Running", "Held", "Complete"), (1.0, 2.0, 4.0)])
def test_a_phase_that_is_held_goes_on_and_one_that_is_complete_ends(running, held, complete):
    world = stateful()
    state = TAGS[4].id

    def tell(seconds: float, value: object):
        row = (state, seconds, value)
        return texts([row]) if isinstance(value, str) else batch([row])  # type: ignore[list-item]

    world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), tell(0, running), *beats(1, 10))
    world.feed(tell(20, held), *beats(21, 30), tell(40, running), *beats(41, 50), tell(60, complete), *beats(61, 70))

    assert phases(world.said) == [("R101/B-17/dose-1", 0, None), ("R101/B-17/dose-1", 0, 60)]


def test_the_state_of_the_next_phase_begins_it():
    world = stateful()
    state = TAGS[4].id
    world.feed(texts([(BATCH, 0, "B-17"), (state, 0, "Complete")]), batch([(STEP, 0, 20)]), *beats(1, 10))
    assert phases(world.said) == []

    world.feed(texts([(state, 30, "RUNNING")]), *beats(31, 40))

    assert phases(world.said) == [("R101/B-17/dose-1", 30, None)]


# --- genealogy and transfers


def test_split_merge_and_rework_make_a_genealogy():
    said = plant().feed(
        event("e1", "merge", 0, parents=("A", "B"), children=("C",)),
        event("e2", "split", 1, parents=("C",), children=("D", "E")),
        event("e3", "rework", 2, parents=("E",), children=("F",)),
    )

    assert links(said) == [
        ("A", "C", "merge"),
        ("B", "C", "merge"),
        ("C", "D", "split"),
        ("C", "E", "split"),
        ("E", "F", "rework"),
    ]


def test_a_batch_that_would_be_its_own_ancestor_is_said_and_not_linked():
    said = plant().feed(
        event("e1", "rework", 0, parents=("A",), children=("B",)),
        event("e2", "rework", 1, parents=("B",), children=("A",)),
    )

    assert links(said) == [("A", "B", "rework")]
    assert [each.message for each in of_rule(said, "context.impossible")] == [
        "Event e2 (rework) cannot be: batch A would be made of B, which was made of A."
    ]


def test_batches_that_flow_into_one_tank_are_parents_of_its_batch():
    world = plant()
    world.feed(*started("E1", "B-1"), *started("E2", "B-2"), tick(20))
    world.feed(event("t", "batch_start", 21, "TANK", "M-1"))
    said = world.feed(
        event("t1", "transfer_start", 30, from_unit="E1", to_unit="TANK"),
        event("t2", "transfer_start", 40, from_unit="E2", to_unit="TANK"),
        event("t3", "transfer_end", 50, from_unit="E1", to_unit="TANK", amount=Decimal(80), amount_unit="kg"),
    )

    assert links(said) == [("B-1", "M-1", "transfer"), ("B-2", "M-1", "transfer")]


def test_an_event_of_a_transfer_starts_and_stops_a_hold():
    hold = Hold("crude", HoldKind.INTERMEDIATE, "E1", "first_transfer_in", "first_transfer_out", HOUR)
    world = plant(holds={"crude": hold})
    world.feed(*started(), event("t1", "transfer_start", 10, from_unit="R101", to_unit="E1"))
    breached = world.feed(*beats(10 + 3600), *beats(11 + 3600))

    assert [each.onset_ns for each in of_rule(breached, "hold.breach")] == [at(10)]


def test_an_end_of_a_transfer_before_its_start_is_said():
    said = plant().feed(event("t1", "transfer_start", 10, to_unit="E1"), event("t2", "transfer_end", 9, to_unit="E1"))

    assert what(said) == ["end before start"]


def test_the_units_of_the_floor_are_as_the_tests_think():
    assert (E1.batch_tag, E2.phase_tag, TANK.transfer_in_tag) == (None, None, None)
