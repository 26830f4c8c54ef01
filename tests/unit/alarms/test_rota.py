"""Who is on duty, from plain duties."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from alarms.rota import Duty, OnDuty, Roster, Watch

NAMES = ("Ada", "Grace", "Ida")


def roster(*duties: tuple[int, int, str], first: int = 0, last: int = 100) -> Roster:
    return Roster([Duty(*duty) for duty in duties], first, last)


def test_everybody_whose_duty_it_is_is_told() -> None:
    found = roster((0, 50, "Ada"), (40, 60, "Grace")).on_duty(45, "Ida")

    assert found == OnDuty(("Ada", "Grace"), False, 40, 50)


def test_where_nobody_is_on_duty_the_fallback_is_told_and_that_is_said() -> None:
    found = roster((0, 50, "Ada"), (60, 100, "Grace")).on_duty(55, "Ida")

    assert found == OnDuty(("Ida",), True, 50, 60)


def test_a_duty_ends_before_its_end() -> None:
    found = roster((0, 50, "Ada"), (50, 100, "Grace"))

    assert [found.on_duty(at, "Ida").names for at in (49, 50)] == [("Ada",), ("Grace",)]


def test_beyond_what_the_calendar_was_read_for_the_fallback_is_told() -> None:
    found = roster((0, 200, "Ada"))

    assert [found.on_duty(at, "Ida") for at in (-1, 100)] == [OnDuty(("Ida",), True)] * 2


def test_duties_of_one_person_that_touch_are_one() -> None:
    found = roster((10, 30, "Ada"), (20, 50, "Ada"), (50, 70, "Ada"))

    assert found.watch_at(45) == Watch(10, 70, ("Ada",))
    assert found.next_change_ns(45) == 70


def test_holes_are_cut_to_what_was_asked_and_what_is_unknown_is_one() -> None:
    found = roster((10, 30, "Ada"), (40, 90, "Grace"))

    assert found.uncovered(20, 120) == [Watch(30, 40, ()), Watch(90, 120, ())]
    assert found.uncovered(-5, 15) == [Watch(-5, 10, ())]
    assert found.uncovered(150, 160) == [Watch(150, 160, ())]


def test_a_calendar_without_duties_is_one_hole() -> None:
    assert roster().uncovered(0, 100) == [Watch(0, 100, ())]
    assert Roster([], 5, 5).on_duty(5, "Ida").is_fallback


@given(st.lists(st.tuples(st.integers(-5, 35), st.integers(-5, 35), st.sampled_from(NAMES)), max_size=8))
def test_each_moment_has_just_those_people_whose_duties_hold_it(duties: list[tuple[int, int, str]]) -> None:
    found = roster(*duties, last=30)
    slowly = [tuple(sorted({who for start, end, who in duties if start <= at < end})) for at in range(30)]

    assert [found.on_duty(at, "").names for at in range(30)] == slowly
    holes = {at for watch in found.uncovered(0, 30) for at in range(watch.since_ns, watch.until_ns)}
    assert holes == {at for at in range(30) if not slowly[at]}
    watches = list(found.watches(0, 30))
    assert [one.until_ns for one in watches[:-1]] == [one.since_ns for one in watches[1:]]
    assert all(one.people != other.people for one, other in itertools.pairwise(watches))
