"""Who hears of what, and in which words."""

from dataclasses import replace

import pytest

from alarms.routing import Audience, notices_for, notices_for_all
from alarms.wording import Wording
from domain.alarms import AlarmFacts, Transition
from domain.rules import Priority
from domain.time import MINUTE_NS, parse_time_ns
from tests.checks.records import transition

LEADS = Audience("leads", Priority.HIGH)
NEWS = ("activated", "severity", "unshelved", "unsuppressed", "realarmed")
UNSEEN = AlarmFacts(active=True, acknowledged=False)


def said(what: str = "activated", **changed: object) -> Transition:
    made = replace(
        transition(),
        what=what,
        facts=UNSEEN,
        at_ns=parse_time_ns("2026-03-01T10:12:00Z"),
        since_ns=parse_time_ns("2026-03-01T10:00:00Z"),
        respond_within_ns=10 * MINUTE_NS,
        person="",
        comment="",
        announces=what in NEWS,
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # the caller names fields


def hears(transition: Transition, audience: Audience = LEADS) -> bool:
    return bool(notices_for(transition, [audience]))


def test_people_hear_of_their_priority_and_worse() -> None:
    heard = [priority for priority in Priority if hears(said(priority=priority))]
    assert heard == [Priority.CRITICAL, Priority.HIGH]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("activated", True),
        ("severity", True),
        ("eased", False),
        ("returned", False),
        ("acknowledged", False),
        ("shelved", False),
        ("commented", False),
        ("realarmed", True),
        ("unsuppressed", True),
        ("suppressed", False),
    ],
)
def test_only_what_needs_somebody_is_told(what: str, told: bool) -> None:
    assert hears(said(what)) is told


def test_returns_and_acknowledgements_are_told_to_those_who_want_them() -> None:
    curious = Audience("leads", Priority.HIGH, returns=True, acknowledgements=True)
    assert hears(said("returned", facts=AlarmFacts(acknowledged=False)), curious)
    assert hears(said("acknowledged", person="Ann"), curious)


def test_a_shelved_alarm_sounds_no_horn() -> None:
    shelved = replace(UNSEEN, shelved_until_ns=5, shelved_priority=Priority.HIGH)
    assert not hears(said("activated", facts=shelved))


def test_a_shelf_that_ends_over_an_alarm_that_nobody_has_seen_is_told() -> None:
    assert hears(said("unshelved"))
    assert not hears(said("unshelved", person="Ann", announces=False))


def test_what_the_control_system_sounds_for_is_not_told_a_second_time() -> None:
    linked = said(dcs_alarm="TIC101.HI", announces=False)

    assert not hears(linked)
    assert not hears(replace(linked, what="returned"), Audience("leads", Priority.HIGH, returns=True))
    assert hears(replace(linked, announces=True, dcs_priority=Priority.MEDIUM)), "ours is worse than theirs"


def test_each_channel_gets_its_own_notice_under_a_lasting_id() -> None:
    both = [LEADS, Audience("everybody", Priority.LOW)]
    notices = notices_for_all([said(), said(id="R101.TT~high.2", priority=Priority.LOW)], both)

    assert [each.id for each in notices] == [
        "R101.TT~high.1@leads",
        "R101.TT~high.1@everybody",
        "R101.TT~high.2@everybody",
    ]
    assert notices == notices_for_all([said(), said(id="R101.TT~high.2", priority=Priority.LOW)], both)


def test_the_text_says_what_where_since_when_and_what_to_do() -> None:
    (notice,) = notices_for(said(), [LEADS], Wording("demo", page_url="http://127.0.0.1:8087/"))

    assert notice.title == "HIGH: R101.TT high (occurrence 2)"
    assert notice.text.splitlines() == [
        "R101.TT is 62.4 degC, above 62",
        "site demo, unit R101, batch B-1, phase dose",
        "Since 2026-03-01T10:00:00Z (12 min)",
        "It is active, not acknowledged. Occurrence 2.",
        "Cause: Cooling lost",
        "Consequence: Impurity D",
        "Action: Stop dosing",
        "Respond within 10 min.",
        "Transition R101.TT~high.1",
        "http://127.0.0.1:8087/alarms/R101.TT~high",
    ]


def test_what_is_simulated_says_so_in_title_and_text() -> None:
    (notice,) = notices_for(said(), [LEADS], Wording(simulated=True))
    assert notice.title.startswith("SIMULATED ")
    assert "SIMULATED" in notice.text


def test_a_rise_says_that_it_is_worse_now() -> None:
    (notice,) = notices_for(said("severity", priority=Priority.CRITICAL, name="PAR high"), [LEADS])
    assert notice.title == "Now CRITICAL: R101.TT PAR high (occurrence 2)"
    assert notice.priority is Priority.CRITICAL


def test_what_is_not_known_is_left_out() -> None:
    bare = said(unit="", batch="", phase="", cause="", consequence="", action="", respond_within_ns=None, since_ns=None)
    (notice,) = notices_for(replace(bare, occurrence=1), [LEADS])
    assert notice.text.splitlines() == [
        "R101.TT is 62.4 degC, above 62",
        "It is active, not acknowledged.",
        "Transition R101.TT~high.1",
    ]
