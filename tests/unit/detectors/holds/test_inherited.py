"""A child's budget follows a parent that is corrected: by rows that come late, and by people."""

from dataclasses import replace

import pytest

from domain.entries import ActionKind, BatchEvent, Entry, EventKind, Heartbeat, PersonAction
from domain.findings import Finding
from domain.holds import Budget, Condition, Hold, HoldKind, HoldMode
from domain.rules import Rulebook
from domain.samples import SampleBatch
from tests.unit.detectors.plant import BATCH, IN, LT, MINUTE, OUT, T201, Plant, at, batch, of_rule, rulebook, texts
from tests.unit.detectors.record import judged

TANK = Hold("warm", HoldKind.INTERMEDIATE, "T201", "first_transfer_in", "last_transfer_out", None, budget="all")
WARM = replace(TANK, mode=HoldMode.OVER_TEMPERATURE, condition=Condition("T7.LT", None, 8.0))


def rules(hold: Hold = WARM, limit_min: int = 10) -> Rulebook:
    unit = replace(T201, batch_tag="R101.BATCH")
    budgets = {"all": Budget("all", limit_min * MINUTE)}
    return rulebook(units={"T201": unit}, tags={}, recipes={}, holds={"warm": hold}, budgets=budgets)


def beat(minute: float) -> Entry:
    return Heartbeat("train1", at(minute * 60), connected=True)


def level(minute: float, value: float) -> Entry:
    return batch([(LT, minute * 60, value)])


def stay(name: str, begin: float, end: float) -> list[Entry]:
    """A batch comes into the tank and leaves it, at minutes."""
    return [
        texts([(BATCH, begin * 60, name)]),
        batch([(IN, begin * 60, 1.0)]),
        batch([(IN, begin * 60 + 1, 0.0)]),
        beat(begin + 0.1),
        beat(begin + 0.2),
        batch([(OUT, end * 60 - 1, 1.0)]),
        batch([(OUT, end * 60, 0.0)]),
        texts([(BATCH, end * 60 + 1, "")]),
        beat(end + 0.1),
    ]


def made(kind: str, minute: float, parents: tuple[str, ...], children: tuple[str, ...]) -> Entry:
    time_ns = at(minute * 60)
    return BatchEvent(f"e{minute}", "", EventKind(kind), time_ns, time_ns, parents=parents, children=children)


BEFORE: list[Entry] = [texts([(BATCH, -60, "")]), batch([(IN, -60, 0.0), (OUT, -60, 0.0), (LT, -60, 4.0)])]


def newest(said: list[Finding]) -> dict[str, tuple[int, object, object]]:
    """Of each batch the newest that stands of its budget: version, inherited, used."""
    found = {each.batch: each for each in of_rule(said, "hold.breach") if "withdrawn" not in each.evidence}
    return {
        name: (each.version, each.evidence["inherited_max_ns"], each.evidence["elapsed_max_ns"])
        for name, each in found.items()
    }


WARMED = [level(4.5, 4.0), level(5.5, 12.0), level(8.5, 12.0), level(9.5, 4.0)]
"""Of 20 minutes of the parent four were too warm."""
_COLD = [level(20.5, 4.0)]
_LATER = [level(30.5, 4.0), level(31.5, 12.0)]


def family(*generations: Entry) -> list[Entry]:
    """B-1 stays for 20 min; what was made of it is warm for the last 9 min of its stay."""
    return [
        *BEFORE,
        *stay("B-1", 0, 20),
        *_COLD,
        *generations,
        *_LATER,
        *stay("S-1", 31, 40),
        level(40, 12.0),
        beat(41),
    ]


@pytest.mark.parametrize(
    "generations",
    [
        [made("split", 25, ("B-1",), ("S-1", "S-2"))],
        [made("rework", 25, ("B-1",), ("R-1",)), made("split", 26, ("R-1",), ("S-1", "S-2"))],
        [made("merge", 25, ("B-0", "B-1"), ("M-1",)), made("rework", 26, ("M-1",), ("S-1",))],
    ],
    ids=["child", "grandchild", "merged"],
)
def test_rows_that_come_late_for_a_parent_make_a_new_version_of_what_was_said_of_its_descendants(generations):
    plain = family(*generations)

    said, plant = judged(rules(limit_min=8), [*plain, *WARMED], set())

    assert newest(said)["S-1"] == (4, 4 * MINUTE, 13 * MINUTE)
    last = of_rule(said, "hold.breach")[-1]
    assert (last.batch, "rejudged" in last.evidence, last.stage) == ("S-1", True, "cleared")
    assert newest(judged(plant.rules, plain, set())[0])["S-1"] == (3, 0, 9 * MINUTE)
    assert plant.restarted().detector.snapshot() == plant.detector.snapshot()


def test_a_descendant_that_was_within_its_budget_breaches_it_once_a_parent_is_corrected():
    said, _ = judged(rules(limit_min=10), [*family(made("split", 25, ("B-1",), ("S-1", "S-2"))), *WARMED], set())

    assert [(each.batch, each.stage) for each in of_rule(said, "hold.breach")] == [("S-1", "open"), ("S-1", "cleared")]


def test_a_descendant_that_still_waits_breaches_its_budget_as_soon_as_its_parent_is_corrected():
    waits = [*family(made("split", 25, ("B-1",), ("S-1",)))[:-3], level(39, 12.0), beat(39)]
    waits = [each for each in waits if not _leaves(each, 40)]

    said, _ = judged(rules(limit_min=10), [*waits, *WARMED], set())

    (breach,) = of_rule(said, "hold.breach")
    assert (breach.batch, breach.stage, breach.evidence["inherited_max_ns"]) == ("S-1", "open", 4 * MINUTE)


def _leaves(entry: Entry, minute: float) -> bool:
    return isinstance(entry, SampleBatch) and entry.time_ns[0] >= at(minute * 60 - 1)


def test_what_a_parent_takes_after_its_child_was_made_is_not_the_childs():
    """Split while the parent still waits: the first warm minutes were before, the others after."""
    entries = [*BEFORE, *stay("B-1", 0, 20)]
    place = next(place for place, each in enumerate(entries) if _leaves(each, 20))
    entries[place:place] = [beat(7), made("split", 7, ("B-1",), ("S-1", "S-2"))]
    entries += [*_COLD, *_LATER, *stay("S-1", 31, 40), level(40, 12.0), beat(41), *WARMED]

    said, _ = judged(rules(limit_min=8), entries, set())

    assert newest(said)["S-1"] == (4, 2 * MINUTE, 11 * MINUTE)


def correct(kind: ActionKind, name: str, minute: float) -> Entry:
    return PersonAction("a1", at(100 * 60), "Ada", kind, f"warm/{name}", "the log says so", at(minute * 60))


@pytest.mark.parametrize(
    ("kind", "minute", "inherited"), [(ActionKind.HOLD_START, 6, 14), (ActionKind.HOLD_STOP, 12, 12)]
)
def test_a_person_who_corrects_a_parent_corrects_its_descendants(kind, minute, inherited):
    entries = family(made("split", 25, ("B-1",), ("S-1", "S-2")))
    said, plant = judged(rules(TANK, 25), entries, set())
    assert newest(said)["S-1"] == (2, 20 * MINUTE, 29 * MINUTE)

    again = plant.restarted().feed(correct(kind, "B-1", minute))

    last = of_rule(again, "hold.breach")[-1]
    assert (last.batch, last.version, last.evidence["inherited_max_ns"]) == ("S-1", 3, inherited * MINUTE)
    assert (last.evidence["withdrawn"], last.evidence["corrected"]) == ("judged again", "B-1")


def in_place(split: float, renamed: float) -> list[Entry]:
    """B-1 becomes S-1 in its tank, by the tank's own tag some time after that was told."""
    return [
        *BEFORE,
        texts([(BATCH, 0, "B-1")]),
        batch([(IN, 0, 1.0)]),
        batch([(IN, 1, 0.0)]),
        *(beat(0.1 + minute) for minute in range(int(split) + 1)),
        made("split", split, ("B-1",), ("S-1", "S-2")),
        *(beat(0.1 + minute) for minute in range(int(split) + 1, int(renamed))),
        texts([(BATCH, renamed * 60, "S-1")]),
        *(beat(renamed + each) for each in (0, 0.1, 1)),
    ]


def test_what_waits_on_between_a_split_and_its_tanks_new_name_counts():
    plant = Plant(rules(TANK, 25))
    plant.feed(*in_place(5, 15))

    assert of_rule(plant.feed(beat(25)), "hold.breach") == []
    (breach,) = of_rule(plant.feed(beat(25.01)), "hold.breach")
    assert breach.batch == "S-1"


def test_a_corrected_start_of_what_became_another_batch_in_its_place_counts_once():
    plant = Plant(rules(TANK, 25))
    plant.feed(*in_place(5, 15))

    plant.feed(correct(ActionKind.HOLD_START, "S-1", 3), beat(20))

    (row,) = plant.detector.running_budgets()
    assert (row.batch, row.used_max_ns) == ("S-1", 17 * MINUTE)
    assert of_rule(plant.feed(beat(28)), "hold.breach") == []
    assert len(of_rule(plant.feed(beat(28.01)), "hold.breach")) == 1


def test_a_batch_that_came_on_many_ways_keeps_the_largest():
    """More ways than are kept: what the least of them had taken is a figure, and the most stays the most."""
    plant = Plant(rules(TANK, 25))
    plant.feed(*BEFORE)
    for number in range(20):
        plant.feed(*stay(f"B-{number}", number * 30, number * 30 + 1 + number))
    plant.feed(made("merge", 700, tuple(f"B-{number}" for number in range(20)), ("M-1",)))
    plant = plant.restarted()
    plant.feed(*stay("M-1", 710, 716))

    breach = of_rule(plant.said, "hold.breach")[-1]
    assert (breach.batch, breach.evidence["inherited_max_ns"]) == ("M-1", 20 * MINUTE)
