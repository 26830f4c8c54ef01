"""Alarms that follow one another are one episode, and what began it is named."""

from alarms.groups import digest_of_flood, episodes_of, sentence_of
from domain.alarms import AlarmFacts, Transition
from domain.performance import Episode
from domain.rules import Priority
from domain.time import MINUTE_NS, SECOND_NS

T0 = 1_790_000_000 * SECOND_NS


def said(
    alarm: str,
    at_s: float,
    *,
    unit: str = "R101",
    what: str = "activated",
    since_s: float | None = None,
    shelved: bool = False,
    priority: Priority = Priority.HIGH,
) -> Transition:
    at_ns = T0 + round(at_s * SECOND_NS)
    facts = AlarmFacts(active=True, acknowledged=False, shelved_until_ns=at_ns + MINUTE_NS if shelved else None)
    since_ns = None if since_s is None else T0 + round(since_s * SECOND_NS)
    subject, _, name = alarm.partition("~")
    id_ = f"{alarm}.{round(at_s * 1000)}"
    announces = what != "returned" and not facts.is_put_away
    return Transition(
        id_,
        alarm,
        1,
        at_ns,
        what,
        facts,
        priority,
        "rule",
        subject,
        name,
        "message",
        unit=unit,
        since_ns=since_ns,
        announces=announces,
    )


def told(*transitions: Transition) -> list[str]:
    return [sentence_of(each) for each in episodes_of(transitions)]


def test_the_first_out_is_named_with_how_many_followed() -> None:
    followers = [said(f"R101.T{number}~high", 10 + number) for number in range(29)]

    assert told(said("R101.CW~cooling", 0), *followers) == ["R101.CW cooling; 29 followed in 38 s"]


def test_units_have_episodes_of_their_own() -> None:
    assert told(said("A~x", 0), said("B~y", 1, unit="R102"), said("C~z", 2)) == ["B y", "A x; 1 followed in 2 s"]


def test_what_comes_after_a_quiet_time_begins_another() -> None:
    assert told(said("A~x", 0), said("B~y", 100), said("C~z", 221)) == ["C z", "A x; 1 followed in 2 min"]


def test_the_onset_decides_which_was_first_out_and_not_the_longer_delay() -> None:
    (episode,) = episodes_of([said("A~high", 30, since_s=29), said("B~trip", 35, since_s=5)])

    assert (episode.first_out.alarm, episode.id) == ("B~trip", "A~high.30000")


def test_what_crept_up_for_an_hour_did_not_begin_what_broke_a_minute_ago() -> None:
    (episode,) = episodes_of([said("A~trip", 0, since_s=0), said("B~drift", 5, since_s=-3600)])

    assert episode.first_out.alarm == "A~trip"


def test_an_alarm_that_comes_back_is_counted_and_did_not_follow_itself() -> None:
    (episode,) = episodes_of([said("A~x", 0), said("A~x", 20), said("A~x", 40, what="severity")])

    assert (episode.annunciated, episode.followed) == (3, 0)


def test_what_asks_nobody_begins_nothing_and_follows_nothing() -> None:
    asked = [said("A~x", 0, what="returned"), said("B~y", 1, shelved=True), said("C~z", 2, priority=Priority.EVENT)]

    assert told(*asked) == []


def test_a_unit_that_is_never_quiet_has_an_episode_every_half_hour() -> None:
    episodes = episodes_of([said(f"A{number}~x", 60 * number) for number in range(100)])

    assert [each.annunciated for each in episodes] == [7, 31, 31, 31]


def test_a_prefix_of_what_was_said_gives_the_same_episodes_as_far_as_it_goes() -> None:
    """A replay that stops, and goes on, tells the same ids."""
    every = [said(f"A{number}~x", 45 * number % 700, unit=f"R{number % 3}") for number in range(60)]

    def ids(found: list[Episode]) -> list[str]:
        return [each.id for each in reversed(found)]

    whole = ids(episodes_of(every))
    assert all(whole[: len(part)] == part for cut in range(60) if (part := ids(episodes_of(every[:cut]))))


def test_a_digest_of_a_flood_says_what_began_it_and_how_much_there_is() -> None:
    lines = digest_of_flood(
        [
            said("R101.CW~cooling", 0, priority=Priority.CRITICAL),
            *(said(f"R101.T{number}~high", 1 + number) for number in range(12)),
            said("R102.PT~low", 3, unit="R102", priority=Priority.LOW),
        ]
    )

    assert lines == [
        "First: R101.CW cooling; 12 followed in 12 s.",
        "Then R102: R102.PT low.",
        "By priority: 1 critical, 12 high, 1 low.",
        "By unit: 13 R101, 1 R102.",
    ]
