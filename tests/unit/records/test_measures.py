"""The measures' queries say what a slow count in plain Python says, on both databases."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from domain.alarms import AlarmFacts, Transition
from domain.performance import Asked, Flood, Load, Performance, Positions, Response
from domain.rules import Priority
from domain.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from records.address import Address
from records.database import SqlRecords
from records.tables import alarms_now, transitions
from tests import measures_oracle
from tests.unit.records.unguarded import unguarded

T0 = 1_790_000_000 * SECOND_NS
POSITIONS = Positions({"R101": "north", "R102": "north", "T7": "south"}, "rest")
UNITS = ("R101", "R102", "T7", "")
LINKED, MOVED = 4, 5  # an alarm for which the control system sounds, and one that says who responds
WINDOW = Asked(T0, T0 + 7 * DAY_NS, POSITIONS)

PAUSES = st.sampled_from((0, 1, 5 * SECOND_NS, 20 * SECOND_NS, MINUTE_NS, 5 * MINUTE_NS, 3 * HOUR_NS, 2 * DAY_NS))
"""Mostly short: else nothing chatters and nothing floods."""
DEEDS = st.sampled_from(
    ("activated",) * 4
    + ("returned",) * 3
    + (
        "acknowledged",
        "acknowledged",
        "severity",
        "realarmed",
        "shelved",
        "unshelved",
        "suppressed",
        "out",
        "back",
        "commented",
    )
)
LIVES = st.lists(
    st.tuples(st.integers(0, 5), DEEDS, PAUSES, st.integers(-3, 1), st.sampled_from(Priority)), max_size=60
)


def say(said: list[Transition], alarm: int, what: str, at_ns: int, priority: Priority = Priority.HIGH) -> None:
    """Add what an alarm says next, with the facts that follow."""
    mine = [each for each in said if each.alarm == f"A{alarm}"]
    facts = mine[-1].facts if mine else AlarmFacts()
    changes: dict[str, dict[str, object]] = {
        "activated": {"active": True, "acknowledged": False},
        "severity": {"acknowledged": False},
        "realarmed": {"acknowledged": False},
        "returned": {"active": False},
        "acknowledged": {"acknowledged": True},
        "shelved": {"shelved_until_ns": at_ns + HOUR_NS},
        "unshelved": {"shelved_until_ns": None},
        "suppressed": {"suppressed": True},
        "out": {"out_of_service": True},
        "back": {"suppressed": False, "out_of_service": False},
        "commented": {},
    }
    number = len(mine) + 1
    facts = replace(facts, **changes[what])  # type: ignore[arg-type]  # the table names fields
    is_news = what in ("activated", "severity", "realarmed") and not facts.is_put_away
    linked = {"dcs_alarm": "TAH-101", "dcs_priority": Priority.HIGH} if alarm == LINKED else {}
    was_active = bool(mine) and mine[-1].facts.active
    begun_ns = at_ns if facts.active and not was_active else mine[-1].activated_ns if mine else None
    more = {"unit": UNITS[alarm % len(UNITS)], "position": "south" if alarm == MOVED else "", "activated_ns": begun_ns}
    more |= linked
    names = ("excursion", f"S{alarm}", f"n{alarm}", "")
    said.append(
        Transition(
            f"A{alarm}.{number}", f"A{alarm}", number, at_ns, what, facts, priority, *names, announces=is_news, **more
        )
    )


def lived(life: Sequence[tuple[int, str, int, int, Priority]]) -> list[Transition]:
    said: list[Transition] = []
    at_ns = T0 - 2 * DAY_NS
    for alarm, what, pause_ns, back_s, priority in life:
        at_ns += pause_ns
        say(said, alarm, what, at_ns + back_s * SECOND_NS, priority)  # evidence is not always in order
    return said


def written(records: SqlRecords, said: Sequence[Transition]) -> None:
    with records._database.writing() as connection:
        connection.execute(delete(alarms_now))
        with unguarded(connection):
            connection.execute(delete(transitions))
    with records.unit_of_work() as work:
        work.transitions(said)


def rush(count: int, begin_ns: int, every_ns: int, alarm: int = 0) -> list[Transition]:
    said: list[Transition] = []
    for number in range(count):
        say(said, alarm, "activated", begin_ns + number * every_ns)
    return said


def test_every_measure_is_what_a_slow_count_says(address: Address) -> None:
    with SqlRecords.open(address) as records:

        @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(LIVES, st.sampled_from((None, "north", "south", "rest")), st.integers(0, 4))
        @example([(0, "activated", 0, 0, Priority.HIGH)] * 11, None, 0)
        @example([(each % 6, "activated", MINUTE_NS, 0, Priority.LOW) for each in range(45)], None, 0)
        def as_counted(life: list[tuple[int, str, int, int, Priority]], position: str | None, start_d: int) -> None:
            said = lived(life)
            written(records, said)
            asked = replace(WINDOW, position=position, start_ns=T0 - 2 * DAY_NS + start_d * HOUR_NS)

            assert records.performance(asked) == measures_oracle.performance(said, asked)

        as_counted()


def measured(records: SqlRecords, said: Sequence[Transition], asked: Asked = WINDOW) -> Performance:
    written(records, said)
    return records.performance(asked)


def test_what_began_before_a_window_and_is_not_over_counts_within_it(address: Address) -> None:
    said: list[Transition] = []
    say(said, 0, "activated", T0 - 3 * DAY_NS)
    say(said, 0, "shelved", T0 - HOUR_NS)
    say(said, 1, "activated", T0 - HOUR_NS)
    say(said, 0, "unshelved", T0 + HOUR_NS)
    say(said, 0, "acknowledged", T0 + 8 * DAY_NS)  # after the window
    with SqlRecords.open(address) as records:
        week = measured(records, said)

    assert week.annunciated == 0
    assert [(each.named.alarm, each.active_ns, each.is_acknowledged) for each in week.standing] == [
        ("A0", 10 * DAY_NS, False),
        ("A1", 7 * DAY_NS + HOUR_NS, False),
    ]
    assert week.stale == week.standing
    assert [(each.named.alarm, each.shelved_ns) for each in week.put_away] == [("A0", HOUR_NS)]


def test_an_alarm_that_nobody_acknowledged_waited_longer_than_any_other(address: Address) -> None:
    said: list[Transition] = []
    for alarm, waits_s in enumerate((10, 30, 20)):
        say(said, alarm, "activated", T0)
        say(said, alarm, "acknowledged", T0 + waits_s * SECOND_NS)
    say(said, 3, "activated", T0)
    with SqlRecords.open(address) as records:
        told = measured(records, said).response

    assert told == Response(4, 3, 20 * SECOND_NS, None)


def test_a_flood_starts_with_the_eleventh_alarm_and_ends_when_fewer_than_five_are_left(address: Address) -> None:
    said = rush(11, T0, 30 * SECOND_NS)
    with SqlRecords.open(address) as records:
        ten = measured(records, said[:10]).floods
        eleven = measured(records, said).floods
        still = measured(records, said, replace(WINDOW, end_ns=T0 + 9 * MINUTE_NS)).floods

    start_ns = T0 + 10 * 30 * SECOND_NS
    assert ten == []
    # Ten minutes after the seventh, four are left.
    assert eleven == [Flood("north", start_ns, T0 + 6 * 30 * SECOND_NS + 10 * MINUTE_NS, 11, 11)]
    assert still == [Flood("north", start_ns, None, 11, 11)]


def test_a_flood_goes_on_while_five_come_in_ten_minutes(address: Address) -> None:
    said = rush(11, T0, SECOND_NS) + rush(40, T0 + 2 * MINUTE_NS, 2 * MINUTE_NS, alarm=1)
    with SqlRecords.open(address) as records:
        (flood,) = measured(records, said).floods

    # One every two minutes is five in ten: it ends two minutes after the last was due.
    assert flood.end_ns == T0 + 80 * MINUTE_NS + 2 * MINUTE_NS
    assert flood.annunciated == 51


def test_ten_alarms_at_each_of_two_positions_are_no_flood(address: Address) -> None:
    said = rush(10, T0, SECOND_NS) + rush(10, T0, SECOND_NS, alarm=2)
    with SqlRecords.open(address) as records:
        together = measured(records, said, replace(WINDOW, positions=Positions()))
        apart = measured(records, said)

    assert apart.floods == []
    assert apart.load == [Load("north", 10, 10, 0, 0), Load("south", 10, 10, 0, 0), Load("rest", 0, 0, 0, 0)]
    assert [each.peak for each in together.floods] == [20]


def test_what_is_shelved_asks_nobody(address: Address) -> None:
    said: list[Transition] = []
    say(said, 0, "shelved", T0)
    for number in range(20):
        say(said, 0, "activated", T0 + 2 * number * SECOND_NS)
        say(said, 0, "returned", T0 + (2 * number + 1) * SECOND_NS)
    with SqlRecords.open(address) as records:
        week = measured(records, said)

    assert (week.annunciated, week.floods, week.chattering, week.fleeting) == (0, [], [], [])


def test_ten_minutes_do_not_have_both_their_ends(address: Address) -> None:
    said = rush(10, T0 + 1, SECOND_NS, alarm=1) + rush(1, T0 + 10 * MINUTE_NS, 0)
    within, beyond = [*rush(1, T0 + 1, 0, alarm=3), *said], [*rush(1, T0, 0, alarm=3), *said]
    positions = replace(WINDOW, positions=Positions())
    with SqlRecords.open(address) as records:
        peaks = [[each.peak for each in measured(records, each, positions).floods] for each in (within, beyond)]

    assert peaks == [[12], [11]]


def test_an_alarm_that_the_control_system_tells_asks_nobody_until_it_is_worse(address: Address) -> None:
    said: list[Transition] = []
    say(said, LINKED, "activated", T0, Priority.HIGH)
    say(said, LINKED, "severity", T0 + SECOND_NS, Priority.CRITICAL)
    with SqlRecords.open(address) as records:
        assert measured(records, said[:1]).annunciated == 0
        assert measured(records, said).annunciated == 1
