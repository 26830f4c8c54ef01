"""Floods and flapping: everything is told, in a bounded number of messages."""

from alarms.flood import CHATTER_ABOVE, FLOOD_ABOVE, FloodGate, Letter
from domain.alarms import Notice
from domain.rules import Priority
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS


def notice(alarm: str, number: int = 1, priority: Priority = Priority.HIGH) -> Notice:
    id_ = f"{alarm}.{number}"
    return Notice(f"{id_}@leads", "leads", f"{priority.name}: {alarm}", f"{alarm} is high\nmore", id_, number, priority)


class Outbox:
    """What waits for one channel, and what went out of it."""

    def __init__(self) -> None:
        self.gate = FloodGate()
        self.waiting: list[Notice] = []
        self.sent: list[Letter] = []

    def look(self, now_ns: int, *fresh: Notice) -> list[Letter]:
        self.waiting += fresh
        letters = self.gate.admit(now_ns, self.waiting)
        for letter in letters:
            self.gate.told(now_ns, letter)
            self.waiting = [each for each in self.waiting if each not in letter.notices]
        self.sent += letters
        return letters

    @property
    def told(self) -> int:
        return sum(len(letter.notices) for letter in self.sent)


def test_a_few_messages_go_out_as_they_are() -> None:
    outbox = Outbox()
    letters = outbox.look(0, *(notice(f"a{number}") for number in range(FLOOD_ABOVE)))
    assert [letter.title for letter in letters] == [f"HIGH: a{number}" for number in range(FLOOD_ABOVE)]


def test_a_burst_above_the_limit_is_one_digest_with_the_worst_first() -> None:
    outbox = Outbox()
    burst = [notice(f"a{number}", priority=Priority.MEDIUM) for number in range(30)]
    (letter,) = outbox.look(0, *burst, notice("bad one", priority=Priority.CRITICAL))

    assert letter.title == "31 messages in one; worst: CRITICAL: bad one"
    assert letter.text.splitlines()[1] == "- CRITICAL: bad one: bad one is high (transition bad one.1)"
    assert "transition a29.1" in letter.text


def test_a_digest_says_few_in_words_and_names_every_other() -> None:
    (letter,) = Outbox().look(0, *(notice(f"a{number}") for number in range(200)))
    assert len(letter.notices) == 200
    last = letter.text.splitlines()[-1]
    assert last.startswith("… and 150 more; the page lists all: a50.1 a51.1 ")
    assert last.endswith(" a199.1")


def test_the_eleventh_message_within_ten_minutes_begins_a_flood_and_all_is_told() -> None:
    outbox = Outbox()
    for number in range(120):
        outbox.look(number * SECOND_NS, notice(f"a{number}"))
    for minute in range(2, 6):
        outbox.look(minute * MINUTE_NS)

    assert outbox.told == 120
    assert len(outbox.sent) <= FLOOD_ABOVE + 4


def test_after_the_flood_messages_are_single_again() -> None:
    outbox = Outbox()
    outbox.look(0, *(notice(f"a{number}") for number in range(30)))
    (letter,) = outbox.look(HOUR_NS, notice("b"))
    assert not letter.held_back


def test_a_clock_that_is_set_back_in_a_flood_holds_nothing_back_for_longer() -> None:
    outbox = Outbox()
    outbox.look(HOUR_NS, *(notice(f"a{number}") for number in range(FLOOD_ABOVE)))
    (first,) = outbox.look(HOUR_NS + SECOND_NS, notice("b"))
    held_back = outbox.look(HOUR_NS + 2 * SECOND_NS, notice("c"))
    at_once = outbox.look(0, notice("d"))
    (second,) = outbox.look(MINUTE_NS)

    assert (held_back, at_once) == ([], [])
    assert [each.transition for each in (*first.notices, *second.notices)] == ["b.1", "c.1", "d.1"]


def test_an_alarm_that_flaps_for_four_hours_is_told_in_a_few_messages() -> None:
    outbox = Outbox()
    for number in range(4 * 120):
        outbox.look(number * 30 * SECOND_NS, notice("a", number))

    assert len(outbox.sent) < 30
    assert outbox.told > 400


def test_a_flapping_alarm_does_not_hold_back_another() -> None:
    outbox = Outbox()
    for number in range(30):
        outbox.look(number * SECOND_NS, notice("a", number))
    letters = outbox.look(31 * SECOND_NS, notice("b"))
    assert [letter.title for letter in letters] == ["HIGH: b"]


def test_a_flapping_alarm_that_gets_worse_is_told_at_once() -> None:
    outbox = Outbox()
    for number in range(30):
        outbox.look(number * SECOND_NS, notice("a", number))
    letters = outbox.look(31 * SECOND_NS, notice("a", 99, Priority.CRITICAL))
    assert [letter.title for letter in letters] == ["CRITICAL: a"]


def test_a_burst_of_one_alarm_is_not_told_one_by_one() -> None:
    letters = Outbox().look(0, *(notice("a", number) for number in range(9)))
    assert len(letters) == CHATTER_ABOVE + 1
    assert len(letters[-1].notices) == 9 - CHATTER_ABOVE


def test_in_a_flood_something_worse_than_all_before_goes_at_once() -> None:
    outbox = Outbox()
    outbox.look(0, *(notice(f"a{number}") for number in range(30)))
    assert outbox.look(SECOND_NS, *(notice(f"b{number}") for number in range(30))) == []
    (letter,) = outbox.look(2 * SECOND_NS, notice("c", priority=Priority.CRITICAL))
    assert letter.title.endswith("worst: CRITICAL: c")
